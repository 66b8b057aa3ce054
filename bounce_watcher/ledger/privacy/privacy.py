"""Forgets people: erases what names them from rows, and then from the files of the database."""

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
    """Erases people from rows and files."""

    def outline(self, address: str) -> erasure.Erased:
        """Returns what `forget` would erase, at once; it does not search texts that only mention the address."""
        return erasure.outline(self._engine, address)

    def forget(
        self, address: str, by: Actor, *, dry_run: bool = False, advance: Callable[[int], None] = lambda _: None
    ) -> erasure.Erased:
        """Erases what is stored about an address from all rows. A suppression stays under a keyed hash.

        `clean_files` does the same for the files of the database.
        """
        return erasure.erase(self._engine, self._names, address, by, dry_run=dry_run, advance=advance)

    def forgotten_name(self, address: str) -> str:
        """Returns the hash that replaces an address once it is forgotten."""
        return forget.forgotten_name(self._engine, address)

    def finish_forgetting(self) -> files.Files | None:
        """Cleans the files once all items about a forgotten person are settled. None if there is nobody to finish."""
        while write(self._engine, settled.erase):
            pass
        return self.clean_files() if self._erased() else None

    def clean_files(self) -> files.Files:
        """Cleans the files of the database of erased rows, as far as other connections allow."""
        return self._clean(files.clean)

    def vacuum(self) -> files.Files:
        """Rewrites the whole database, so that its files hold nothing that was erased. Others wait meanwhile."""
        return self._clean(files.rewrite)

    def _clean(self, cleaned: Callable[[Engine], files.Files]) -> files.Files:
        erased = self._erased()  # before: what is erased meanwhile is for the next time
        left = cleaned(self._engine)
        if erased and left in (files.Files.CLEAN, files.Files.DEAD_ROWS):
            write(self._engine, lambda connection: settled.finish(connection, erased))
        return left

    def _erased(self) -> list[str]:
        with reading(self._engine) as connection:
            return settled.under_way(connection)
