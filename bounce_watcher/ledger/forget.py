"""A person erased from the ledger, and yet still suppressed: under a keyed hash instead of the address.

The hash (HMAC-SHA256 under a key that the ledger makes for itself, of the address as it is compared) takes the
address's place in every row, so what is asked or reported of the address later finds where it stands. Of later reports
on it nothing is stored but their verdict.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Engine,
    Table,
    Update,
    and_,
    delete,
    exists,
    func,
    select,
    union,
    update,
)

from bounce_watcher.ledger import optouts, review, tries
from bounce_watcher.ledger.engine import reading, rehearse, write
from bounce_watcher.ledger.names import Names
from bounce_watcher.ledger.statements import KEYS, chunks, insert_into
from bounce_watcher.ledger.tables import (
    ACTION,
    EVENT,
    HELD,
    KEYRING,
    MESSAGE,
    OPT_OUT,
    OUTBOX,
    PROTECTED,
    RECIPIENT,
    SENT_MESSAGE,
    STATE_CHANGE,
    SUPPRESSION,
)
from bounce_watcher.ledger.types import FORGOTTEN, recipient_key
from bounce_watcher.model.ledger import BounceEvent, MessageRecord, Occurrence, OutboxItem, OutboxState
from bounce_watcher.model.message import unpack

_KEY_NAME, _KEY_BYTES = "forgotten", 32
_PAGE = 500

_KEY = select(KEYRING.c.key).where(KEYRING.c.name == _KEY_NAME)
_KNOWN = union(*(
    select(column).where(column.in_(KEYS))
    for column in (RECIPIENT.c.recipient_key, OPT_OUT.c.recipient_key, OPT_OUT.c.sender_key)
))
_NO_WORDS = {
    "final_recipient": None, "diagnostic": None, "quote": None, "sent_message_id": None, "sending": None,
    "doubt": None, "formerly": None,
}
_ERASED_EVENT: dict[str, Any] = {**_NO_WORDS, "source": None}


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows of each kind lost what they held on a person. `due`: webhooks that wait to be sent and stay."""

    messages: int = 0
    events: int = 0
    records: int = 0
    suppressions: int = 0
    webhooks: int = 0
    due: int = 0
    mails: int = 0
    protections: int = 0
    opt_outs: int = 0

    @property
    def rows(self) -> int:
        total: int = sum(getattr(self, name) for name in self.__slots__)
        return total - self.suppressions - self.due

    def __add__(self, other: "Erased") -> "Erased":
        return Erased(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


def forget(engine: Engine, address: str, *, dry_run: bool, advance: Callable[[int], None]) -> Erased:
    """Erases an address. May be repeated: what is erased is not found again.

    Raw messages that name the address anywhere in their bytes are dropped, a page a transaction; then what there may be
    much of, so too; and the rest in one, which files the address under its hash. `advance` is told how many messages
    more were looked through. Webhooks that are still due stay, as a platform that never hears of a suppression goes on
    mailing: once they are delivered, forget again.
    """
    run = rehearse if dry_run else write
    named: set[str] = set()
    for part in _naming(engine, address, advance):
        run(engine, partial(_drop, digests=part))
        named.update(part)
    links, done = Names(engine), Erased()
    while not dry_run and (page := write(engine, partial(_erase_much, address=address, most=_PAGE))) != Erased():
        done += page
    return done + Erased(len(named)) + run(engine, lambda connection: (
        _erase_much(connection, address, None, named) + _erase_rest(connection, address, links)
    ))


def outline(engine: Engine, address: str) -> Erased:
    """What forgetting would erase, at once: without the kept messages that name the address only in their text."""
    key = recipient_key(address)
    kept = exists().where(MESSAGE.c.digest == EVENT.c.message_digest, MESSAGE.c.packed.is_not(None))
    is_due = OUTBOX.c.state == OutboxState.DUE
    with reading(engine) as connection:
        def count(table: Table, *more: ColumnElement[bool], name: str = "recipient_key") -> int:
            return connection.scalar(select(func.count()).where(table.c[name] == key, *more)) or 0

        messages = select(func.count(EVENT.c.message_digest.distinct())).where(EVENT.c.recipient_key == key, kept)
        return Erased(
            connection.scalar(messages) or 0, count(EVENT), count(RECIPIENT), count(SUPPRESSION),
            count(OUTBOX, ~is_due), count(OUTBOX, is_due), count(SENT_MESSAGE), count(PROTECTED, name="key"),
            optouts.number_of(connection, key),
        )


def known_as(engine: Engine, address: str) -> str:
    """The name under which the ledger files an address: the hash where it was forgotten, else itself."""
    with reading(engine) as connection:
        return names(connection, [address]).get(address, address)


def forgotten_name(engine: Engine, address: str) -> str:
    """The hash that stands for an address once it is forgotten, whether anything is stored on it or not."""
    return write(engine, lambda connection: _hash(_made_key(connection), address))


def names(connection: Connection, addresses: Sequence[str]) -> dict[str, str]:
    """Those of `addresses` that were forgotten, with the hashes in their place."""
    key = connection.scalar(_KEY)
    if key is None:
        return {}
    hashes = {_hash(key, address): address for address in addresses}
    known = {name for part in chunks(sorted(hashes)) for name in connection.scalars(_KNOWN, {"keys": part})}
    return {address: name for name, address in hashes.items() if name in known}


def without_forgotten(connection: Connection, page: Sequence[MessageRecord]) -> Sequence[MessageRecord]:
    """`page` as it may be stored: of who was forgotten there is a hash, and no words."""
    addresses = {event.recipient for message in page for event in message.events}
    addresses.update(*map(optouts.addresses, page))
    forgotten = names(connection, sorted(addresses))
    return [_without(message, forgotten) for message in page] if forgotten else page


def is_forgotten(name: str | None) -> bool:
    """Whether a recipient's name is the hash of one who was forgotten."""
    return name is not None and name.startswith(FORGOTTEN)


def telling(
    announce: Callable[[Occurrence], Sequence[OutboxItem]], address: str
) -> Callable[[Occurrence], Sequence[OutboxItem]]:
    """`announce` under the address that somebody has just named again, not under its hash."""
    return lambda occurrence: announce(replace(occurrence, recipient=address))


def _without(message: MessageRecord, forgotten: dict[str, str]) -> MessageRecord:
    named = {event.recipient for event in message.events} | optouts.addresses(message)
    if named.isdisjoint(forgotten):
        return message
    events = tuple(_hashed(event, forgotten) for event in message.events)
    opt_outs = tuple(optouts.without(each, forgotten) for each in message.opt_outs)
    return replace(message, packed=None, events=events, opt_outs=opt_outs)


def _hashed(event: BounceEvent, forgotten: dict[str, str]) -> BounceEvent:
    name = forgotten.get(event.recipient)
    return event if name is None else replace(event, recipient=name, **_ERASED_EVENT)


def _hash(key: bytes, address: str) -> str:
    return FORGOTTEN + hmac.new(key, recipient_key(address).encode(), hashlib.sha256).hexdigest()[:40]


def _made_key(connection: Connection) -> bytes:
    made = insert_into(connection, KEYRING).values(name=_KEY_NAME, key=secrets.token_bytes(_KEY_BYTES))
    connection.execute(made.on_conflict_do_nothing())
    key = connection.scalar(_KEY)
    assert key is not None
    return bytes(key)


def _naming(engine: Engine, address: str, advance: Callable[[int], None]) -> Iterator[list[str]]:
    """Digests of kept messages whose bytes name the address. What is encoded in them is not seen."""
    wanted = address.casefold().encode()
    order = MESSAGE.c.received_at, MESSAGE.c.digest
    chosen = select(*order, MESSAGE.c.packed).where(MESSAGE.c.packed.is_not(None)).order_by(*order).limit(_PAGE)
    page = chosen
    while True:
        with reading(engine) as connection:
            rows = connection.execute(page).all()
        if found := [row.digest for row in rows if wanted in unpack(row.packed).lower()]:
            yield found
        advance(len(rows))
        if len(rows) < _PAGE:
            return
        page = chosen.where(
            (order[0] > rows[-1].received_at) | and_(order[0] == rows[-1].received_at, order[1] > rows[-1].digest)
        )


def _drop(connection: Connection, digests: Sequence[str]) -> int:
    review.take_out(connection, digests)
    gone = update(MESSAGE).where(MESSAGE.c.digest.in_(digests), MESSAGE.c.packed.is_not(None)).values(
        packed=None, packed_size=None
    )
    return connection.execute(gone).rowcount


def _erase_much(connection: Connection, address: str, most: int | None, but: Set[str] = frozenset()) -> Erased:
    """Of events, deliveries and notes of sent mail `most` each, None = all. `but` are messages dropped already."""
    key, name = recipient_key(address), _hash(_made_key(connection), address)
    renamed = {"recipient_key": name, "recipient": name}
    events = connection.execute(
        select(EVENT.c.id, EVENT.c.message_digest).where(EVENT.c.recipient_key == key).limit(most)
    ).all()
    digests = sorted({digest for _, digest in events} - but)
    messages = sum(_drop(connection, part) for part in chunks(digests))
    _each(connection, update(EVENT).values(**renamed, **_ERASED_EVENT), EVENT.c.id, [each for each, _ in events])
    settled = OUTBOX.c.recipient_key == key, OUTBOX.c.state != OutboxState.DUE
    deliveries = connection.scalars(select(OUTBOX.c.number).where(*settled).limit(most)).all()
    tries.drop(connection, deliveries)
    _each(connection, update(OUTBOX).values(**renamed, body="{}", last_answer=None), OUTBOX.c.number, deliveries)
    of_person = SENT_MESSAGE.c.recipient_key == key
    mails = connection.scalars(select(SENT_MESSAGE.c.message_id).where(of_person).limit(most)).all()
    _each(connection, delete(SENT_MESSAGE).where(of_person), SENT_MESSAGE.c.message_id, mails)
    return Erased(messages, len(events), webhooks=len(deliveries), mails=len(mails))


def _each(
    connection: Connection, change: Update | Delete, column: ColumnElement[Any], values: Sequence[Any]
) -> None:
    """Changes the rows that are named by `values` of `column`."""
    for part in chunks(values):
        connection.execute(change.where(column.in_(KEYS)), {"keys": list(part)})


def _erase_rest(connection: Connection, address: str, links: Names) -> Erased:
    """What there is but little of, once the events are erased."""
    key, name = recipient_key(address), _hash(_made_key(connection), address)
    renamed = {"recipient_key": name, "recipient": name}
    grouped = EVENT.c.recipient_key == name, EVENT.c.review_group.is_not(None)
    groups = connection.scalars(select(EVENT.c.review_group).where(*grouped).distinct()).all()
    connection.execute(update(EVENT).where(*grouped).values(review_group=None))
    review.recount(connection, set(groups))
    for table in (STATE_CHANGE, HELD):
        connection.execute(update(table).where(table.c.recipient_key == key).values(recipient_key=name))
    actions = update(ACTION).where(ACTION.c.subject.in_(_subjects(connection, key, address, links)))
    connection.execute(actions.values(subject=links.name(name), because=None))
    records = connection.execute(update(RECIPIENT).where(RECIPIENT.c.recipient_key == key).values(**renamed))
    standing = connection.execute(
        update(SUPPRESSION).where(SUPPRESSION.c.recipient_key == key).values(**renamed, diagnostic=None)
    )
    due = connection.scalar(
        select(func.count()).where(OUTBOX.c.recipient_key == key, OUTBOX.c.state == OutboxState.DUE)
    )
    protections = connection.execute(delete(PROTECTED).where(PROTECTED.c.key == key))
    opt_outs, digests = optouts.forget(connection, key, name)
    messages = sum(_drop(connection, part) for part in chunks(digests))
    return Erased(
        messages, records=records.rowcount, suppressions=standing.rowcount, due=due or 0,
        protections=protections.rowcount, opt_outs=opt_outs,
    )


def _subjects(connection: Connection, key: str, address: str, links: Names) -> list[str]:
    """Names in the log of actions that lead back to the address, however it was written."""
    spelled = connection.scalars(select(RECIPIENT.c.recipient).where(RECIPIENT.c.recipient_key == key))
    return sorted({links.name(each) for each in (*spelled, address, key)})
