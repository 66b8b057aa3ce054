"""The ledger as the rest of the program sees it: one database, with one capability for each folder.

A capability is imported when it is first used, so a short command loads only what it needs.
"""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sqlalchemy import Engine

from bounce_watcher.ledger.db import migrate
from bounce_watcher.ledger.db.engine import open_engine, reading
from bounce_watcher.model.schema import SchemaDifference

if TYPE_CHECKING:
    from bounce_watcher.ledger.actions import ActionLog
    from bounce_watcher.ledger.db.backup import Backup
    from bounce_watcher.ledger.history.history import LedgerHistory
    from bounce_watcher.ledger.lists.browse import Browsing
    from bounce_watcher.ledger.lists.figures import Figures
    from bounce_watcher.ledger.lists.lists import Lists
    from bounce_watcher.ledger.naming.names import Names
    from bounce_watcher.ledger.outbox.outbox import Outbox
    from bounce_watcher.ledger.privacy.erasure import Privacy
    from bounce_watcher.ledger.recording.recording import Recording
    from bounce_watcher.ledger.review.review import Review
    from bounce_watcher.ledger.sessions import Sessions
    from bounce_watcher.ledger.suppressions.suppressions import Suppressions


class Ledger:
    """The ledger. Open it with `Ledger.connect` and `close` it when done, or use it as a context manager. Safe to use
    from several threads, and from several processes on one database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._leases: dict[str, str] = {}

    @classmethod
    def connect(cls, url: str) -> Self:
        """Opens the ledger at a database URL, sqlite:////path/to/file or postgresql+psycopg://user@host/database.

        Raises TemporaryFailure if the server is unreachable, and PermanentFailure (which says how to fix it) if the
        URL, the file or the log-in is wrong. Does not look at the schema: see `check` and `upgrade`.
        """
        engine = open_engine(url)
        with reading(engine):
            return cls(engine)

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def upgrade(self) -> None:
        """Upgrades the schema to this version's.

        Raises SchemaMismatch if its tables are not those of the schema that it claims, and PermanentFailure if that is
        a newer one.
        """
        migrate.upgrade(self._engine)

    def check(self) -> tuple[SchemaDifference, ...]:
        """Returns what somebody added without harm: tables, and indexes on our tables.

        Raises PermanentFailure unless the schema is this version's: a SchemaMismatch if it only claims to be.
        """
        return migrate.check(self._engine)

    def back_up(self, target: Path, *, replace: bool = False) -> "Backup":
        """See `db.backup.back_up`."""
        from bounce_watcher.ledger.db import backup

        return backup.back_up(self._engine, target, replace=replace)

    def dump_command(self, target: Path) -> tuple[str, ...] | None:
        """See `db.backup.dump_command`."""
        from bounce_watcher.ledger.db import backup

        return backup.dump_command(self._engine, target)

    def load(self) -> None:
        """Imports every room now: a service that runs while its files are upgraded must not mix two versions.

        `names` is left out, as it reads the database; its module is imported with the others.
        """
        for name, each in vars(Ledger).items():
            if isinstance(each, cached_property) and name != "names":
                getattr(self, name)

    @cached_property
    def recording(self) -> "Recording":
        from bounce_watcher.ledger.recording.recording import Recording

        return Recording(self._engine)

    @cached_property
    def suppressions(self) -> "Suppressions":
        from bounce_watcher.ledger.suppressions.suppressions import Suppressions

        return Suppressions(self._engine)

    @cached_property
    def outbox(self) -> "Outbox":
        from bounce_watcher.ledger.outbox.outbox import Outbox

        return Outbox(self._engine, self._leases)

    @cached_property
    def history(self) -> "LedgerHistory":
        from bounce_watcher.ledger.history.history import LedgerHistory

        return LedgerHistory(self._engine)

    @cached_property
    def lists(self) -> "Lists":
        from bounce_watcher.ledger.lists.lists import Lists

        return Lists(self._engine)

    @cached_property
    def browsing(self) -> "Browsing":
        from bounce_watcher.ledger.lists.browse import Browsing

        return Browsing(self._engine)

    @cached_property
    def figures(self) -> "Figures":
        from bounce_watcher.ledger.lists.figures import Figures

        return Figures(self._engine)

    @cached_property
    def review(self) -> "Review":
        from bounce_watcher.ledger.review.review import Review

        return Review(self._engine)

    @cached_property
    def privacy(self) -> "Privacy":
        from bounce_watcher.ledger.privacy.erasure import Privacy

        return Privacy(self._engine)

    @cached_property
    def log(self) -> "ActionLog":
        from bounce_watcher.ledger.actions import ActionLog

        return ActionLog(self._engine)

    @cached_property
    def sessions(self) -> "Sessions":
        """Sign-ins of people in a browser."""
        from bounce_watcher.ledger.sessions import Sessions

        return Sessions(self._engine)

    @cached_property
    def names(self) -> "Names":
        """The names of addresses, for links. Raises TemporaryFailure while the database is unreachable."""
        from bounce_watcher.ledger.naming.names import Names

        return Names(self._engine)
