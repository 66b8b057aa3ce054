"""Limits raw mail by its age and by a quota, so that a flood of mail can't fill the disk.

What a mail said stays: its events, and whatever follows from them. The mail itself is still in its mailbox. The freed
space is reused: a SQLite file stops growing but does not shrink; PostgreSQL's space is free after a vacuum.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, Engine, func, select, tuple_, update

from bounce_watcher.ledger.db.engine import reading, write, write_in_batches
from bounce_watcher.ledger.db.statements import KEYS
from bounce_watcher.ledger.db.tables import MESSAGE
from bounce_watcher.ledger.review import groups as review

_PAGE = 500
"""How many messages one transaction looks at, so that nobody waits long for the lock."""

_DROP_RAW = update(MESSAGE).where(MESSAGE.c.digest.in_(KEYS)).values(packed=None, packed_size=None)
_IS_KEPT = MESSAGE.c.packed.is_not(None)
_SUM = select(func.sum(MESSAGE.c.packed_size)).where(MESSAGE.c.packed_size.is_not(None))
_ORDER = (MESSAGE.c.received_at, MESSAGE.c.digest)

_Place = tuple[datetime, str]


def raw_bytes(connection: Connection) -> int:
    """Returns how many bytes raw mail takes up, compressed as stored. Reads only an index."""
    return int(connection.scalar(_SUM) or 0)


def trim(engine: Engine, quota: int) -> int:
    """Drops raw mail, oldest first, until the rest fits into `quota` bytes. Returns how many messages lost theirs.

    Mail in review, which no rule understood, goes last. Works page by page, each in its own transaction.
    Raises TemporaryFailure or PermanentFailure.
    """
    with reading(engine) as connection:
        over = raw_bytes(connection) - quota
    dropped = 0
    for waits in (False, True):
        here: _Place | None = None
        while over > 0:
            number, freed, here = write(engine, partial(_trim_page, over=over, after=here, waits=waits))
            dropped, over = dropped + number, over - freed
            if here is None:
                break
    return dropped


def _trim_page(
    connection: Connection, over: int, after: _Place | None, *, waits: bool
) -> tuple[int, int, _Place | None]:
    """Drops raw mail of one page: of messages in review if `waits`, else of all others.

    Returns of how many messages, how many bytes that freed, and where the page ended (None = it was the last).
    """
    page = select(MESSAGE.c.digest, MESSAGE.c.packed_size, MESSAGE.c.received_at, MESSAGE.c.review_group)
    page = page.where(_IS_KEPT).order_by(*_ORDER).limit(_PAGE)
    rows = connection.execute(page if after is None else page.where(tuple_(*_ORDER) > after)).all()
    chosen, freed = list[str](), 0
    for digest, size, _, group in rows:
        if freed < over and (group is not None) == waits:
            chosen.append(digest)
            freed += size
    _drop_raw(connection, chosen)
    return len(chosen), freed, (rows[-1].received_at, rows[-1].digest) if len(rows) == _PAGE else None


def purge(engine: Engine, raw_before: datetime) -> int:
    """Drops raw content received before `raw_before` in batches, each in its own transaction. Returns how many messages
    lost theirs."""
    def purge_batch(connection: Connection) -> int:
        old = select(MESSAGE.c.digest).where(MESSAGE.c.received_at < raw_before, _IS_KEPT).limit(_PAGE)
        digests = connection.scalars(old).all()
        _drop_raw(connection, digests)
        return len(digests)

    return write_in_batches(engine, purge_batch)


def _drop_raw(connection: Connection, digests: Sequence[str]) -> None:
    """Drops the raw content of these messages, at most a page of them, in the caller's transaction."""
    if digests:
        review.take_out(connection, digests)
        connection.execute(_DROP_RAW, {"keys": list(digests)})
