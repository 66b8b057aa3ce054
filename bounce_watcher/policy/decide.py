"""What follows from one event: the one place where a suppression is decided.

`decide` is pure and takes the event's own time as now, so a stored history replayed in its order gives the same
decisions. What it is given holds for one recipient in one stream.

An event that reaches a recipient who is already suppressed still counts (`Decision.counted` is None, the step is
NOTE): so a second hard bounce confirms the first even while a mailbox-full suppression lasts. Nothing is counted twice
by that, for what came before a release, or before the end of a suppression, never counts after it.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import (
    COMPLAINT_REASON,
    BounceEvent,
    CountedBounce,
    Decision,
    History,
    RecipientRecord,
    State,
    Step,
    Suppression,
)
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.policy.counting import CountRule, count_rule
from bounce_watcher.policy.exclusion import Case, why_not
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.policy.tally import of_type, tally
from bounce_watcher.policy.words import day


def decide(event: BounceEvent, history: History, settings: PolicySettings) -> Decision:
    """NOTE, WATCH or SUPPRESS, and why. Total: never raises. `settings.mode` is the caller's affair."""
    current, released_at = _standing(event.at, history.record)
    earlier = tuple(each for each in history.counted if _still_counts(each, event, released_at))
    against = why_not(Case(event, earlier, released_at, settings))
    if against is not None:
        return Decision(Step.NOTE, because=against, counted=against)
    if current is None:
        return _weigh(event, earlier, settings)
    if current.until is None or _is_soft(event):
        return _held(current)
    return _beside(current, _weigh(event, earlier, settings))


def _standing(now: datetime, record: RecipientRecord) -> tuple[Suppression | None, datetime | None]:
    """The suppression in force, and until when nothing counts any more. One that has run out is as good as released."""
    current = record.suppression
    if current is None or current.until is None or current.until > now:
        return current, record.released_at
    return None, max(current.until, record.released_at or current.until)


def _still_counts(bounce: CountedBounce, event: BounceEvent, released_at: datetime | None) -> bool:
    return bounce.event_id != event.id and (released_at is None or bounce.at > released_at)


def _weigh(event: BounceEvent, earlier: tuple[CountedBounce, ...], settings: PolicySettings) -> Decision:
    """What a counting event comes to, were the recipient not suppressed already."""
    if event.kind is Kind.COMPLAINT or event.reason is None:
        return _at_once(event, f"{COMPLAINT_REASON} ({event.feedback_type})", settings.complaint_expiry)
    match count_rule(event.reason):
        case CountRule.SUPPRESS_NOW:
            return _at_once(event, event.reason, settings.hard_expiry)
        case CountRule.CONFIRM | CountRule.THRESHOLD:
            return _by_threshold(event, event.reason, earlier, settings)
        case CountRule.NEVER:
            return Decision(Step.NOTE, because=f"{event.reason} never counts", counted="never counts")


def _at_once(event: BounceEvent, what: str, expiry: timedelta | None) -> Decision:
    because = f"1 of 1: {what} on {day(event.at)}"
    return Decision(Step.SUPPRESS, because, until=_after(event.at, expiry), events=(event.id,))


def _by_threshold(
    event: BounceEvent, reason: Reason, earlier: tuple[CountedBounce, ...], settings: PolicySettings
) -> Decision:
    hard = reason.bounce_type is BounceType.HARD
    bounce = CountedBounce(event.id, event.at, reason, event.sent_message_id)
    result = tally(bounce, of_type(earlier, reason), settings.confirm if hard else settings.soft)
    if not result.is_met:
        return Decision(Step.WATCH, result.because)
    until = _after(result.last_at, settings.hard_expiry if hard else settings.soft_expiry)
    return Decision(Step.SUPPRESS, result.because, until=until, events=tuple(each.event_id for each in result.bounces))


def _after(moment: datetime, expiry: timedelta | None) -> datetime | None:
    """The end of an expiry; None = for good, and so is one beyond the calendar."""
    try:
        return None if expiry is None else moment + expiry
    except OverflowError:
        return None


def _held(current: Suppression) -> Decision:
    held = "held back" if current.state is State.PENDING else "already suppressed"
    return Decision(Step.NOTE, because=f"{held} since {day(current.since)}: {current.because}")


def _beside(current: Suppression, outcome: Decision) -> Decision:
    """A hard bounce or a complaint makes a suppression that would end sooner the longer one; all else is noted."""
    if outcome.step is not Step.SUPPRESS or not _ends_later(outcome.until, current.until):
        return _held(current)
    step = Step.PEND if current.state is State.PENDING else Step.SUPPRESS
    return replace(outcome, step=step, because=f"{outcome.because}; {_until(current)} before")


def _is_soft(event: BounceEvent) -> bool:
    return event.reason is not None and event.reason.bounce_type is BounceType.SOFT


def _ends_later(this: datetime | None, that: datetime | None) -> bool:
    """None is for good."""
    return that is not None and (this is None or this > that)


def _until(current: Suppression) -> str:
    return f"suppressed until {day(current.until)}" if current.until else "suppressed for good"
