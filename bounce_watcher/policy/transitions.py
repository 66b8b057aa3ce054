"""What a decision, a delivery, a person or the clock changes: the next record, and the notices for targets.

`MOVES` is the machine that README.md draws. Pure: `decide` decides and the ledger writes.
"""

from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Any

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.grounds import Delivered, Expired, Grounds
from bounce_watcher.model.ledger import (
    ABUSE,
    COMPLAINT_REASON,
    BounceEvent,
    CountedBounce,
    Decision,
    NoticeType,
    Occurrence,
    RecipientRecord,
    Scope,
    State,
    Step,
    Suppression,
    SuppressionSource,
)
from bounce_watcher.model.times import timestamp
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.policy.deliveries import unanswered, with_bounce, with_delivery


class Move(StrEnum):
    """What may happen to a recipient."""

    WATCH = "watch"        # a bounce counts, but is not enough
    PEND = "pend"          # enough, but held
    SUPPRESS = "suppress"  # enough, or a person asks for it
    CONFIRM = "confirm"    # puts a held suppression in force
    HOLD = "hold"          # holds a suppression that is in force
    RELEASE = "release"    # by a person or after an outage: earlier events no longer count
    EXPIRE = "expire"      # its time is over: earlier events no longer count
    RESET = "reset"        # the platform delivered: earlier events no longer count


MOVES: Mapping[tuple[State, Move], State] = MappingProxyType({
    (State.ACTIVE, Move.WATCH): State.WATCHING,
    (State.RELEASED, Move.WATCH): State.WATCHING,
    (State.ACTIVE, Move.PEND): State.PENDING,
    (State.WATCHING, Move.PEND): State.PENDING,
    (State.RELEASED, Move.PEND): State.PENDING,
    (State.ACTIVE, Move.SUPPRESS): State.SUPPRESSED,
    (State.WATCHING, Move.SUPPRESS): State.SUPPRESSED,
    (State.PENDING, Move.SUPPRESS): State.SUPPRESSED,
    (State.RELEASED, Move.SUPPRESS): State.SUPPRESSED,
    (State.PENDING, Move.CONFIRM): State.SUPPRESSED,
    (State.SUPPRESSED, Move.HOLD): State.PENDING,
    (State.PENDING, Move.RELEASE): State.ACTIVE,
    (State.PENDING, Move.EXPIRE): State.ACTIVE,
    (State.SUPPRESSED, Move.RELEASE): State.RELEASED,
    (State.SUPPRESSED, Move.EXPIRE): State.RELEASED,
    (State.WATCHING, Move.RELEASE): State.ACTIVE,
    (State.WATCHING, Move.RESET): State.ACTIVE,
})


def after(state: State, move: Move) -> State:
    """Returns the next state. A move that the table does not list for `state` changes nothing."""
    return MOVES.get((state, move), state)


_COUNT_OF_ACTION = {
    Action.DELAYED: "delay",
    **dict.fromkeys((Action.DELIVERED, Action.RELAYED, Action.EXPANDED), "delivered"),
}
_COUNT_OF_KIND = {Kind.DELAY: "delay", Kind.DELIVERED: "delivered"}

_Changes = dict[str, Any]                              # fields of the record, by name
_Tell = Callable[[], Mapping[str, object]]
_Notice = tuple[NoticeType, datetime, _Tell]           # an occurrence that has no sequence yet
_Step = tuple[_Changes, Sequence[_Notice]]


@dataclass(frozen=True, slots=True)
class Transition:
    """A recipient's next record, and what happened on the way, each with its sequence."""

    record: RecipientRecord
    occurrences: tuple[Occurrence, ...] = ()


class _OccurrenceData(Mapping[str, object]):
    """The data of an occurrence, built only when read: most occurrences have no listener."""

    __slots__ = ("_tell",)

    def __init__(self, tell: _Tell) -> None:
        self._tell = tell

    def __getitem__(self, name: str) -> object:
        return self._tell()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tell())

    def __len__(self) -> int:
        return len(self._tell())

    def items(self) -> ItemsView[str, object]:
        return self._tell().items()


def lapse(record: RecipientRecord) -> tuple[int, str | None]:
    """Returns `expiry_level` and `expired_reason` of a record whose suppression has expired.

    Only a suppression that the policy put in force raises the level: a held one was never reported to a target, and an
    end that a person set is no probation.
    """
    current = record.suppression
    if current is None or current.state is State.PENDING or current.source is not SuppressionSource.POLICY:
        return record.expiry_level, None
    return record.expiry_level + 1, current.reason


def apply_event(record: RecipientRecord, event: BounceEvent, decision: Decision) -> Transition:
    """Returns the change after one event and the decision on it."""
    record = _with_bounce(record, event, decision)
    changes, notices = _step(record, event, decision)
    return _change(record, _tally(record, event) | changes, (*_event_notices(event, decision), *notices))


def apply_again(record: RecipientRecord, event: BounceEvent, decision: Decision) -> RecipientRecord:
    """Does the same as `apply_event` for a replay: without figures and notices."""
    record = _with_bounce(record, event, decision)
    changes, _ = _step(record, event, decision)
    return replace(record, **changes) if changes else record


def _with_bounce(record: RecipientRecord, event: BounceEvent, decision: Decision) -> RecipientRecord:
    believed = event.reason is not None and (decision.exclusion is None or decision.is_duplicate)
    return with_bounce(record, event.at) if believed else record


def release_expired(record: RecipientRecord, at: datetime) -> Transition:
    """Ends a suppression whose time is over at `at`.

    It ends at its `until`, so the record does not depend on when the ledger is read.
    """
    suppression = record.suppression
    if suppression is None or suppression.until is None or suppression.until > at:
        return Transition(record)
    expiry_level, expired_reason = lapse(record)
    changes, notices = _ended(record, suppression.until, Expired(), Move.EXPIRE)
    return _change(record, {**changes, "expiry_level": expiry_level, "expired_reason": expired_reason}, notices)


def suppress(record: RecipientRecord, wanted: Suppression) -> Transition:
    """Suppresses a recipient, or holds the suppression if `wanted.state` is PENDING.

    A current suppression stays as it is unless `wanted` lasts longer, is wider, or turns PENDING into SUPPRESSED.
    """
    return _change(record, *_suppressed(record, wanted))


def release(record: RecipientRecord, at: datetime, grounds: Grounds, *, expiry_level: int = 0) -> Transition:
    """Releases a recipient: nothing at or before `at` counts any more.

    Makes a notice only for a suppression in force: a pending one was never reported.
    """
    return _change(record, *_released(record, at, grounds, expiry_level))


def reset(record: RecipientRecord, grounds: Grounds) -> Transition:
    """Ends the watching of a recipient. A suppression in force or held stays."""
    state = after(record.state, Move.RESET)
    return Transition(record) if state is record.state else _change(record, {"state": state, "grounds": grounds}, ())


def confirm(record: RecipientRecord, at: datetime, grounds: Grounds) -> Transition:
    """Puts a held suppression in force and makes a notice of it. Any other record stays as it is."""
    pending = record.suppression
    if pending is None or pending.state is not State.PENDING:
        return Transition(record)
    wanted = replace(pending, state=after(pending.state, Move.CONFIRM), grounds=grounds)
    changes = {"state": wanted.state, "grounds": grounds, "suppression": wanted}
    return _change(record, changes, ((NoticeType.SUPPRESSED, at, partial(_suppression_data, wanted)),))


def hold(record: RecipientRecord, at: datetime, grounds: Grounds) -> Transition:
    """Holds a suppression in force or pending; `confirm` or `release` comes later. Any other record stays as it is.

    For a suppression in force it makes a notice of a release. What counted goes on counting.
    """
    current = record.suppression
    if current is None:
        return Transition(record)
    pending = replace(current, state=after(current.state, Move.HOLD), grounds=grounds)
    changes = {"state": pending.state, "grounds": grounds, "suppression": pending}
    notice = (NoticeType.RELEASED, at, partial(_suppression_data, pending))
    return _change(record, changes, () if current.state is State.PENDING else (notice,))


def tell(record: RecipientRecord, at: datetime) -> Transition:
    """Makes a notice at `at` of the suppression in force, which stays as it is. Does nothing for any other record."""
    current = record.suppression
    if current is None or current.state is not State.SUPPRESSED:
        return Transition(record)
    return _change(record, {}, ((NoticeType.SUPPRESSED, at, partial(_suppression_data, current)),))


def tell_end(record: RecipientRecord, at: datetime, told: Mapping[str, object]) -> Transition:
    """Makes a notice at `at` that a suppression has ended, with the grounds of the record.

    `told` is the data with which the suppression was reported.
    """
    return _change(record, {}, ((NoticeType.RELEASED, at, partial(dict, told, grounds=record.grounds)),))


def apply_delivery(
    record: RecipientRecord, at: datetime, counted: Sequence[CountedBounce], *, is_unproven: bool = False
) -> Transition:
    """Returns the change after a delivery at `at`. `counted` holds the bounces that count against the recipient.

    The delivery ends a suppression for soft bounces, and any that a flood of unproven reports holds. A suppression for
    a hard reason, or by a person, stays and shows the delivery beside it: spam traps are dead addresses that accept
    mail again, and a person can judge that. `is_unproven`: a flood holds the suppression, so the delivery is stronger
    evidence than the report behind it.
    """
    if record.delivered_at is not None and at <= record.delivered_at:  # by another writer, before the lock
        return Transition(record)
    seen = with_delivery(record, at, counted)
    grounds = Delivered(at)
    current = seen.suppression
    if current is not None and current.since < at and (is_unproven or _is_for_soft_bounces(current)):
        return release(seen, at, grounds, expiry_level=seen.expiry_level)
    stands = seen.delivered_since is not None and not any(unanswered(counted, seen, at))
    return reset(seen, grounds) if stands else Transition(seen)


def _is_for_soft_bounces(current: Suppression) -> bool:
    return current.source is SuppressionSource.POLICY and current.bounce_type is BounceType.SOFT


def _change(record: RecipientRecord, changes: _Changes, notices: Sequence[_Notice]) -> Transition:
    if not changes and not notices:
        return Transition(record)
    occurrences = tuple(
        Occurrence(kind, at, record.recipient, record.stream, sequence, _OccurrenceData(tell))
        for sequence, (kind, at, tell) in enumerate(notices, record.sequence + 1)
    )
    return Transition(replace(record, sequence=record.sequence + len(notices), **changes), occurrences)


def _tally(record: RecipientRecord, event: BounceEvent) -> _Changes:
    name = _count_name(event)
    return {
        "counts": record.counts if name is None else {**record.counts, name: record.counts.get(name, 0) + 1},
        "first_event_at": min(record.first_event_at or event.at, event.at),
        "last_event_at": max(record.last_event_at or event.at, event.at),
    }


def taken_out(record: RecipientRecord, event: BounceEvent) -> Transition:
    """Takes an event that did not count out of the record's figures."""
    name = _count_name(event)
    left = record.counts.get(name or "", 0) - 1
    others = {other: number for other, number in record.counts.items() if other != name}
    return Transition(replace(record, counts=others if name is None or left < 1 else {**others, name: left}))


def _count_name(event: BounceEvent) -> str | None:
    if event.kind is Kind.COMPLAINT:
        return "complaint" if event.feedback_type == ABUSE else None
    if event.action in _COUNT_OF_ACTION:
        return _COUNT_OF_ACTION[event.action]
    return _COUNT_OF_KIND.get(event.kind) or _plain(event.bounce_type)


def _event_notices(event: BounceEvent, decision: Decision) -> tuple[_Notice, ...]:
    """Returns bounce.recorded for a failure, complaint.recorded for a complaint of abuse, else no notice."""
    if event.kind is Kind.COMPLAINT and event.feedback_type == ABUSE:
        return ((NoticeType.COMPLAINT, event.at, partial(_event_data, event, decision)),)
    if event.bounce_type is not None and _count_name(event) == event.bounce_type:
        return ((NoticeType.BOUNCE, event.at, partial(_event_data, event, decision)),)
    return ()


def _step(record: RecipientRecord, event: BounceEvent, decision: Decision) -> _Step:
    match decision.step:
        case Step.WATCH if record.suppression is None:
            return {"state": after(record.state, Move.WATCH), "grounds": decision.grounds}, ()
        case Step.PEND:
            return _suppressed(record, _suppression(event, decision, State.PENDING))
        case Step.SUPPRESS:
            return _suppressed(record, _suppression(event, decision, State.SUPPRESSED))
        case Step.RELEASE:
            return _released(record, event.at, decision.grounds, 0)
        case _:
            return {}, ()


def _suppressed(record: RecipientRecord, wanted: Suppression) -> _Step:
    current, at = record.suppression, wanted.since
    if current is not None:
        if not _goes_further(wanted, current):
            return {}, ()
        if current.state is wanted.state:
            wanted = _joined(wanted, current)
    move = Move.PEND if wanted.state is State.PENDING else Move.SUPPRESS
    changes = {"state": after(record.state, move), "grounds": wanted.grounds, "suppression": wanted}
    if move is Move.PEND:
        return changes, ()
    return changes, ((NoticeType.SUPPRESSED, at, partial(_suppression_data, wanted)),)


def _released(record: RecipientRecord, at: datetime, grounds: Grounds, expiry_level: int) -> _Step:
    changes, notices = _ended(record, at, grounds, Move.RELEASE)
    return {**changes, "expiry_level": expiry_level, "expired_reason": None}, notices


def _ended(record: RecipientRecord, at: datetime, grounds: Grounds, move: Move) -> _Step:
    current, released_at = record.suppression, max(record.released_at or at, at)
    changes = {
        "state": after(record.state, move), "grounds": grounds, "released_at": released_at, "suppression": None,
    }
    if current is None or current.state is not State.SUPPRESSED:
        return changes, ()
    return changes, ((NoticeType.RELEASED, at, partial(_suppression_data, replace(current, grounds=grounds))),)


def _suppression(event: BounceEvent, decision: Decision, state: State) -> Suppression:
    reason = COMPLAINT_REASON if event.kind is Kind.COMPLAINT else str(event.reason or Reason.UNKNOWN)
    return Suppression(
        event.recipient, event.stream, state, reason, since=event.at, until=decision.until,
        grounds=decision.grounds, source=SuppressionSource.POLICY, scope=decision.scope,
        bounce_type=event.bounce_type, status=event.status, diagnostic=event.diagnostic,
        events=decision.events or (event.id,),
    )


def _goes_further(wanted: Suppression, current: Suppression) -> bool:
    if wanted.state is not current.state:
        return wanted.state is State.SUPPRESSED
    is_wider = wanted.scope is Scope.GLOBAL and current.scope is Scope.STREAM
    return is_wider or _later(wanted.until, current.until) != current.until


def _joined(wanted: Suppression, current: Suppression) -> Suppression:
    """Returns `wanted` extended so that it is nowhere shorter or narrower than `current`."""
    scope = Scope.GLOBAL if Scope.GLOBAL in (wanted.scope, current.scope) else Scope.STREAM
    since, until = min(current.since, wanted.since), _later(wanted.until, current.until)
    return replace(wanted, since=since, until=until, scope=scope)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    """Returns the later end; None is for good."""
    return None if one is None or other is None else max(one, other)


def _suppression_data(suppression: Suppression) -> dict[str, object]:
    """Returns the contract's fields of recipient.suppressed; recipient.released describes the suppression with them."""
    return {
        "bounce_type": _plain(suppression.bounce_type),
        "reason": suppression.reason,
        "status": suppression.status,
        "diagnostic": suppression.diagnostic,
        "since": timestamp(suppression.since),
        "until": timestamp(suppression.until) if suppression.until else None,
        "grounds": suppression.grounds,
        "source": _plain(suppression.source),
        "scope": _plain(suppression.scope),
        "events": list(suppression.events),
    }


def _event_data(event: BounceEvent, decision: Decision) -> dict[str, object]:
    return {
        "event": event.id,
        "kind": _plain(event.kind),
        "action": _plain(event.action),
        "bounce_type": _plain(event.bounce_type),
        "reason": _plain(event.reason),
        "status": event.status,
        "code": event.code,
        "diagnostic": event.diagnostic,
        "rule": event.rule,
        "evidence": _plain(event.evidence),
        "exclusion": decision.exclusion,
        "feedback_type": event.feedback_type,
        "sent_message_id": event.sent_message_id,
    }


def _plain(value: str | None) -> str | None:
    return None if value is None else str(value)
