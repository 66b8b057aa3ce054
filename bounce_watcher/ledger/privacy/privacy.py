"""People forgotten: what names one erased from rows, and then from the files of the database."""

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
    """People forgotten: what names one erased from rows, and then from the files of the database."""

    def outline(self, address: str) -> erasure.Erased:
        """What `forget` would erase, told at once: but for what names the address only in its text."""
        return erasure.outline(self._engine, address)

    def forget(
        self, address: str, by: Actor, *, dry_run: bool = False, advance: Callable[[int], None] = lambda _: None
    ) -> erasure.Erased:
        """Erases what is stored on an address in rows; where it is suppressed, it stays so under a keyed hash.

        Of the files of the database see `clean_files`.
        """
        return erasure.erase(self._engine, self._names, address, by, dry_run=dry_run, advance=advance)

    def forgotten_name(self, address: str) -> str:
        """The hash that stands for an address once it is forgotten."""
        return forget.forgotten_name(self._engine, address)

    def finish_forgetting(self) -> files.Files | None:
        """`clean_files`, where somebody is being forgotten of whom nothing is due any more. None where nobody is."""
        while write(self._engine, settled.erase):
            pass
        return self.clean_files() if self._erased() else None

    def clean_files(self) -> files.Files:
        """Takes off the files of the database what they hold of erased rows, as far as may be done beside others."""
        return self._clean(files.clean)

    def vacuum(self) -> files.Files:
        """Writes the whole database anew, so that its files hold nothing of what was erased. Others wait meanwhile."""
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
