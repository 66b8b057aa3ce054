"""The base class of every part of the ledger: one engine, used from several threads."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, Select

from bounce_watcher.ledger.db.engine import reading


class Capability:
    """A part of the ledger. Safe to use from several threads, and from several processes on one database.

    Every method raises TemporaryFailure or PermanentFailure if the database fails.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def _rows(self, chosen: Select[Any]) -> Sequence[Any]:
        with reading(self._engine) as connection:
            return connection.execute(chosen).all()

    def _row(self, chosen: Select[Any]) -> Any:
        with reading(self._engine) as connection:
            return connection.execute(chosen).first()

    def _value(self, chosen: Select[Any]) -> Any:
        with reading(self._engine) as connection:
            return connection.scalar(chosen)
