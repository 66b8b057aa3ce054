"""What every part of the ledger is made of: one engine, asked from several threads."""

from sqlalchemy import Engine


class Capability:
    """A part of the ledger. Safe to use from several threads, and from several processes on one database.

    Every method raises TemporaryFailure or PermanentFailure where the database does not do its part.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
