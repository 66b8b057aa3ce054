"""Keeps settled mail that could not be moved out of its folder, so that it is neither read again nor copied twice.
Holds no personal data."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select
from sqlalchemy import Row as Fetched

from bounce_watcher.ledger.db.engine import reading, write
from bounce_watcher.ledger.db.tables import UNFILED
from bounce_watcher.model.filing import CopyBegun, Destination, Unfiled

_AT_ONCE = 500
"""How many UIDs one statement takes: databases limit the number of parameters."""


class UnfiledStore:
    """The unfiled messages, by `source` (as in RawMessage), UIDVALIDITY and UID. Raises TemporaryFailure or
    PermanentFailure."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, source: str, uidvalidity: int) -> Mapping[int, Unfiled]:
        """Returns the unfiled messages of a folder by UID. Drops those of an older UIDVALIDITY: they mean nothing now.
        """
        with reading(self._engine) as connection:
            rows = connection.execute(select(UNFILED).where(UNFILED.c.source == source)).all()
        if any(row.uidvalidity != uidvalidity for row in rows):
            old = delete(UNFILED).where(UNFILED.c.source == source, UNFILED.c.uidvalidity != uidvalidity)
            write(self._engine, lambda connection: connection.execute(old))
        return {row.uid: _read(row) for row in rows if row.uidvalidity == uidvalidity}

    def keep(self, source: str, uidvalidity: int, uids: Collection[int], as_: Unfiled) -> None:
        """Stores `as_` for these messages and replaces what was stored for them."""
        begun = as_.begun
        values = {
            "source": source, "uidvalidity": uidvalidity, "destination": as_.to.value, "copied": as_.copied,
            "begun_uidvalidity": begun and begun.uidvalidity, "begun_uidnext": begun and begun.uidnext,
        }

        def work(connection: Connection) -> None:
            _delete(connection, source, uidvalidity, uids)
            connection.execute(insert(UNFILED), [{**values, "uid": uid} for uid in sorted(set(uids))])

        if uids:
            write(self._engine, work)

    def drop(self, source: str, uidvalidity: int, uids: Collection[int]) -> None:
        """Drops these messages: they have left their folder."""
        write(self._engine, lambda connection: _delete(connection, source, uidvalidity, uids))


def _delete(connection: Connection, source: str, uidvalidity: int, uids: Collection[int]) -> None:
    of_folder = (UNFILED.c.source == source) & (UNFILED.c.uidvalidity == uidvalidity)
    ordered = sorted(set(uids))
    for start in range(0, len(ordered), _AT_ONCE):
        connection.execute(delete(UNFILED).where(of_folder, UNFILED.c.uid.in_(ordered[start : start + _AT_ONCE])))


def _read(row: Fetched[Any]) -> Unfiled:
    begun = row.begun_uidvalidity is not None
    return Unfiled(
        Destination(row.destination), row.copied, CopyBegun(row.begun_uidvalidity, row.begun_uidnext) if begun else None
    )
