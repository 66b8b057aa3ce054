"""Forgotten addresses: known only by a keyed hash, which replaces the address in whatever comes later.

The hash is HMAC-SHA256 of the address as it is compared, under a key that the ledger generates for itself. So later
queries and reports about the address still find its record, but nothing new about it is stored: of a later report only
the verdict, of other texts that name the address only the text without it. `privacy.erasure` erases what exists.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.personal import columns_that, mention_of
from bounce_watcher.ledger.db.statements import KEYS, chunks, insert_into
from bounce_watcher.ledger.db.tables import ERASURE, EVENT, ForgetAction
from bounce_watcher.ledger.db.types import KEY_CHARACTERS, recipient_key
from bounce_watcher.ledger.keyring import created, existing
from bounce_watcher.model.address import FORGOTTEN, is_forgotten
from bounce_watcher.model.grounds import retold
from bounce_watcher.model.ledger import Announce, BounceEvent, MessageRecord, Occurrence, OutboxItem, Suppression
from bounce_watcher.model.message import unpack
from bounce_watcher.model.optout import OptOut
from bounce_watcher.model.sending import Delivery, SentMail
from bounce_watcher.parsing.mention import Mention, bare_local, named_in, texts_of_mail

_KEY_NAME = "forgotten"
_ANY = select(ERASURE.c.name).where(ERASURE.c.name >= FORGOTTEN).limit(1)
_KNOWN = select(ERASURE.c.name).where(ERASURE.c.name.in_(KEYS))
_TEXTS = tuple(name for name in columns_that(EVENT, ForgetAction.WORDS) if name in BounceEvent.__dataclass_fields__)
ERASED_EVENT: Mapping[str, Any] = {
    "final_recipient": None, "diagnostic": None, "quote": None, "sent_message_id": None, "sending": None,
    "formerly": None, "source": None,
}
"""What is removed from an event of a forgotten recipient. What the verdict rests on stays: a report in doubt must not
count."""


# ── by the hash ─────────────────────────────────────────────────────────────────────────────────────────────────────

def known_as(engine: Engine, address: str) -> str:
    """Returns the name under which an address is filed: the hash if it is forgotten, else the address itself."""
    with reading(engine) as connection:
        return names(connection, [address]).get(address, address)


def name_of(connection: Connection, address: str) -> str:
    """Returns the hash that replaces an address once it is forgotten, whether anything is stored about it or not."""
    return _hash(created(connection, _KEY_NAME), address)


def names(connection: Connection, addresses: Iterable[str]) -> dict[str, str]:
    """Maps each forgotten one of `addresses` to its hash."""
    key = existing(connection, _KEY_NAME)
    if key is None:
        return {}
    hashes = {address: _hash(key, address) for address in addresses}
    known = {
        name for part in chunks(sorted(set(hashes.values()))) for name in connection.scalars(_KNOWN, {"keys": part})
    }
    return {address: name for address, name in hashes.items() if name in known}


def remember(connection: Connection, name: str) -> None:
    """Records that from now on an address is known only by its hash, and that its erasure is under way."""
    made = insert_into(connection, ERASURE).values(name=name, done=False)
    connection.execute(made.on_conflict_do_update(index_elements=["name"], set_={"done": False}))


def begin_again(connection: Connection, known: Iterable[str]) -> None:
    """Records that something more was erased of these hashes, of which the files may still hold a copy."""
    for part in chunks(sorted(known)):
        connection.execute(update(ERASURE).where(ERASURE.c.name.in_(part)).values(done=False))


def spellings(address: str) -> list[str]:
    """Returns the keys under which one mailbox may be filed: RFC 5321 section 4.1.2 allows needless quotes."""
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
    """Returns an `announce` that uses the address, which a person has just named again, instead of its hash."""
    return lambda occurrence: announce(replace(occurrence, recipient=address))


def unnamed(connection: Connection, text: str) -> str:
    """Returns `text` without forgotten addresses."""
    if connection.scalar(_ANY) is None:
        return text
    for address in names(connection, named_in(text)):
        text = mention_of(address).masked(text)
    return text


def unnamed_suppressions(
    connection: Connection, wanted: Sequence[Suppression], announce: Announce
) -> tuple[Sequence[Suppression], Announce]:
    """Returns suppressions as they may be stored, under the hash if the recipient is forgotten, and an `announce` that
    uses the address for those."""
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
    """Returns sent mails, under the hash if the recipient is forgotten; None for a mail whose Message-ID contains a
    forgotten address."""
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
    """Returns `page` as it may be stored: a forgotten recipient appears as a hash and without text, also in reports on
    others."""
    if connection.scalar(_ANY) is None:
        return page
    named = {message.digest: _named_by(message) for message in page}
    known = names(connection, set().union(*named.values())) if named else {}
    return [_without(message, {each: known[each] for each in named[message.digest] if each in known})
            for message in page]


def _named_by(message: MessageRecord) -> set[str]:
    """Returns every address that a message may name: its recipients, and those in its texts and raw content."""
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
    is_named = is_about or message.packed is None or any(
        mention.is_in(text, spare) for text in texts_of_mail(unpack(message.packed)) for mention in mentions
    )
    unread = message.unread and replace(message.unread, wording=_struck(message.unread.wording, mentions, spare))
    return replace(
        message, packed=None if is_named else message.packed, source=_struck(message.source, mentions, spare),
        unread=unread, events=tuple(_hidden(event, known, mentions) for event in message.events),
        opt_outs=tuple(_unnamed_opt_out(each, known) for each in message.opt_outs),
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
    """Returns all addresses that the opt-outs of a message name."""
    return {name for each in message.opt_outs for name in (each.sender, each.recipient) if name}


def _unnamed_opt_out(asked: OptOut, forgotten: Mapping[str, str]) -> OptOut:
    """Returns `asked` with forgotten addresses replaced by their hashes."""
    if forgotten.keys().isdisjoint({asked.sender, asked.recipient}):
        return asked
    sender, recipient = (name and forgotten.get(name, name) for name in (asked.sender, asked.recipient))
    return replace(asked, sender=sender, recipient=recipient, sending=None)


def _struck(text: str, mentions: Sequence[Mention], spare: Sequence[Mention]) -> Any:
    for mention in mentions:
        text = mention.masked(text, spare)
    return text
