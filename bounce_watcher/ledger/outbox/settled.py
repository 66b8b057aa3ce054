"""Removes the content of settled items: of old ones, and of those about forgotten recipients.

A platform that never hears of a suppression goes on mailing. So a due item about a forgotten recipient stays as it is,
filed under the hash. Once it is delivered, dead, superseded or discarded, its content is removed in the same
transaction, or within a minute.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, exists, func, literal_column, select, update

from bounce_watcher.ledger.db.engine import write_in_batches
from bounce_watcher.ledger.db.statements import IS_DUE, chunks
from bounce_watcher.ledger.db.tables import ERASURE, OF_FORGOTTEN, OUTBOX
from bounce_watcher.ledger.naming.forget import begin_again
from bounce_watcher.ledger.outbox import tries
from bounce_watcher.model.address import FORGOTTEN
from bounce_watcher.model.ledger import OutboxState

NO_BODY = "{}"
"""Replaces the body of an item that is not to be sent again."""
HAS_BODY = OUTBOX.c.body != literal_column("'{}'")
"""A literal, not a parameter: only then do the planners see that the partial index fits."""

_MOST = 500
"""How many rows one transaction changes, so that nobody waits long for the lock."""

_OLD = select(OUTBOX.c.number).where(
    HAS_BODY, OUTBOX.c.state.in_((OutboxState.DELIVERED, OutboxState.SUPERSEDED, OutboxState.DISCARDED))
).order_by(OUTBOX.c.created_at).limit(_MOST)
_OF_FORGOTTEN: ColumnElement[bool] = literal_column(OF_FORGOTTEN)

_WITH_ADDRESS = select(OUTBOX.c.number, OUTBOX.c.recipient_key).where(
    _OF_FORGOTTEN, HAS_BODY, OUTBOX.c.recipient_key > FORGOTTEN  # the index is searched by this key
)
_SETTLED = _WITH_ADDRESS.where(~IS_DUE).limit(_MOST)
_STILL_DUE = exists(
    select(OUTBOX.c.number).where(OUTBOX.c.recipient_key == ERASURE.c.name, _OF_FORGOTTEN, HAS_BODY)
)


def purge_bodies(engine: Engine, before: datetime) -> int:
    """Removes the body, the tries and the answer of items from before `before` that need no further try.

    The record that they were sent stays, with when and to whom. Returns how many items.
    """
    def strip_page(connection: Connection) -> int:
        numbers = connection.scalars(_OLD.where(OUTBOX.c.created_at < before)).all()
        strip(connection, numbers, keeps_address=True)
        return len(numbers)

    return write_in_batches(engine, strip_page)


def strip(connection: Connection, numbers: Sequence[int], *, keeps_address: bool = False) -> None:
    """Removes the content and the tries of items, and puts the hash that they are filed under in place of the address.
    """
    tries.drop(connection, numbers)
    recipient = OUTBOX.c.recipient if keeps_address else OUTBOX.c.recipient_key
    for part in chunks(numbers):
        connection.execute(update(OUTBOX).where(OUTBOX.c.number.in_(part)).values(
            recipient=recipient, body=NO_BODY, last_answer=None,
        ))


# ── of forgotten recipients: in the caller's transaction ────────────────────────────────────────────────────────────

def erase(connection: Connection) -> int:
    """Removes the address from items of forgotten recipients that need no further try, at most `_MOST`. Returns how
    many."""
    rows = connection.execute(_SETTLED).all()
    strip(connection, [row.number for row in rows])
    begin_again(connection, {row.recipient_key for row in rows})
    return len(rows)


def waiting(connection: Connection, name: str) -> int:
    """Returns how many due items still hold the address behind a hash."""
    chosen = _WITH_ADDRESS.where(OUTBOX.c.recipient_key == name, IS_DUE).subquery()
    return connection.scalar(select(func.count()).select_from(chosen)) or 0


def under_way(connection: Connection) -> list[str]:
    """Returns the hashes whose rows are all erased while the database files may still hold a copy."""
    return list(connection.scalars(select(ERASURE.c.name).where(~ERASURE.c.done, ~_STILL_DUE)))


def finish(connection: Connection, names: Sequence[str]) -> None:
    """Records that the database files hold nothing of these any more."""
    for part in chunks(names):
        connection.execute(update(ERASURE).where(ERASURE.c.name.in_(part)).values(done=True))
