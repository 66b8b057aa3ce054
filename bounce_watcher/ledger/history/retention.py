"""Deletes events by their age.

This releases or changes no recipient. A recipient's record, its counts and the counts by time do not depend on events.
The events behind a current suppression are kept as long as it lasts. And a configuration that deletes a bounce before
it could count is refused.
"""

from datetime import datetime

from sqlalchemy import Connection, Engine, delete, exists, select, tuple_

from bounce_watcher.ledger.db.engine import write
from bounce_watcher.ledger.db.statements import KEYS
from bounce_watcher.ledger.db.tables import EVENT, SUPPRESSION
from bounce_watcher.ledger.review import groups as review

_PAGE = 500
"""How many rows one transaction changes, so that nobody waits long for the lock."""

_IS_GROUND = exists().where(
    SUPPRESSION.c.recipient_key == EVENT.c.recipient_key, SUPPRESSION.c.stream == EVENT.c.stream
)

_DROP_EVENTS = delete(EVENT).where(EVENT.c.id.in_(KEYS))

_Place = tuple[datetime, str]


def purge_events(engine: Engine, before: datetime) -> int:
    """Deletes events from before `before`, except those of recipients with a suppression, in force or held, in their
    stream.

    Works page by page in the order of time, each in its own transaction. Returns how many.
    """
    count, here = _dropped(engine, before, None)
    while here is not None:
        dropped, here = _dropped(engine, before, here)
        count += dropped
    return count


def _dropped(engine: Engine, before: datetime, after: _Place | None) -> tuple[int, _Place | None]:
    return write(engine, lambda connection: _drop_page(connection, before, after))


def _drop_page(connection: Connection, before: datetime, after: _Place | None) -> tuple[int, _Place | None]:
    """Deletes one page. Returns how many events were deleted, and where the page ended (None = it was the last)."""
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

