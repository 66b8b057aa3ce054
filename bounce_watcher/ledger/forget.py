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

from sqlalchemy import Connection, Engine, and_, delete, select, update

from bounce_watcher.ledger import review, tries
from bounce_watcher.ledger.engine import reading, rehearse, write
from bounce_watcher.ledger.names import Names
from bounce_watcher.ledger.statements import KEYS, chunks, insert_into
from bounce_watcher.ledger.tables import (
    ACTION,
    EVENT,
    HELD,
    KEYRING,
    MESSAGE,
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
_PAGE = 200

_KEY = select(KEYRING.c.key).where(KEYRING.c.name == _KEY_NAME)
_KNOWN = select(RECIPIENT.c.recipient_key).where(RECIPIENT.c.recipient_key.in_(KEYS)).distinct()
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


def forget(engine: Engine, address: str, *, dry_run: bool, advance: Callable[[int], None]) -> Erased:
    """Erases an address. May be repeated: what is erased is not found again.

    Raw messages that name the address anywhere in their bytes are dropped, a page a transaction, before the rest goes
    in one. `advance` is told how many messages more were looked through. Webhooks that are still due stay, as a
    platform that never hears of a suppression goes on mailing: once they are delivered, forget again.
    """
    run = rehearse if dry_run else write
    named: set[str] = set()
    for part in _naming(engine, address, advance):
        run(engine, partial(_drop, digests=part))
        named.update(part)
    links = Names(engine)
    return run(engine, lambda connection: _erase(connection, address, named, links))


def outline(engine: Engine, address: str) -> Erased:
    """What forgetting would erase, at once: without the kept messages that name the address only in their text."""
    links = Names(engine)
    return rehearse(engine, lambda connection: _erase(connection, address, set(), links))


def known_as(engine: Engine, address: str) -> str:
    """The name under which the ledger files an address: the hash where it was forgotten, else itself."""
    with reading(engine) as connection:
        return names(connection, [address]).get(address, address)


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
    if not any(event.recipient in forgotten for event in message.events):
        return message
    events = tuple(_hashed(event, forgotten) for event in message.events)
    return replace(message, packed=None, events=events)


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
    gone = update(MESSAGE).where(MESSAGE.c.digest.in_(digests), MESSAGE.c.packed.is_not(None)).values(packed=None)
    return connection.execute(gone).rowcount


def _erase(connection: Connection, address: str, named: Set[str], links: Names) -> Erased:
    key, name = recipient_key(address), _hash(_made_key(connection), address)
    digests = list(connection.scalars(select(EVENT.c.message_digest).where(EVENT.c.recipient_key == key)))
    unnamed = [digest for digest in digests if digest not in named]
    messages = len(named) + sum(_drop(connection, part) for part in chunks(unnamed))
    renamed = {"recipient_key": name, "recipient": name}
    of_person = EVENT.c.recipient_key == key
    groups = connection.scalars(select(EVENT.c.review_group).where(of_person, EVENT.c.review_group.is_not(None))).all()
    events = connection.execute(update(EVENT).where(of_person).values(**renamed, **_ERASED_EVENT, review_group=None))
    review.recount(connection, set(groups))
    for table in (STATE_CHANGE, HELD):
        connection.execute(update(table).where(table.c.recipient_key == key).values(recipient_key=name))
    actions = update(ACTION).where(ACTION.c.subject.in_(_subjects(connection, key, address, links)))
    connection.execute(actions.values(subject=links.name(name), because=None))
    records = connection.execute(update(RECIPIENT).where(RECIPIENT.c.recipient_key == key).values(**renamed))
    standing = connection.execute(
        update(SUPPRESSION).where(SUPPRESSION.c.recipient_key == key).values(**renamed, diagnostic=None)
    )
    is_due = OUTBOX.c.state == OutboxState.DUE
    settled = OUTBOX.c.recipient_key == key, ~is_due
    tries.drop(connection, connection.scalars(select(OUTBOX.c.number).where(*settled)).all())
    webhooks = connection.execute(
        update(OUTBOX).where(*settled).values(**renamed, body="{}", last_answer=None)
    )
    due = len(connection.execute(select(OUTBOX.c.number).where(OUTBOX.c.recipient_key == key, is_due)).all())
    mails = connection.execute(delete(SENT_MESSAGE).where(SENT_MESSAGE.c.recipient_key == key))
    protections = connection.execute(delete(PROTECTED).where(PROTECTED.c.key == key))
    return Erased(
        messages, events.rowcount, records.rowcount, standing.rowcount, webhooks.rowcount, due, mails.rowcount,
        protections.rowcount,
    )


def _subjects(connection: Connection, key: str, address: str, links: Names) -> list[str]:
    """Names in the log of actions that lead back to the address, however it was written."""
    spelled = connection.scalars(select(RECIPIENT.c.recipient).where(RECIPIENT.c.recipient_key == key))
    return sorted({links.name(each) for each in (*spelled, address, key)})
