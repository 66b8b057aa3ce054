"""Reads the histories of recipients from the ledger, one recipient after the other, in bounded memory, and simulates
another policy on them.

In a simulation each recipient's events are replayed by time, with the steps that did not come from reports. The outage
guard does not run again: it counts the reports on all recipients together, but here recipients follow one another. What
it did stays: whom it released is released, and what it struck out counts under no policy. It holds nobody here: a
suppression counts from the day on which the policy decided on it. The flood guard does not run again either: what it
held is held here too, and what passed it passes.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, select, update

from bounce_watcher.ledger import protection
from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.paging import in_pages
from bounce_watcher.ledger.db.statements import KEYS, RecipientKey, chunks
from bounce_watcher.ledger.db.tables import (
    EVENT,
    RECIPIENT,
    STATE_CHANGE,
    SUPPRESSION,
    state_change_from_row,
    suppression_from_row,
)
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.grounds import Excluded
from bounce_watcher.model.ledger import (
    BounceEvent,
    ChangedBy,
    RecipientRecord,
    State,
    StateChange,
    Suppression,
    SuppressionSource,
)
from bounce_watcher.model.verdict import BounceType, Confidence, Reason
from bounce_watcher.policy.replay import NOT_BY_REPORTS, Decide, Replay, go_through

_PAGE = 5000

_EVIDENCE, _REASON = {str(each): each for each in Evidence}, {str(each): each for each in Reason}
_KIND, _ACTION = {str(each): each for each in Kind}, {str(each): each for each in Action}
_TYPE, _CONFIDENCE = {str(each): each for each in BounceType}, {str(each): each for each in Confidence}

# Only what a decision looks at: the texts of a report are most of a row.
_LOOKED_AT = tuple(EVENT.c[name] for name in (
    "recipient_key", "at", "id", "message_digest", "kind", "recipient", "stream", "action", "bounce_type", "reason",
    "status", "remote_mta", "evidence", "doubt", "feedback_type", "sent_message_id", "sending", "exclusion",
    "client_ip", "confidence", "forwarded",
))
_ORDER = (EVENT.c.recipient_key, EVENT.c.at, EVENT.c.id)
_of_address, _of_stream = attrgetter("recipient_key"), attrgetter("stream")
_TAKEN = frozenset({Action.DELIVERED, Action.RELAYED, Action.EXPANDED})

_STEPS = (
    select(STATE_CHANGE)
    .where(STATE_CHANGE.c.recipient_key.in_(KEYS), STATE_CHANGE.c.by.in_(NOT_BY_REPORTS))
    .order_by(STATE_CHANGE.c.recipient_key, STATE_CHANGE.c.number)
)
_STANDING = select(SUPPRESSION).where(SUPPRESSION.c.recipient_key.in_(KEYS))
_DELIVERED = select(RECIPIENT.c.stream, RECIPIENT.c.recipient_key, RECIPIENT.c.delivered_at).where(
    RECIPIENT.c.recipient_key.in_(KEYS), RECIPIENT.c.delivered_at.is_not(None)
)
_SET_EXCLUSION = update(EVENT).where(EVENT.c.id == bindparam("event_id")).values(
    excluded_kind=bindparam("new_kind"), exclusion=bindparam("new_exclusion", type_=EVENT.c.exclusion.type)
)


@dataclass(frozen=True, slots=True)
class Past:
    """All events of a recipient in a stream, in the order of time, and the steps that did not come from reports.

    Events hold only what a decision looks at. `standing` is the current suppression. `delivered_at` is when the
    platform last delivered, as far as it reported; it is among the steps too. `protected` is as in the record.
    """

    key: RecipientKey
    events: Sequence[BounceEvent]
    steps: Sequence[StateChange]
    standing: Suppression | None
    delivered_at: datetime | None
    protected: str | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """The addresses after `after` up to and including `until`, in alphabetical order; None = no bound."""

    after: str | None = None
    until: str | None = None


WHOLE = Stretch()


@dataclass(frozen=True, slots=True)
class Simulated:
    """One recipient in one stream: its suppression `now`, and `then`, the one under the other policy.

    `took_mail_at` is when it last took mail after the beginning of the suppression under the other policy (else the
    current one), as far as reports and the platform show; None = unknown. `events` is how many were replayed.
    """

    recipient: str
    stream: str
    events: int
    now: Suppression | None
    then: Suppression | None
    took_mail_at: datetime | None


def pasts(engine: Engine, stretch: Stretch = WHOLE) -> Iterator[Past]:
    """Yields everybody with events. Memory holds a page and the longest history of one address."""
    waiting: list[tuple[str, list[Any]]] = []
    size = 0
    chosen = select(*_LOOKED_AT)
    if stretch.until is not None:
        chosen = chosen.where(EVENT.c.recipient_key <= stretch.until)
    begin = None if stretch.after is None else EVENT.c.recipient_key > stretch.after
    for address, rows in groupby(chain.from_iterable(in_pages(engine, chosen, _ORDER, _PAGE, begin)), _of_address):
        history = list(rows)
        waiting.append((address, history))
        size += len(history)
        if size >= _PAGE:
            yield from _completed(engine, waiting)
            waiting, size = [], 0
    yield from _completed(engine, waiting)


def events_of(connection: Connection, keys: Sequence[RecipientKey]) -> dict[RecipientKey, list[BounceEvent]]:
    """Returns the events of these recipients, each in the order of time."""
    found: defaultdict[RecipientKey, list[BounceEvent]] = defaultdict(list)
    chosen = select(*_LOOKED_AT).where(EVENT.c.recipient_key.in_(KEYS)).order_by(*_ORDER)
    for part in chunks(sorted({key.address for key in keys})):
        for row in connection.execute(chosen, {"keys": part}):
            found[RecipientKey(row.stream, row.recipient_key)].append(_event(row))
    return found


def steps_of(
    connection: Connection, addresses: Sequence[str], delivered: Mapping[RecipientKey, datetime] | None = None
) -> dict[RecipientKey, list[StateChange]]:
    """Returns the steps of these recipients that did not come from reports, each in the order of time, including the
    last delivery."""
    found: defaultdict[RecipientKey, list[StateChange]] = defaultdict(list)
    for part in chunks(addresses):
        for row in connection.execute(_STEPS, {"keys": part}):
            found[RecipientKey(row.stream, row.recipient_key)].append(state_change_from_row(row))
    for key, at in (delivered if delivered is not None else deliveries_to(connection, addresses)).items():
        found[key].append(StateChange(key.address, key.stream, 0, at, State.ACTIVE, None, ChangedBy.PLATFORM))
    return {key: sorted(steps, key=attrgetter("at")) for key, steps in found.items()}


def deliveries_to(connection: Connection, addresses: Sequence[str]) -> dict[RecipientKey, datetime]:
    """Returns when the platform last delivered to these recipients, as far as it reported."""
    return {
        RecipientKey(row.stream, row.recipient_key): row.delivered_at
        for part in chunks(addresses)
        for row in connection.execute(_DELIVERED, {"keys": part})
    }


def _completed(engine: Engine, waiting: Sequence[tuple[str, list[Any]]]) -> Iterator[Past]:
    addresses = [address for address, _ in waiting]
    with reading(engine) as connection:
        delivered = deliveries_to(connection, addresses)
        steps, protected = steps_of(connection, addresses, delivered), protection.of(connection, set(addresses))
        standing = {
            RecipientKey(row.stream, row.recipient_key): suppression_from_row(row)
            for part in chunks(addresses)
            for row in connection.execute(_STANDING, {"keys": part})
        }
    for address, rows in waiting:
        rows.sort(key=_of_stream)  # stable: within a stream the order of time stays
        for stream, of_stream in groupby(rows, _of_stream):
            key = RecipientKey(stream, address)
            events = [_event(row) for row in of_stream]
            found = protected.get(address)
            yield Past(key, events, steps.get(key, ()), standing.get(key), delivered.get(key), found)


def _event(row: Any) -> BounceEvent:
    _, at, name, digest, kind, recipient, stream, action, bounce_type, reason, status, remote, *more = row
    evidence, doubt, feedback_type, sent_message_id, sending, exclusion, client_ip, confidence, forwarded = more
    return BounceEvent(
        name, digest, at, _KIND[kind], recipient, stream, _ACTION[action] if action else None, None,
        _TYPE[bounce_type] if bounce_type else None, _REASON[reason] if reason else None, status, None, None, remote,
        None, None, None, None, _EVIDENCE[evidence], doubt, feedback_type, sent_message_id, sending, None, None,
        exclusion, client_ip=client_ip, confidence=_CONFIDENCE[confidence] if confidence else None, forwarded=forwarded,
    )


def set_exclusions(connection: Connection, changes: Iterable[tuple[str, Excluded | None]]) -> None:
    """Writes why events, given by their ids, do not count (None = they count)."""
    if rows := [
        {"event_id": name, "new_kind": excluded and excluded.why.value, "new_exclusion": excluded}
        for name, excluded in sorted(changes, key=itemgetter(0))
    ]:
        connection.execute(_SET_EXCLUSION, rows)


# ── simulated ───────────────────────────────────────────────────────────────────────────────────────────────────────

def simulated(past: Past, decide: Decide, now: datetime) -> Simulated:
    """Replays a recipient's history under another policy, up to `now`."""
    recipient = past.events[0].recipient
    replay = Replay(RecipientRecord(recipient, past.key.stream, protected=past.protected))
    for _ in go_through(replay, past.events, past.steps, decide):
        pass
    replay.until(now)
    then, standing = _by_policy(replay.record.suppression), _by_policy(past.standing)
    measured = then or standing
    taken = [event.at for event in past.events if event.action in _TAKEN]
    told = [past.delivered_at] if past.delivered_at else []
    took = max((at for at in (*taken, *told) if at > measured.since), default=None) if measured else None
    return Simulated(recipient, past.key.stream, len(past.events), standing, then, took)


def _by_policy(suppression: Suppression | None) -> Suppression | None:
    """Returns the suppression if it is in force and comes from the policy, else None: what a person or a platform
    suppressed would be suppressed under any policy."""
    if suppression is None or suppression.source is not SuppressionSource.POLICY:
        return None
    return suppression if suppression.state is State.SUPPRESSED else None
