"""Keeps opt-outs until a person has dealt with each. Nothing else depends on them.

There is one row for each message and recipient, written in the transaction that writes the message. The same mail read
again, in whatever way, adds none. All waiting opt-outs form one group of `review`, which lasts as long as any waits.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, literal_column, or_, select, update

from bounce_watcher.ledger.db.engine import write
from bounce_watcher.ledger.db.paging import LOOKED_UP
from bounce_watcher.ledger.db.statements import KEYS, chunks, insert_into
from bounce_watcher.ledger.db.tables import OPT_OUT
from bounce_watcher.ledger.db.types import recipient_key, storable
from bounce_watcher.ledger.review import groups as review
from bounce_watcher.model.ledger import BounceEvent, MessageRecord
from bounce_watcher.model.optout import AskedBy, OptOut

Prove = Callable[[Sequence[BounceEvent]], Sequence[BounceEvent]]
"""Returns events with the evidence that known sent mail gives them."""

GID = review.OPT_OUTS
IS_WAITING = OPT_OUT.c.review_group == literal_column(f"'{GID}'")
_KNOWN = select(OPT_OUT.c.message_digest, OPT_OUT.c.recipient_key, OPT_OUT.c.done_at).where(
    OPT_OUT.c.message_digest.in_(KEYS)
)
_DROP_NAMELESS = delete(OPT_OUT).where(OPT_OUT.c.message_digest.in_(KEYS), OPT_OUT.c.recipient_key.is_(None))


def add(connection: Connection, page: Sequence[MessageRecord], prove: Prove) -> int:
    """Enters the new opt-outs of `page`, in the caller's transaction. Returns how many.

    If a feedback report named nobody when it came but names somebody now, the new opt-out replaces the old one, unless
    a person has dealt with that.
    """
    asking = {message.digest: message for message in page if message.opt_outs}
    if not asking:
        return 0
    known: dict[str, list[tuple[str | None, datetime | None]]] = {}
    for part in chunks(sorted(asking)):
        for digest, key, done_at in connection.execute(_KNOWN, {"keys": list(part)}):
            known.setdefault(digest, []).append((key, done_at))
    found = {digest: _named(message, prove) for digest, message in asking.items()}
    fresh = {digest: asked for digest, asked in found.items() if _is_news(known.get(digest, ()), asked)}
    rows = [_row(asking[digest], each) for digest in sorted(fresh) for each in fresh[digest]]
    if rows:
        review.lock_opt_outs(connection, max(row["at"] for row in rows))
        if renamed := sorted(fresh.keys() & known.keys()):
            connection.execute(_DROP_NAMELESS, {"keys": renamed})
        connection.execute(insert_into(connection, OPT_OUT).on_conflict_do_nothing(), rows)
        review.count_opt_outs(connection)
        review.take_out(connection, sorted(fresh))  # they are in a group if older rules did not understand them
    return len(rows)


def _is_news(known: Sequence[tuple[str | None, datetime | None]], asked: Sequence[OptOut]) -> bool:
    names_now = any(each.recipient for each in asked)
    return not known or (names_now and all((key, done_at) == (None, None) for key, done_at in known))


def _named(message: MessageRecord, prove: Prove) -> Sequence[OptOut]:
    """Returns the opt-outs of a message. Those of a feedback report come from its events, whose recipients and evidence
    the ledger knows better than the report."""
    first = message.opt_outs[0]
    if first.by is not AskedBy.FEEDBACK_REPORT or not message.events:
        return message.opt_outs
    return [
        replace(first, stream=event.stream, recipient=event.recipient, evidence=event.evidence, doubt=event.doubt,
                sending=event.sending)
        for event in prove(message.events)
    ]


def _row(message: MessageRecord, asked: OptOut) -> dict[str, Any]:
    key = recipient_key(asked.recipient) if asked.recipient else None
    return {
        "id": hashlib.sha256(f"{message.digest}\0{key or ''}".encode()).hexdigest()[:32],
        "message_digest": message.digest, "at": message.received_at, "by": asked.by.value, "recipient_key": key,
        "recipient": _text(asked.recipient), "sender_key": recipient_key(asked.sender) if asked.sender else None,
        "sender": _text(asked.sender), "evidence": asked.evidence.value if asked.evidence else None,
        "doubt": asked.doubt, "stream": storable(asked.stream), "sending": _text(asked.sending),
        "mailbox": _text(message.mailbox), "source": storable(message.source), "review_group": GID,
    }


def _text(value: str | None) -> str | None:
    return value and storable(value)


def forget(connection: Connection, key: str, name: str) -> tuple[int, list[str]]:
    """Files the opt-outs of one address under its hash. Returns how many, and the digests of their messages."""
    digests = connection.scalars(select(OPT_OUT.c.message_digest).where(_names(key))).all()
    for column, text in ((OPT_OUT.c.recipient_key, "recipient"), (OPT_OUT.c.sender_key, "sender")):
        connection.execute(update(OPT_OUT).where(column == key).values({
            column.name: name, text: name, "sending": None, "source": None, "because": None,
        }))
    return len(digests), sorted(set(digests))


def number_of(connection: Connection, key: str) -> int:
    """Returns how many opt-outs name the address that is filed under `key`."""
    return connection.scalar(select(func.count()).select_from(OPT_OUT).where(_names(key))) or 0


def _names(key: str) -> ColumnElement[bool]:
    return or_(OPT_OUT.c.recipient_key == key, OPT_OUT.c.sender_key == key)


def purge_done(engine: Engine, before: datetime) -> int:
    """Deletes opt-outs from before `before` that a person has dealt with, in batches. Returns how many."""
    gone = delete(OPT_OUT).where(OPT_OUT.c.id.in_(KEYS))
    old = select(OPT_OUT.c.id).where(OPT_OUT.c.at < before, OPT_OUT.c.done_at.is_not(None)).limit(LOOKED_UP)

    def drop(connection: Connection) -> int:
        ids = connection.scalars(old).all()
        for part in chunks(ids):
            connection.execute(gone, {"keys": list(part)})
        return len(ids)

    return sum(iter(lambda: write(engine, drop), 0))
