"""How an outage or a flood holds suppressions: what that changes in a decision, and how it ends. Pure.

The ledger counts reports, knows who is held, and writes the result.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bounce_watcher.model.grounds import (
    Alarm,
    Confirmed,
    Excluded,
    ExclusionKind,
    Held,
    Outage,
    OutageOver,
    ProtectedMeanwhile,
    unwaited,
)
from bounce_watcher.model.ledger import (
    COMPLAINT_REASON,
    Alert,
    AlertKind,
    BounceEvent,
    CountedBounce,
    Decision,
    RecipientRecord,
    State,
    Step,
    Suppression,
    SuppressionSource,
)
from bounce_watcher.model.verdict import BounceType
from bounce_watcher.policy import transitions
from bounce_watcher.policy.exclusion import domain_protected
from bounce_watcher.policy.guards import outages
from bounce_watcher.policy.transitions import Transition


@dataclass(frozen=True, slots=True)
class Holder:
    """An outage or a flood that holds a recipient's suppression: the id, times and grounds of its alert."""

    alert: str
    since: datetime
    ends_at: datetime
    grounds: Alarm
    kind: AlertKind = AlertKind.OUTAGE


def holder_of(alert: Alert) -> Holder:
    assert alert.ends_at is not None, "what holds somebody has an end"
    return Holder(alert.id, alert.since, alert.ends_at, alert.grounds, alert.kind)


# ── how it changes a decision ───────────────────────────────────────────────────────────────────────────────────────

def in_outages(
    event: BounceEvent, decision: Decision, covering: Sequence[Alert], *, in_flood: bool
) -> tuple[Decision, Sequence[Alert]]:
    """Returns the decision under the outages that cover an event, and the alerts that hold the recipient because of it.

    A hard bounce in an outage leads to a held suppression. If the outage's alert is cleared, the bounce does not count.
    Nor does it count if a second bounce would have to confirm it: an outage of two days would confirm itself.
    """
    if not covering or decision.exclusion is not None or not outages.is_hard(event):
        return decision, ()
    if decision.step is Step.WATCH:
        return _struck_out(covering[0]), ()
    if decision.step is not Step.SUPPRESS:
        return decision, ()
    under_way = [alert for alert in covering if not alert.cleared]
    if not under_way or in_flood:
        return _struck_out(covering[0]), ()
    return replace(decision, step=Step.PEND, grounds=Held(decision.grounds, outage_of(under_way[0]))), under_way


def needs_room(decision: Decision, *, is_held: bool) -> bool:
    """Checks whether a decision would suppress a recipient who is not held yet: if unproven, it needs room."""
    would_suppress = decision.step is Step.SUPPRESS or (decision.step is Step.PEND and not is_held)
    return would_suppress and decision.exclusion is None


def without_room(record: RecipientRecord, decision: Decision, exclusion: Excluded) -> Decision:
    """Holds what may not pass. It does not count until another event or a person decides."""
    if record.state is State.SUPPRESSED:  # it would only extend the suppression
        return Decision(Step.NOTE, exclusion, exclusion)
    return replace(decision, step=Step.PEND, grounds=Held(unwaited(decision.grounds), exclusion), exclusion=exclusion)


def _struck_out(alert: Alert) -> Decision:
    exclusion = struck_out_by(holder_of(alert))
    return Decision(Step.NOTE, exclusion, exclusion)


def struck_out_by(holder: Holder) -> Excluded:
    return Excluded(ExclusionKind.IN_OUTAGE, outage=outage_of(holder))


def outage_of(of: Alert | Holder) -> Outage:
    assert isinstance(of.grounds, Outage), "a flood has no end of its own"
    return of.grounds


# ── what was suppressed before the alarm ────────────────────────────────────────────────────────────────────────────

def is_taken_back(current: Suppression | None, alert: Alert) -> bool:
    """Checks whether an alarm raised later must hold a suppression that is already in force."""
    return (
        current is not None and current.source is SuppressionSource.POLICY and current.since >= alert.since
        and current.bounce_type is BounceType.HARD
    )


def taken_back(record: RecipientRecord, alert: Alert) -> Transition:
    """Holds a suppression that was in force before the alarm. Check `is_taken_back` first."""
    current = record.suppression
    if current is None:
        return Transition(record)
    grounds = Held(unwaited(current.grounds), outage_of(alert))
    return transitions.hold(record, max(alert.raised_at, current.since), grounds)


# ── how it ends ─────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class HoldOutcome:
    """What happens to a recipient when everything that holds it is over; `is_true`: it is suppressed."""

    change: Transition
    is_true: bool


def settled(
    record: RecipientRecord, holding: Sequence[Holder], counted: Iterable[CountedBounce],
    may_pass: Callable[[Suppression], bool],
) -> HoldOutcome:
    """Suppresses a recipient if something outside the outages counts against it, else releases it.

    `may_pass` is called with a suppression before it is put in force: one on unproven reports needs room.
    """
    end = max(each.ends_at for each in holding)
    against = next((bounce for bounce in counted if _is_independent(bounce, holding)), None)
    current, grounds = record.suppression, record.grounds
    if against is None or current is None or grounds is None or record.protected or not may_pass(current):
        return HoldOutcome(transitions.release(record, end, OutageOver(outage_of(holding[0]))), is_true=False)
    confirmed = Confirmed(grounds, against.reason or COMPLAINT_REASON, against.at)
    return HoldOutcome(transitions.confirm(record, end, confirmed), is_true=True)


def _is_independent(bounce: CountedBounce, holding: Sequence[Holder]) -> bool:
    if bounce.reason is None:
        return True
    is_outside = all(not each.since <= bounce.at <= each.ends_at for each in holding)
    return bounce.reason.bounce_type is BounceType.HARD and is_outside


def wait_ended(record: RecipientRecord, now: datetime, wait: timedelta) -> Transition:
    """Puts a waiting suppression in force if its wait is over by `now`. For a recipient that no alert holds.

    If the recipient has been protected meanwhile, releases it instead.
    """
    waiting = record.suppression
    if waiting is None or waiting.state is not State.PENDING or waiting.since + wait > now:
        return Transition(record)
    over = waiting.since + wait
    if record.protected:
        return transitions.release(record, over, ProtectedMeanwhile(domain_protected(record.protected)))
    return transitions.confirm(record, over, unwaited(waiting.grounds))
