"""Replays the history of one recipient in one stream. Pure: works on events and steps in chronological order.

What reports led to is decided again. What a person, a platform or the outage guard did stays as it was.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import merge
from operator import attrgetter

from bounce_watcher.model.grounds import (
    ByPerson,
    Excluded,
    ExclusionKind,
    Grounds,
    Held,
    Reread,
    StillCounts,
    Undone,
)
from bounce_watcher.model.ledger import (
    BounceEvent,
    ChangedBy,
    CountedBounce,
    Decision,
    History,
    RecipientRecord,
    State,
    StateChange,
    Step,
    Suppression,
    SuppressionSource,
)
from bounce_watcher.policy import transitions
from bounce_watcher.policy.deliveries import unanswered

Decide = Callable[[BounceEvent, History], Decision]

LONGEST_HISTORY = 100  # how many counted events of one recipient `decide` gets at most: the most recent ones
NOT_BY_REPORTS = (ChangedBy.PERSON, ChangedBy.PLATFORM, ChangedBy.GUARD)
"""A replay leaves the steps of these as they were."""

_at = attrgetter("at")
_RELEASED = frozenset({State.ACTIVE, State.RELEASED})


@dataclass(slots=True)
class Replay:
    """The state of a recipient after the entries so far. Keeps neither the record's figures nor its `sequence`."""

    record: RecipientRecord
    counted: list[CountedBounce] = field(default_factory=list)

    def take(self, event: BounceEvent, decide: Decide) -> Decision:
        """Decides on one event as `record_page` does, with the history replayed so far."""
        self.until(event.at)
        decision = self._decided(event, decide)
        if decision.exclusion is None:
            insort(self.counted, CountedBounce.of(event), key=_at)
            del self.counted[:-LONGEST_HISTORY]
        self.record = transitions.apply_again(self.record, event, decision)
        return decision

    def _decided(self, event: BounceEvent, decide: Decide) -> Decision:
        """Decides on an event; what a person or a guard has excluded stays excluded.

        The policy may give another reason why such an event does not count. In a replay it is known that an outage is
        over, so nothing reported in it counts. What a flood held is held again, whatever happened to it later.
        """
        struck = event.exclusion
        if struck is not None and struck.why is ExclusionKind.UNDONE:
            return Decision(Step.NOTE, struck, struck)
        current = self.record.suppression  # the only one held here is held by a flood: the policy does not see it
        is_held = current is not None and current.state is State.PENDING
        looked_at = replace(self.record, suppression=None) if is_held else self.record
        decision = decide(event, history_at(looked_at, self.counted, event.at))
        if decision.exclusion is not None or struck is None:
            return decision
        if struck.why is ExclusionKind.IN_OUTAGE:
            return Decision(Step.NOTE, struck, struck)
        if struck.why is ExclusionKind.IN_FLOOD:
            step = Step.PEND if decision.step is Step.SUPPRESS else Step.NOTE
            return replace(decision, step=step, grounds=Held(decision.grounds, struck), exclusion=struck)
        return decision

    def repeat(self, step: StateChange) -> None:
        """Repeats a step that did not come from a report."""
        self.until(step.at)
        if step.by is not ChangedBy.GUARD and step.state is State.SUPPRESSED:
            by_hand = Suppression(
                step.recipient, step.stream, State.SUPPRESSED, reason=step.reason, since=step.at,
                grounds=_grounds(step), source=SuppressionSource.MANUAL, until=step.until,
            )
            self.record = transitions.suppress(self.record, by_hand).record
        elif step.state in _RELEASED and step.by is ChangedBy.PLATFORM:
            counting = history_at(self.record, self.counted, step.at).counted
            self.record = transitions.apply_delivery(self.record, step.at, counting).record
        elif step.state in _RELEASED:
            self.record = transitions.release(self.record, step.at, _grounds(step)).record

    def until(self, now: datetime) -> None:
        """Ends a suppression that has expired by `now`."""
        if self.record.suppression is not None:
            self.record = transitions.release_expired(self.record, now).record


def history_at(record: RecipientRecord, counted: Iterable[CountedBounce], at: datetime) -> History:
    """Returns the history for a decision on an event at `at`: those of `counted` that still count."""
    if record.released_at is not None:
        counted = [each for each in counted if each.at > record.released_at]
    if record.delivered_at is not None:
        counted = unanswered(counted, record, at)
    return History(record, tuple(counted))


def go_through(
    replay: Replay, events: Iterable[BounceEvent], steps: Sequence[StateChange], decide: Decide
) -> Iterator[tuple[BounceEvent, Decision]]:
    """Yields each event with the decision on it now. `events` and `steps` are in chronological order."""
    entries: Iterable[BounceEvent | StateChange] = merge(events, steps, key=_at) if steps else events
    for entry in entries:
        if isinstance(entry, StateChange):
            replay.repeat(entry)
        else:
            yield entry, replay.take(entry, decide)


@dataclass(frozen=True, slots=True)
class Correction:
    """What a replay changes: the record's `change` (None = nothing), and the `exclusions` of events."""

    change: transitions.Transition | None
    exclusions: tuple[tuple[str, Excluded | None], ...] = ()


def correct(
    record: RecipientRecord, events: Sequence[BounceEvent], steps: Sequence[StateChange], decide: Decide, *,
    touched: frozenset[str], cause: Undone | Reread, now: datetime, may_suppress: bool,
) -> Correction:
    """Compares a record with a replay of its history, after the events named in `touched` have changed.

    A suppression by a person or a platform stays, and so does one that rests on none of `touched`. A suppression that
    has lost its grounds is released with `cause` as the grounds. One that still has grounds goes on with those. A held
    suppression stays held. A new suppression begins only with `may_suppress`.
    """
    replay = Replay(RecipientRecord(record.recipient, record.stream, protected=record.protected))
    decided = list(go_through(replay, events, steps, decide))
    replay.until(now)
    exclusions = tuple((event.id, it.exclusion) for event, it in decided if event.exclusion != it.exclusion)
    return Correction(_held_against(record, replay.record, touched, cause, now, may_suppress), exclusions)


def _held_against(
    record: RecipientRecord, then: RecipientRecord, touched: frozenset[str], cause: Undone | Reread, now: datetime,
    may_suppress: bool,
) -> transitions.Transition | None:
    standing, wanted = record.suppression, then.suppression
    if standing is None:
        if wanted is None or wanted.state is State.PENDING:
            return _watching(record, then)
        return transitions.suppress(record, replace(wanted, since=now)) if may_suppress else None
    if standing.source is not SuppressionSource.POLICY or touched.isdisjoint(standing.events):
        return None
    if wanted is None:
        return _lifted(record, then, cause, now)
    if (wanted.events, wanted.until, wanted.reason) == (standing.events, standing.until, standing.reason):
        return None
    return transitions.suppress(replace(record, suppression=None), replace(wanted, state=standing.state))


def _watching(record: RecipientRecord, then: RecipientRecord) -> transitions.Transition | None:
    """Updates a record without a suppression before and after: fewer or more events may count."""
    is_same = (record.state, record.grounds) == (then.state, then.grounds)
    if is_same or State.WATCHING not in {record.state, then.state}:
        return None
    return transitions.Transition(replace(record, state=then.state, grounds=then.grounds))


def _lifted(
    record: RecipientRecord, then: RecipientRecord, cause: Undone | Reread, now: datetime
) -> transitions.Transition:
    """Releases the suppression, but unlike a person's release: what still counts goes on counting."""
    lifted = transitions.release(record, now, cause)
    left = replace(
        lifted.record, released_at=then.released_at, expiry_level=then.expiry_level, expired_reason=then.expired_reason
    )
    if then.state is State.WATCHING and then.grounds is not None:
        left = replace(left, state=State.WATCHING, grounds=StillCounts(then.grounds, cause))
    return replace(lifted, record=left)


def _grounds(step: StateChange) -> Grounds:
    """Returns the grounds of a step. The steps of a forgotten recipient keep none."""
    return step.grounds or ByPerson("")
