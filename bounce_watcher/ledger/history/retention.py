"""What is kept no longer: events by their age.

Nobody is released or changed by it. A recipient's record, its counts and the counts by time stand by themselves; what a
suppression in force rests on is kept as long as that stands; and a configuration that forgets a bounce before it could
count is refused.
"""

from datetime import datetime

from sqlalchemy import Connection, Engine, delete, exists, select, tuple_

from bounce_watcher.ledger.db.engine import write
from bounce_watcher.ledger.db.statements import KEYS
from bounce_watcher.ledger.db.tables import EVENT, SUPPRESSION
from bounce_watcher.ledger.review import groups as review

_PAGE = 500
"""Rows changed in one transaction, so that nobody waits long for the lock."""

_IS_GROUND = exists().where(
    SUPPRESSION.c.recipient_key == EVENT.c.recipient_key, SUPPRESSION.c.stream == EVENT.c.stream
)

_DROP_EVENTS = delete(EVENT).where(EVENT.c.id.in_(KEYS))

_Place = tuple[datetime, str]


def purge_events(engine: Engine, before: datetime) -> int:
    """Deletes events from before then, but those of recipients who are suppressed, or held back, in their stream.

    Page after page in the order of time, each its own transaction. Returns how many.
    """
    count, here = _dropped(engine, before, None)
    while here is not None:
        dropped, here = _dropped(engine, before, here)
        count += dropped
    return count


def _dropped(engine: Engine, before: datetime, after: _Place | None) -> tuple[int, _Place | None]:
    return write(engine, lambda connection: _drop_page(connection, before, after))


def _drop_page(connection: Connection, before: datetime, after: _Place | None) -> tuple[int, _Place | None]:
    """How many were deleted, and where the page ended; None for the last one."""
    order = (EVENT.c.at, EVENT.c.id)
    page = select(*order, _IS_GROUND, EVENT.c.review_group).where(EVENT.c.at < before).order_by(*order).limit(_PAGE)
    if after is not None:
        page = page.where(tuple_(*order) > after)
    rows = connection.execute(page).all()
    old = [name for _, name, is_ground, _ in rows if not is_ground]
    if old:
        connection.execute(_DROP_EVENTS, {"keys": old})
        review.recount(connection, {group for _, _, is_ground, group in rows if group and not is_ground})
    return len(old), (rows[-1].at, rows[-1].id) if len(rows) == _PAGE else None

