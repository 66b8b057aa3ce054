"""What follows from one event: the one place where a suppression is decided.

`decide` is pure and takes the event's own time as now, so a stored history replayed in its order gives the same
decisions. Its arguments are about one recipient in one stream.

An event that reaches a recipient who is already suppressed still counts (`Decision.exclusion` is None, the step is
NOTE): so a second hard bounce confirms the first even while a mailbox-full suppression lasts. Nothing is counted twice
that way: what came before a release, or before the end of a suppression, never counts after it.

Bounces are compared with a threshold by whole days in UTC, not moments, so the order of two reports of one day never
matters.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial

from bounce_watcher.model.finding import Kind
from bounce_watcher.model.grounds import Again, AtOnce, Counted, Extended, Standing
from bounce_watcher.model.keys import DAY
from bounce_watcher.model.ledger import (
    COMPLAINT_REASON,
    BounceEvent,
    CountedBounce,
    Decision,
    History,
    RecipientRecord,
    Scope,
    State,
    Step,
    Suppression,
)
from bounce_watcher.model.times import utc_day
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.policy.counting import CountRule, counts_with, needs_confirmation, rule_of
from bounce_watcher.policy.deliveries import answered_until
from bounce_watcher.policy.exclusion import JudgedEvent, counted_already, why_not
from bounce_watcher.policy.guards.flood import is_unproven
from bounce_watcher.policy.settings import Ladder, PolicySettings, Threshold
from bounce_watcher.policy.transitions import lapse

_Ends = Callable[[datetime], datetime | None]  # when a suppression ends that begins at a time


def decide(event: BounceEvent, history: History, settings: PolicySettings) -> Decision:
    """Decides NOTE, WATCH, PEND or SUPPRESS, and why. Never raises. The caller handles `settings.mode`."""
    record = history.record
    standing = _standing(event.at, record)
    current, released_at = standing.current, standing.released_at
    others = (each for each in history.counted if each.event_id != event.id)
    earlier = tuple(each for each in others if released_at is None or each.at > released_at)
    case = JudgedEvent(event, earlier, released_at, record.answered_until, settings, record.protected)
    against = why_not(case)
    if against is not None:
        return Decision(Step.NOTE, against, exclusion=against)
    before = counted_already(case)
    if before is not None:
        return Decision(Step.NOTE, before, exclusion=before, is_duplicate=True)
    if current is not None and event.reason is not None and event.reason.bounce_type is BounceType.SOFT:
        return _held(current)
    outcome = _weigh(event, earlier, standing, settings)
    # What makes bounces doubtful does not hold complaints.
    is_other_matter = current is not None and current.state is State.PENDING and event.kind is Kind.COMPLAINT
    return outcome if current is None or is_other_matter else _beside(current, outcome)


@dataclass(frozen=True, slots=True)
class _Position:
    """What is in force when an event comes, and the time up to which nothing counts.

    `expired_reason` is the reason of a suppression that expired at that time.
    """

    current: Suppression | None
    released_at: datetime | None
    expiry_level: int
    expired_reason: str | None


def _standing(now: datetime, record: RecipientRecord) -> _Position:
    """Returns the position at `now`. An expired suppression is as good as released; a later delivery contradicts it."""
    current, ended_at = record.suppression, record.released_at
    expiry_level, expired_reason = record.expiry_level, record.expired_reason
    if current is not None and current.until is not None and current.until <= now:
        expiry_level, expired_reason = lapse(record)
        expired_reason = expired_reason if ended_at is None or ended_at < current.until else None
        ended_at = max(current.until, ended_at or current.until)
        current = None
    answered = answered_until(record, now)
    denied = answered is not None and (ended_at is None or answered > ended_at)
    return _Position(current, ended_at, expiry_level, None if denied else expired_reason)


def _weigh(
    event: BounceEvent, earlier: tuple[CountedBounce, ...], standing: _Position, settings: PolicySettings
) -> Decision:
    """Decides on an event that counts, as if the recipient were not suppressed yet."""
    ladder, scope = _terms(event, settings)
    ends = partial(_until, ladder, standing.expiry_level)
    if event.kind is Kind.COMPLAINT or event.reason is None:
        return _at_once(event, AtOnce(COMPLAINT_REASON, event.at, event.feedback_type), ends, scope)
    rule = rule_of(event, settings.reasons)
    if rule is CountRule.SUPPRESS_NOW:
        return _at_once(event, AtOnce(event.reason.value, event.at), ends, scope)
    threshold = _threshold(event, rule, settings)
    if again := _again(event, event.reason, standing, threshold):
        return _at_once(event, again, ends, scope)
    bounce = CountedBounce.of(event)
    beside = [each for each in earlier if counts_with(each, bounce, settings.reasons)]
    result = _tally(bounce, beside, threshold)
    if not result.is_met:
        return Decision(Step.WATCH, result.grounds)
    events = tuple(each.event_id for each in result.bounces)
    return Decision(Step.SUPPRESS, result.grounds, until=ends(result.last_at), events=events, scope=scope)


def _terms(event: BounceEvent, settings: PolicySettings) -> tuple[Ladder, Scope]:
    """Returns the ladder and the scope for an event. An unproven complaint suppresses in its own stream only."""
    if event.kind is Kind.COMPLAINT or event.reason is None:
        return settings.complaint_expiry, Scope.STREAM if is_unproven(event) else settings.complaint_scope
    if event.reason.bounce_type is BounceType.HARD:
        return settings.hard_expiry, settings.hard_scope
    return settings.soft_expiry, Scope.STREAM


def _threshold(event: BounceEvent, rule: CountRule, settings: PolicySettings) -> Threshold:
    """Returns the threshold of a rule. What needs confirmation needs another day, however low `confirm` is set."""
    if rule is not CountRule.CONFIRM:
        return settings.soft
    confirm = settings.confirm
    if needs_confirmation(event) is None:
        return confirm
    return replace(confirm, bounces=max(2, confirm.bounces), distinct_days=max(2, confirm.distinct_days))


def _at_once(event: BounceEvent, grounds: AtOnce | Again, ends: _Ends, scope: Scope) -> Decision:
    return Decision(Step.SUPPRESS, grounds, until=ends(event.at), events=(event.id,), scope=scope)


def _again(event: BounceEvent, reason: Reason, standing: _Position, threshold: Threshold) -> Again | None:
    """Returns the grounds if one bounce confirms an expired suppression: it comes soon and has the same reason.

    A bounce that needs confirmation itself confirms nothing alone.
    """
    ended_at = standing.released_at
    if needs_confirmation(event) is not None:
        return None
    if ended_at is None or standing.expired_reason != reason or event.at - ended_at > threshold.window:
        return None
    return Again(reason.value, event.at, ended_at, threshold.window.days)


def _held(current: Suppression) -> Decision:
    return Decision(Step.NOTE, Standing(current.grounds, current.since, held=current.state is State.PENDING))


def _beside(current: Suppression, outcome: Decision) -> Decision:
    """Extends a suppression where a hard bounce or a complaint makes it longer or wider; otherwise only notes it."""
    is_longer = current.until is not None and (outcome.until is None or outcome.until > current.until)
    is_wider = outcome.scope is Scope.GLOBAL and current.scope is Scope.STREAM
    if outcome.step is not Step.SUPPRESS or not (is_longer or is_wider):
        return _held(current)
    step = Step.PEND if current.state is State.PENDING else Step.SUPPRESS
    return replace(outcome, step=step, grounds=Extended(outcome.grounds, current.until))


def _until(ladder: Ladder, expiry_level: int, since: datetime) -> datetime | None:
    """Returns when a suppression at this level of the ladder ends; None = never, also for an end past the calendar."""
    expiry = ladder[min(expiry_level, len(ladder) - 1)]
    try:
        return None if expiry is None else since + expiry
    except OverflowError:
        return None


# ── how much counts ──────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class _Tally:
    """The bounces inside one window, oldest first, their days, and the threshold for them."""

    bounces: tuple[CountedBounce, ...]
    dates: tuple[date, ...]
    threshold: Threshold

    @property
    def span(self) -> int:
        """Days between the first and the last bounce."""
        return (self.dates[-1] - self.dates[0]).days

    @property
    def is_met(self) -> bool:
        needed = self.threshold
        return (
            len(self.bounces) >= needed.bounces
            and len(self.dates) >= needed.distinct_days
            and self.span * DAY >= needed.span
        )

    @property
    def last_at(self) -> datetime:
        return self.bounces[-1].at

    @property
    def grounds(self) -> Counted:
        needed = self.threshold
        return Counted(
            len(self.bounces), needed.bounces, self.dates, needed.distinct_days, self.span, -(-needed.span // DAY),
            needed.window // DAY, tuple(dict.fromkeys(bounce.reason or "" for bounce in self.bounces)),
            next(filter(None, map(needs_confirmation, reversed(self.bounces))), None),
        )


def _tally(bounce: CountedBounce, earlier: Sequence[CountedBounce], threshold: Threshold) -> _Tally:
    """Returns the window around `bounce` that comes closest to the threshold.

    Imports and slow mailboxes can bring reports out of order, so a window may also end with a bounce that is younger
    than this one and was counted before it.
    """
    everything = sorted((*earlier, bounce), key=lambda each: (each.at, each.event_id))
    windows = _windows(everything, utc_day(bounce.at), threshold)
    return max(windows, key=lambda window: (window.is_met, len(window.bounces)))


def _windows(bounces: Sequence[CountedBounce], today: date, threshold: Threshold) -> Iterator[_Tally]:
    length = threshold.window
    dated = [(utc_day(bounce.at), bounce) for bounce in bounces]
    near = [(when, bounce) for when, bounce in dated if abs(when - today) <= length]
    for end in sorted({when for when, _ in near if when >= today}):
        inside = [(when, bounce) for when, bounce in near if when <= end and end - when <= length]
        dates = sorted({when for when, _ in inside})
        yield _Tally(tuple(bounce for _, bounce in inside), tuple(dates), threshold)
