"""What is kept no longer: events by their age, and the bodies of notices that were taken long ago.

Nobody is released or changed by it. A recipient's record, its counts and the counts by time stand by themselves; what a
suppression in force rests on is kept as long as that stands; and a configuration that forgets a bounce before it could
count is refused.
"""

from datetime import datetime

from sqlalchemy import Connection, Engine, delete, exists, literal_column, select, tuple_, update

from bounce_watcher.ledger.db.engine import write
from bounce_watcher.ledger.db.statements import KEYS, chunks
from bounce_watcher.ledger.db.tables import EVENT, OUTBOX, SUPPRESSION
from bounce_watcher.ledger.outbox import tries
from bounce_watcher.ledger.review import groups as review
from bounce_watcher.model.ledger import OutboxState

NO_BODY = "{}"
"""In place of the body of a notice that is not to be sent again."""

_PAGE = 500
"""Rows changed in one transaction, so that nobody waits long for the lock."""

_SETTLED = (OutboxState.DELIVERED, OutboxState.SUPERSEDED, OutboxState.DISCARDED)
_IS_GROUND = exists().where(
    SUPPRESSION.c.recipient_key == EVENT.c.recipient_key, SUPPRESSION.c.stream == EVENT.c.stream
)
HAS_BODY = OUTBOX.c.body != literal_column("'{}'")
"""Written out, no parameter: only so do the planners see that the partial index fits."""

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


def purge_bodies(engine: Engine, before: datetime) -> int:
    """Takes the bodies, the tries, and what was answered, off notices from before then that need no further try.

    That they were told stays, with when and to whom. Returns how many.
    """
    count = 0
    while purged := write(engine, lambda connection: _strip_page(connection, before)):
        count += purged
    return count


def _strip_page(connection: Connection, before: datetime) -> int:
    old = (
        select(OUTBOX.c.number)
        .where(HAS_BODY, OUTBOX.c.created_at < before, OUTBOX.c.state.in_(_SETTLED))
        .order_by(OUTBOX.c.created_at)
        .limit(_PAGE)
    )
    numbers = connection.scalars(old).all()
    tries.drop(connection, numbers)
    for part in chunks(numbers):
        connection.execute(update(OUTBOX).where(OUTBOX.c.number.in_(part)).values(body=NO_BODY, last_answer=None))
    return len(numbers)
