"""Who was forgotten: known by a keyed hash alone, which takes the place of the address in whatever comes later.

The hash is HMAC-SHA256, under a key that the ledger makes for itself, of the address as it is compared. So what is
asked or reported of the address later finds where it stands, and nothing new is stored under it: of a later report on
it the verdict alone, of all other texts that name it the text without it. `privacy.erasure` erases what is there.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from bounce_watcher.ledger.db.engine import reading, write
from bounce_watcher.ledger.db.personal import ForgetAction, columns_that, mention_of
from bounce_watcher.ledger.db.statements import KEYS, chunks, insert_into
from bounce_watcher.ledger.db.tables import ERASURE, EVENT, KEYRING
from bounce_watcher.ledger.db.types import KEY_CHARACTERS, recipient_key
from bounce_watcher.model.address import FORGOTTEN, is_forgotten
from bounce_watcher.model.grounds import retold
from bounce_watcher.model.ledger import Announce, BounceEvent, MessageRecord, Occurrence, OutboxItem, Suppression
from bounce_watcher.model.message import unpack
from bounce_watcher.model.optout import OptOut
from bounce_watcher.model.sending import Delivery, SentMail
from bounce_watcher.parsing.mention import Mention, bare_local, named_in, texts_of_mail

_KEY_NAME, _KEY_BYTES = "forgotten", 32
_KEY = select(KEYRING.c.key).where(KEYRING.c.name == _KEY_NAME)
_ANY = select(ERASURE.c.name).where(ERASURE.c.name >= FORGOTTEN).limit(1)
_KNOWN = select(ERASURE.c.name).where(ERASURE.c.name.in_(KEYS))
_TEXTS = tuple(name for name in columns_that(EVENT, ForgetAction.WORDS) if name in BounceEvent.__dataclass_fields__)
ERASED_EVENT: Mapping[str, Any] = {
    "final_recipient": None, "diagnostic": None, "quote": None, "sent_message_id": None, "sending": None,
    "formerly": None, "source": None,
}
"""What goes of an event of somebody forgotten. What a verdict rests on stays: a report in doubt must not count."""


# ── by the hash ─────────────────────────────────────────────────────────────────────────────────────────────────────

def known_as(engine: Engine, address: str) -> str:
    """The name under which the ledger files an address: the hash where it was forgotten, else itself."""
    with reading(engine) as connection:
        return names(connection, [address]).get(address, address)


def forgotten_name(engine: Engine, address: str) -> str:
    """The hash that stands for an address once it is forgotten, whether anything is stored on it or not."""
    return write(engine, lambda connection: name_of(connection, address))


def name_of(connection: Connection, address: str) -> str:
    """The same in the caller's transaction, which makes the key where there is none yet."""
    made = insert_into(connection, KEYRING).values(name=_KEY_NAME, key=secrets.token_bytes(_KEY_BYTES))
    connection.execute(made.on_conflict_do_nothing())
    key = connection.scalar(_KEY)
    assert key is not None
    return _hash(bytes(key), address)


def names(connection: Connection, addresses: Iterable[str]) -> dict[str, str]:
    """Those of `addresses` that were forgotten, with the hashes in their place."""
    key = connection.scalar(_KEY)
    if key is None:
        return {}
    hashes = {address: _hash(key, address) for address in addresses}
    known = {
        name for part in chunks(sorted(set(hashes.values()))) for name in connection.scalars(_KNOWN, {"keys": part})
    }
    return {address: name for address, name in hashes.items() if name in known}


def remember(connection: Connection, name: str) -> None:
    """That from now on an address is known by its hash alone, and that its erasure is under way."""
    made = insert_into(connection, ERASURE).values(name=name, done=False)
    connection.execute(made.on_conflict_do_update(index_elements=["name"], set_={"done": False}))


def begin_again(connection: Connection, known: Iterable[str]) -> None:
    """That something new was erased of these, by their hashes, of which the files may still hold a copy."""
    for part in chunks(sorted(known)):
        connection.execute(update(ERASURE).where(ERASURE.c.name.in_(part)).values(done=False))


def spellings(address: str) -> list[str]:
    """The keys under which one mailbox may be filed: RFC 5321 section 4.1.2 lets quotes be that need not be."""
    key = recipient_key(address)
    local, at, domain = key.rpartition("@")
    bare = bare_local(local)
    return list(dict.fromkeys((key, f"{bare}{at}{domain}", f'"{bare}"{at}{domain}')))


def _hash(key: bytes, address: str) -> str:
    local, at, domain = recipient_key(address).rpartition("@")
    told = f"{bare_local(local)}{at}{domain}"[:KEY_CHARACTERS]
    return FORGOTTEN + hmac.new(key, told.encode(), hashlib.sha256).hexdigest()[:40]


# ── what comes later ────────────────────────────────────────────────────────────────────────────────────────────────

def telling(announce: Announce, address: str) -> Announce:
    """`announce` under the address that somebody has just named again, not under its hash."""
    return lambda occurrence: announce(replace(occurrence, recipient=address))


def unnamed(connection: Connection, text: str) -> str:
    """`text` without the addresses of those who were forgotten."""
    if connection.scalar(_ANY) is None:
        return text
    for address in names(connection, named_in(text)):
        text = mention_of(address).masked(text)
    return text


def kept(engine: Engine, text: str) -> str:
    """What somebody typed, as it may be kept."""
    with reading(engine) as connection:
        return unnamed(connection, text)


def unnamed_suppressions(
    connection: Connection, wanted: Sequence[Suppression], announce: Announce
) -> tuple[Sequence[Suppression], Announce]:
    """As they may be stored: under the hash where the recipient was forgotten; and who tells of those by the address.
    """
    if connection.scalar(_ANY) is None:
        return wanted, announce
    known = names(connection, {each.recipient for each in wanted})
    written = {name: address for address, name in known.items()}

    def tell(occurrence: Occurrence) -> Sequence[OutboxItem]:
        return announce(replace(occurrence, recipient=written.get(occurrence.recipient or "", occurrence.recipient)))

    return [
        replace(
            each, recipient=known.get(each.recipient, each.recipient),
            grounds=retold(each.grounds, partial(unnamed, connection)),
            diagnostic=None if each.recipient in known else each.diagnostic and unnamed(connection, each.diagnostic),
        )
        for each in wanted
    ], tell


def unnamed_mails(connection: Connection, mails: Sequence[SentMail]) -> Sequence[SentMail | None]:
    """Mail that was sent, under the hash where its recipient was forgotten; None where its Message-ID names one."""
    if connection.scalar(_ANY) is None:
        return mails
    named = [{mail.recipient, *named_in(mail.message_id)} for mail in mails]
    known = names(connection, set().union(*named))
    return [
        None if any(mention_of(each).is_in(mail.message_id) for each in found if each in known)
        else replace(mail, recipient=known.get(mail.recipient, mail.recipient))
        for mail, found in zip(mails, named, strict=True)
    ]


def unnamed_deliveries(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
    known = names(connection, {each.recipient for each in deliveries})
    return [replace(each, recipient=known.get(each.recipient, each.recipient)) for each in deliveries]


def without_forgotten(connection: Connection, page: Sequence[MessageRecord]) -> Sequence[MessageRecord]:
    """`page` as it may be stored: of who was forgotten there is a hash, and no words, in reports on others neither."""
    if connection.scalar(_ANY) is None:
        return page
    named = {message.digest: _named_by(message) for message in page}
    known = names(connection, set().union(*named.values())) if named else {}
    return [_without(message, {each: known[each] for each in named[message.digest] if each in known})
            for message in page]


def _named_by(message: MessageRecord) -> set[str]:
    """Every address that a message may name: its recipients, and what its texts and its raw content say."""
    found = {event.recipient for event in message.events} | _asking(message)
    texts = {getattr(event, name) for event in message.events for name in (*_TEXTS, "final_recipient")}
    texts.update((message.source, message.unread and message.unread.wording))
    for text in texts:
        if text:
            found |= named_in(text)
    if message.packed is not None:
        for text in texts_of_mail(unpack(message.packed)):
            found |= named_in(text)
    return found


def _without(message: MessageRecord, known: Mapping[str, str]) -> MessageRecord:
    by_hash = any(is_forgotten(event.recipient) for event in message.events)
    if not known and not by_hash:
        return message
    mentions = list(dict.fromkeys(map(mention_of, known)))
    recipients = {event.recipient for event in message.events}
    spare = [mention_of(each) for each in recipients - known.keys() if not is_forgotten(each)]
    is_about = by_hash or not known.keys().isdisjoint(recipients | _asking(message))
    named = is_about or _is_named(message, mentions, spare)
    unread = message.unread and replace(message.unread, wording=_struck(message.unread.wording, mentions, spare))
    return replace(
        message, packed=None if named else message.packed, source=_struck(message.source, mentions, spare),
        unread=unread, events=tuple(_hidden(event, known, mentions) for event in message.events),
        opt_outs=tuple(_unnamed_opt_out(each, known) for each in message.opt_outs),
    )


def _is_named(message: MessageRecord, mentions: Sequence[Mention], spare: Sequence[Mention]) -> bool:
    if message.packed is None or not mentions:
        return False
    return any(
        mention.is_in(text, spare) for text in texts_of_mail(unpack(message.packed)) for mention in mentions
    )


def _hidden(event: BounceEvent, known: Mapping[str, str], mentions: Sequence[Mention]) -> BounceEvent:
    is_of_forgotten = event.recipient in known or is_forgotten(event.recipient)
    spare = [] if is_of_forgotten else [mention_of(event.recipient)]
    texts = {
        name: _struck(text, mentions, spare) for name in _TEXTS if (text := getattr(event, name)) is not None
    }
    if is_of_forgotten:
        return replace(event, recipient=known.get(event.recipient, event.recipient), **{**texts, **ERASED_EVENT})
    final = event.final_recipient
    if final is not None and mention_of(final) in mentions:
        texts["final_recipient"] = None
    return replace(event, **texts)


def _asking(message: MessageRecord) -> Set[str]:
    """All that the opt-outs of a message name."""
    return {name for each in message.opt_outs for name in (each.sender, each.recipient) if name}


def _unnamed_opt_out(asked: OptOut, forgotten: Mapping[str, str]) -> OptOut:
    """`asked` with the hashes of those who were forgotten in place of their addresses."""
    if forgotten.keys().isdisjoint({asked.sender, asked.recipient}):
        return asked
    sender, recipient = (name and forgotten.get(name, name) for name in (asked.sender, asked.recipient))
    return replace(asked, sender=sender, recipient=recipient, sending=None)


def _struck(text: str, mentions: Sequence[Mention], spare: Sequence[Mention]) -> Any:
    for mention in mentions:
        text = mention.masked(text, spare)
    return text
