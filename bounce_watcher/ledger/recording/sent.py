"""What a platform reports as sent: who got which Message-ID, and how much mail went where.

Counts are kept for good: they are the denominators of every rate. For one day, stream, campaign and domain the platform
may report a figure (`told`), single mails (`counted`), or both, each any number of times: the larger one applies.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, bindparam, case, delete, func, select, tuple_

from bounce_watcher.ledger.db.engine import reading, write_in_batches
from bounce_watcher.ledger.db.statements import KEYS, Insertion, chunks, columns_of, insert_into
from bounce_watcher.ledger.db.tables import SENT_COUNT, SENT_MESSAGE
from bounce_watcher.ledger.db.types import KEY_CHARACTERS, recipient_key, storable
from bounce_watcher.ledger.naming.forget import unnamed_mails
from bounce_watcher.model.address import address_key, is_forgotten
from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.ledger import BounceEvent, MessageRecord
from bounce_watcher.model.sending import SentCount, SentMail, SentOutcome
from bounce_watcher.model.times import in_utc

_PAIRS = 40
"""How many mails one statement looks up. It looks up each Message-ID with each address: for few mails this is far
faster than a list of pairs in SQLite."""

_PURGED_AT_ONCE = 5000
"""How many rows one transaction deletes, so that nobody waits long for the lock."""


class _Sent(NamedTuple):
    """One mail to one recipient. Rows are written in the sort order of these."""

    message_id: str
    address: str


class _Day(NamedTuple):
    """What a figure is about. Rows are written in the sort order of these."""

    day: date
    stream: str
    sending: str
    domain: str


_ADD_MESSAGE = Insertion(SENT_MESSAGE, columns_of(SENT_MESSAGE))  # fails on a race, and `write` starts over

_OF_RECIPIENTS = select(SENT_MESSAGE).where(
    SENT_MESSAGE.c.message_id.in_(KEYS), SENT_MESSAGE.c.recipient_key.in_(bindparam("addresses", expanding=True))
)
_OF_ONE = (
    select(SENT_MESSAGE.c.message_id, *(
        func.min(column).label(column.name)
        for column in (SENT_MESSAGE.c.recipient, SENT_MESSAGE.c.stream, SENT_MESSAGE.c.sending)
    ))
    .where(SENT_MESSAGE.c.message_id.in_(KEYS))
    .group_by(SENT_MESSAGE.c.message_id)
    .having(func.count() == 1)
)
_OLD = (
    select(SENT_MESSAGE.c.message_id, SENT_MESSAGE.c.recipient_key)
    .where(SENT_MESSAGE.c.at < bindparam("before", type_=SENT_MESSAGE.c.at.type))
    .limit(_PURGED_AT_ONCE)
)
_PURGE = delete(SENT_MESSAGE).where(tuple_(*SENT_MESSAGE.primary_key).in_(_OLD))

LARGER = case((SENT_COUNT.c.told > SENT_COUNT.c.counted, SENT_COUNT.c.told), else_=SENT_COUNT.c.counted)
_BY_DAY = select(SENT_COUNT.c.day, SENT_COUNT.c.domain, func.sum(LARGER)).group_by(
    SENT_COUNT.c.day, SENT_COUNT.c.domain
)


# ── what was sent ───────────────────────────────────────────────────────────────────────────────────────────────────

def add_sent(connection: Connection, mails: Sequence[SentMail]) -> SentOutcome:
    """Writes the new mails and counts them. A known mail (by Message-ID and recipient) changes nothing.

    A mail to a forgotten recipient is stored under the hash, and counted for the domain.
    """
    given: dict[_Sent, SentMail] = {}
    for mail, kept in zip(mails, unnamed_mails(connection, mails), strict=True):
        if kept is not None:
            given.setdefault(_Sent(storable(kept.message_id), recipient_key(kept.recipient)), mail)
    known = _known(connection, given)
    new = {key: given[key] for key in sorted(given.keys() - known.keys())}
    _ADD_MESSAGE.execute(connection, [
        (*key, key.address if is_forgotten(key.address) else mail.recipient, mail.stream, mail.sending, mail.at)
        for key, mail in new.items()
    ])
    _write_counts(connection, "counted", Counter(
        _day(in_utc(mail.at).date(), mail.stream, mail.sending or "", mail.recipient.rpartition("@")[2])
        for mail in new.values()
    ), add=True)
    return SentOutcome(new=len(new), known=len(mails) - len(new))


def put_counts(connection: Connection, counts: Iterable[SentCount]) -> SentOutcome:
    """Stores the platform's own figures. Each replaces an earlier figure for the same day, stream, campaign and domain.
    """
    told = {_day(each.day, each.stream, each.sending, each.domain): each.count for each in counts}
    _write_counts(connection, "told", told, add=False)
    return SentOutcome(counts=len(told))


def purge_sent(engine: Engine, before: datetime) -> int:
    """Deletes mails sent before `before`, in batches, each in its own transaction. Counts stay. Returns how many."""
    return write_in_batches(engine, lambda connection: connection.execute(_PURGE, {"before": before}).rowcount)


def sent_by_day(engine: Engine, since: date, until: date, stream: str | None = None) -> dict[tuple[date, str], int]:
    """Returns how many mails went to each receiving domain on each day (UTC), `since` <= day < `until`."""
    chosen = _BY_DAY.where(SENT_COUNT.c.day >= since, SENT_COUNT.c.day < until)
    if stream is not None:
        chosen = chosen.where(SENT_COUNT.c.stream == storable(stream))
    with reading(engine) as connection:
        return {(day, domain): int(number) for day, domain, number in connection.execute(chosen)}


def sent_to(connection: Connection, since: date, until: date, is_meant: Callable[[str], bool]) -> int:
    """Returns how many mails went to the domains for which `is_meant` is true, `since` <= day <= `until`."""
    chosen = _BY_DAY.where(SENT_COUNT.c.day >= since, SENT_COUNT.c.day <= until)
    return sum(int(number) for _, domain, number in connection.execute(chosen) if is_meant(domain))


def _known(connection: Connection, wanted: Iterable[_Sent]) -> dict[_Sent, Row[Any]]:
    found: dict[_Sent, Row[Any]] = {}
    for part in chunks(sorted(wanted), _PAIRS):
        ids, addresses = ({getattr(each, name) for each in part} for name in _Sent._fields)
        rows = connection.execute(_OF_RECIPIENTS, {"keys": sorted(ids), "addresses": sorted(addresses)})
        found.update((_Sent(row.message_id, row.recipient_key), row) for row in rows)
    return found


def _write_counts(connection: Connection, column: str, numbers: Mapping[_Day, int], *, add: bool) -> None:
    if not numbers:
        return
    statement = insert_into(connection, SENT_COUNT)
    value = statement.excluded[column]
    statement = statement.on_conflict_do_update(
        index_elements=list(SENT_COUNT.primary_key), set_={column: SENT_COUNT.c[column] + value if add else value}
    )
    connection.execute(statement, [
        {**key._asdict(), "counted": 0, "told": 0, column: number} for key, number in sorted(numbers.items())
    ])


def _day(day: date, stream: str, sending: str, domain: str) -> _Day:
    return _Day(day, storable(stream), storable(sending), storable(address_key(f"@{domain}")[1:])[:KEY_CHARACTERS])


# ── what a report proves with it ────────────────────────────────────────────────────────────────────────────────────

def with_known_messages(connection: Connection, events: Sequence[BounceEvent]) -> list[BounceEvent]:
    """Returns `events`, raised to the evidence KNOWN_MESSAGE if the platform sent that Message-ID to that recipient.
    Stronger evidence stays.

    The mail's stream and campaign take precedence over the mailbox's, a token's over both. Events in doubt stay as
    they are.
    """
    asked = {event.id: _sent_to(event) for event in events if event.sent_message_id and event.doubt is None}
    if not asked:
        return list(events)
    known = _known(connection, set(asked.values()))
    proofs = {name: known.get(sent) for name, sent in asked.items()}
    return [_proven(event, proof) if (proof := proofs.get(event.id)) else event for event in events]


def with_recipients(connection: Connection, page: Sequence[MessageRecord]) -> Sequence[MessageRecord]:
    """Returns `page` with a recipient for each event that names nobody (feedback loops strike addresses out): the
    recipient of its mail.

    Leaves out such an event if its mail went to several recipients or to none that the platform reported, or if it is
    in doubt.
    """
    nameless = [event for message in page for event in message.events if not event.recipient]
    if not nameless:
        return page
    asked = {_sent_to(event).message_id for event in nameless if event.sent_message_id and event.doubt is None}
    alone: dict[str, Row[Any]] = {}
    for part in chunks(sorted(asked)):
        alone.update((row.message_id, row) for row in connection.execute(_OF_ONE, {"keys": part}))
    return [
        replace(message, events=tuple(
            event if event.recipient else _proven(event, alone[_sent_to(event).message_id])
            for event in message.events
            if event.recipient or (event.doubt is None and _sent_to(event).message_id in alone)
        ))
        for message in page
    ]


def _sent_to(event: BounceEvent) -> _Sent:
    return _Sent(storable(event.sent_message_id or ""), recipient_key(event.recipient))


def _proven(event: BounceEvent, sent: Row[Any]) -> BounceEvent:
    by_token = event.evidence is Evidence.TOKEN
    return replace(
        event,
        recipient=event.recipient or sent.recipient,
        evidence=event.evidence if event.evidence.at_least(Evidence.KNOWN_MESSAGE) else Evidence.KNOWN_MESSAGE,
        stream=event.stream if by_token else sent.stream,
        sending=event.sending or sent.sending,
    )
