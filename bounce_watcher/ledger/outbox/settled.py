"""Items about forgotten recipients: a due item keeps the address until it is settled, and then loses it.

A platform that never hears of a suppression goes on mailing. So a due item stays as it is, filed under the hash. Once
it is delivered, dead, superseded or discarded, its content is removed in the same transaction, or within a minute.
All functions work in the caller's transaction.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, exists, func, literal_column, select, update

from bounce_watcher.ledger.db.statements import IS_DUE, chunks
from bounce_watcher.ledger.db.tables import ERASURE, OF_FORGOTTEN, OUTBOX
from bounce_watcher.ledger.naming.forget import begin_again
from bounce_watcher.ledger.outbox import tries
from bounce_watcher.ledger.outbox.bodies import HAS_BODY, NO_BODY
from bounce_watcher.model.address import FORGOTTEN

_OF_FORGOTTEN: ColumnElement[bool] = literal_column(OF_FORGOTTEN)
_MOST = 500

_WITH_ADDRESS = select(OUTBOX.c.number, OUTBOX.c.recipient_key).where(
    _OF_FORGOTTEN, HAS_BODY, OUTBOX.c.recipient_key > FORGOTTEN  # the index is searched by this key
)
_SETTLED = _WITH_ADDRESS.where(~IS_DUE).limit(_MOST)
_STILL_DUE = exists(
    select(OUTBOX.c.number).where(OUTBOX.c.recipient_key == ERASURE.c.name, _OF_FORGOTTEN, HAS_BODY)
)


def erase(connection: Connection) -> int:
    """Removes the address from items of forgotten recipients that need no further try, at most `_MOST`. Returns how
    many."""
    rows = connection.execute(_SETTLED).all()
    strip(connection, [row.number for row in rows])
    begin_again(connection, {row.recipient_key for row in rows})
    return len(rows)


def strip(connection: Connection, numbers: Sequence[int]) -> None:
    """Removes the content, the tries and the address from items that are filed under a hash."""
    tries.drop(connection, numbers)
    for part in chunks(numbers):
        connection.execute(update(OUTBOX).where(OUTBOX.c.number.in_(part)).values(
            recipient=OUTBOX.c.recipient_key, body=NO_BODY, last_answer=None,
        ))


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
