"""Reads the histories of recipients from the ledger, one recipient after the other, in bounded memory."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import Connection, Engine, Select, bindparam, func, select, tuple_, update

from bounce_watcher.ledger import protection
from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.statements import KEYS, RecipientKey, chunks
from bounce_watcher.ledger.db.tables import EVENT, RECIPIENT, STATE_CHANGE, SUPPRESSION, suppression_from_row
from bounce_watcher.ledger.db.types import recipient_key
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.grounds import Excluded
from bounce_watcher.model.ledger import BounceEvent, ChangedBy, State, StateChange, Suppression
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.policy.replay import NOT_BY_REPORTS

_PAGE = 5000

_EVIDENCE, _REASON = {str(each): each for each in Evidence}, {str(each): each for each in Reason}
_KIND, _ACTION = {str(each): each for each in Kind}, {str(each): each for each in Action}
_TYPE = {str(each): each for each in BounceType}

# Only what a decision looks at: the texts of a report are most of a row.
_LOOKED_AT = tuple(EVENT.c[name] for name in (
    "recipient_key", "at", "id", "message_digest", "kind", "recipient", "stream", "action", "bounce_type", "reason",
    "status", "remote_mta", "evidence", "doubt", "feedback_type", "sent_message_id", "sending", "exclusion",
    "client_ip",
))
_ORDER = (EVENT.c.recipient_key, EVENT.c.at, EVENT.c.id)
_of_address, _of_stream = attrgetter("recipient_key"), attrgetter("stream")

_STEPS = (
    select(STATE_CHANGE)
    .where(STATE_CHANGE.c.recipient_key.in_(KEYS), STATE_CHANGE.c.by.in_(NOT_BY_REPORTS))
    .order_by(STATE_CHANGE.c.recipient_key, STATE_CHANGE.c.number)
)
_STANDING = select(SUPPRESSION).where(SUPPRESSION.c.recipient_key.in_(KEYS))
_DELIVERED = select(RECIPIENT.c.stream, RECIPIENT.c.recipient_key, RECIPIENT.c.delivered_at).where(
    RECIPIENT.c.recipient_key.in_(KEYS), RECIPIENT.c.delivered_at.is_not(None)
)
_COURSE = select(STATE_CHANGE).order_by(STATE_CHANGE.c.number)
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


def stretches(engine: Engine, size: int) -> Iterator[Stretch]:
    """Yields all addresses with events, split into stretches of some `size` events each."""
    after = None
    while True:
        chosen = select(EVENT.c.recipient_key).order_by(EVENT.c.recipient_key).offset(size).limit(1)
        with reading(engine) as connection:
            until = connection.scalar(chosen if after is None else chosen.where(EVENT.c.recipient_key > after))
        yield Stretch(after, until)
        if until is None:
            return
        after = until


def pasts(engine: Engine, stretch: Stretch = WHOLE) -> Iterator[Past]:
    """Yields everybody with events. Memory holds a page and the longest history of one address."""
    waiting: list[tuple[str, list[Any]]] = []
    size = 0
    for address, rows in groupby(_rows(engine, stretch), _of_address):
        history = list(rows)
        waiting.append((address, history))
        size += len(history)
        if size >= _PAGE:
            yield from _completed(engine, waiting)
            waiting, size = [], 0
    yield from _completed(engine, waiting)


def count_events(engine: Engine) -> int:
    with reading(engine) as connection:
        return connection.scalar(select(func.count()).select_from(EVENT)) or 0


def course(engine: Engine, address: str, stream: str) -> list[StateChange]:
    """Returns every step of a recipient, oldest first."""
    chosen = _COURSE.where(STATE_CHANGE.c.recipient_key == recipient_key(address), STATE_CHANGE.c.stream == stream)
    with reading(engine) as connection:
        return [_step(row) for row in connection.execute(chosen)]


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
            found[RecipientKey(row.stream, row.recipient_key)].append(_step(row))
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


def _rows(engine: Engine, stretch: Stretch) -> Iterator[Any]:
    """Yields the events of a stretch as rows. Each page is read in its own short transaction."""
    chosen: Select[Any] = select(*_LOOKED_AT).order_by(*_ORDER).limit(_PAGE)
    if stretch.until is not None:
        chosen = chosen.where(EVENT.c.recipient_key <= stretch.until)
    page = chosen if stretch.after is None else chosen.where(EVENT.c.recipient_key > stretch.after)
    while True:
        with reading(engine) as connection:
            rows = connection.execute(page).all()
        yield from rows
        if len(rows) < _PAGE:
            return
        last = rows[-1]
        page = chosen.where(tuple_(*_ORDER) > (last.recipient_key, last.at, last.id))


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
    evidence, doubt, feedback_type, sent_message_id, sending, exclusion, client_ip = more
    return BounceEvent(
        name, digest, at, _KIND[kind], recipient, stream, _ACTION[action] if action else None, None,
        _TYPE[bounce_type] if bounce_type else None, _REASON[reason] if reason else None, status, None, None, remote,
        None, None, None, None, _EVIDENCE[evidence], doubt, feedback_type, sent_message_id, sending, None, None,
        exclusion, client_ip=client_ip,
    )


def _step(row: Any) -> StateChange:
    return StateChange(
        row.recipient_key, row.stream, row.number, row.at, State(row.state), row.grounds, ChangedBy(row.by), row.reason,
        row.until,
    )


def set_exclusions(connection: Connection, changes: Iterable[tuple[str, Excluded | None]]) -> None:
    """Writes why events, given by their ids, do not count (None = they count)."""
    if rows := [
        {"event_id": name, "new_kind": excluded and excluded.why.value, "new_exclusion": excluded}
        for name, excluded in sorted(changes, key=itemgetter(0))
    ]:
        connection.execute(_SET_EXCLUSION, rows)
