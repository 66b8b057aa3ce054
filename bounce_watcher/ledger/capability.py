"""The base class of every part of the ledger: one engine, used from several threads."""

from sqlalchemy import Engine


class Capability:
    """A part of the ledger. Safe to use from several threads, and from several processes on one database.

    Every method raises TemporaryFailure or PermanentFailure if the database fails.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
