"""Selects folders on a connection, and keeps what the server says about each (RFC 3501 section 6.3.1)."""

import imaplib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bounce_watcher.intake.imap import folders, rights
from bounce_watcher.intake.imap.connection import Connection
from bounce_watcher.intake.imap.settling import KEYWORD, Settlement, settlement_of
from bounce_watcher.logs import log
from bounce_watcher.model.obstacles import NoRight


@dataclass(frozen=True, slots=True)
class Selected:
    """A folder as SELECT reported it. `generation` is that of the connection: a new one has nothing selected.

    `settlement` is how mail can leave it. `obstacle` is why the server's best way can't be used, None if it can.
    """

    folder: str
    uidvalidity: int
    exists: int
    has_settled: bool
    settlement: Settlement
    obstacle: NoRight | None
    generation: int


class Selection:
    """The selected folder of a connection, at most one at a time. Raises TemporaryFailure or PermanentFailure."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._selected: Selected | None = None

    def is_still(self, folder: str, uidvalidity: int | None) -> bool:
        """Selects the folder. Returns False if its UIDVALIDITY is not `uidvalidity` any more, or if it is gone."""
        now = self.enter(folder)
        if now is not None and now.uidvalidity == uidvalidity:
            return True
        log.warning("folder renumbered by the server", action="uidvalidity_changed",
                    mailbox=self._connection.account.name, folder=folder, uidvalidity=uidvalidity)
        return False

    def enter(self, folder: str) -> Selected | None:
        """Selects the folder and returns it; None if there is no such folder."""
        client = self._connection.client  # reconnects, with the next generation, if the connection was dropped
        here = self._selected
        if here is not None and here.folder == folder and here.generation == self._connection.generation:
            return here
        self._selected = None
        with self._connection.conversation(f"selecting {folder}"):
            try:
                answer, is_read_only = self._select(folder)
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error:
                if folders.exists(client, folder):
                    raise
                return None
            self._selected = self._examined(folder, answer, is_read_only=is_read_only)
        return self._selected

    def leave(self) -> None:
        """Forgets the selected folder, because another command selects something else."""
        self._selected = None

    def _select(self, folder: str) -> tuple[Mapping[bytes, Any], bool]:
        client = self._connection.client
        try:
            return client.select_folder(folder), False
        except imaplib.IMAP4.readonly:
            return client.select_folder(folder, readonly=True), True

    def _examined(self, folder: str, answer: Mapping[bytes, Any], *, is_read_only: bool) -> Selected:
        client = self._connection.client
        flags = _lower(answer.get(b"FLAGS", ()))
        told = answer.get(b"PERMANENTFLAGS")
        permanent = _lower(told) if told is not None else flags | {rb"\*"}  # RFC 3501: then all can be changed
        can, its = settlement_of(client), rights.rights_in(client, folder)
        takes_keyword = not (is_read_only or its.missing(rights.MARK)) and bool(permanent & {KEYWORD.lower(), rb"\*"})
        settlement, obstacle = _way_out(can, folder, its, takes_keyword=takes_keyword, is_read_only=is_read_only)
        return Selected(
            folder, int(answer.get(b"UIDVALIDITY", 0)), int(answer.get(b"EXISTS", 0)),
            has_settled=settlement is Settlement.KEYWORD or KEYWORD.lower() in flags, settlement=settlement,
            obstacle=obstacle, generation=self._connection.generation,
        )


def _way_out(
    can: Settlement, folder: str, its: rights.Rights, *, takes_keyword: bool, is_read_only: bool
) -> tuple[Settlement, NoRight | None]:
    missing = its.missing(rights.MARK if can is Settlement.KEYWORD else rights.REMOVE)
    obstacle = NoRight(folder, missing) if missing or is_read_only else None
    if obstacle is None and can is not Settlement.KEYWORD:
        return can, None
    return Settlement.KEYWORD if takes_keyword else Settlement.KEPT, obstacle


def _lower(flags: Iterable[bytes]) -> set[bytes]:
    return {flag.lower() for flag in flags}
