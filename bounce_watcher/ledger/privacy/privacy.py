"""Forgets people: erases what names them from rows, and then from the database files."""

from collections.abc import Callable

from sqlalchemy import Engine

from bounce_watcher.ledger.actions import Acting
from bounce_watcher.ledger.db import files
from bounce_watcher.ledger.db.engine import reading, write
from bounce_watcher.ledger.naming import forget
from bounce_watcher.ledger.outbox import settled
from bounce_watcher.ledger.privacy import erasure
from bounce_watcher.model.ledger import Actor


class Privacy(Acting):
    """The capability that erases what names a person from rows, and then from the database files."""

    def outline(self, address: str) -> erasure.Erased:
        """Returns quickly what `forget` would erase, without what names the address only in its text."""
        return erasure.outline(self._engine, address)

    def forget(
        self, address: str, by: Actor, *, dry_run: bool = False, advance: Callable[[int], None] = lambda _: None
    ) -> erasure.Erased:
        """Erases what rows hold about an address. If it is suppressed, it stays so under a keyed hash.

        For the database files see `clean_files`.
        """
        return erasure.erase(self._engine, self._names, address, by, dry_run=dry_run, advance=advance)

    def forgotten_name(self, address: str) -> str:
        """Returns the hash that replaces an address once it is forgotten."""
        return write(self._engine, lambda connection: forget.name_of(connection, address))

    def finish_forgetting(self) -> files.Files | None:
        """Erases settled items, then runs `clean_files` if the erasure of somebody without due items is under way.
        Returns None if there is nobody."""
        while write(self._engine, settled.erase):
            pass
        return self.clean_files() if self._erased() else None

    def clean_files(self) -> files.Files:
        """Removes what the database files hold of erased rows, as far as possible while others work."""
        return self._clean(files.clean)

    def vacuum(self) -> files.Files:
        """Rewrites the whole database, so that its files hold nothing of what was erased. Others wait meanwhile."""
        return self._clean(files.rewrite)

    def _clean(self, cleaned: Callable[[Engine], files.Files]) -> files.Files:
        erased = self._erased()  # read first: what is erased meanwhile is left for the next time
        left = cleaned(self._engine)
        if erased and left in (files.Files.CLEAN, files.Files.DEAD_ROWS):
            write(self._engine, lambda connection: settled.finish(connection, erased))
        return left

    def _erased(self) -> list[str]:
        with reading(self._engine) as connection:
            return settled.under_way(connection)
