"""Selects folders on a connection (RFC 3501 section 6.3.1), and tells how settled mail can leave each.

That depends on the server's capabilities, and on rights (RFC 4314) and quotas (RFC 9208) if it reports them.
"""

import contextlib
import imaplib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from imapclient import IMAPClient
from imapclient.imap_utf7 import encode

from bounce_watcher.intake.imap import folders
from bounce_watcher.intake.imap.connection import Connection
from bounce_watcher.intake.imap.failures import CommandRefused, refusals
from bounce_watcher.logs import log
from bounce_watcher.model.faults import NoRight, Quota

KEYWORD = b"$BounceSettled"
"""Marks mail that is settled but could not leave its folder."""


class Settlement(StrEnum):
    """How mail leaves a folder. A crash may leave a message in both folders, never in none."""

    MOVE = "move"        # RFC 6851
    EXPUNGE = "expunge"  # COPY, \Deleted, then UID EXPUNGE of just these (RFC 4315)
    KEYWORD = "keyword"  # COPY, then a keyword: a bare EXPUNGE would take what others marked \Deleted
    KEPT = "kept"        # COPY, then the ledger stores that it is settled: nothing in the folder can be changed


def settlement_of(client: IMAPClient) -> Settlement:
    """Returns the best way that the server supports. Whether the user may use it depends on each folder."""
    if client.has_capability("MOVE"):
        return Settlement.MOVE
    return Settlement.EXPUNGE if client.has_capability("UIDPLUS") else Settlement.KEYWORD


REMOVE = frozenset("te")
"""The rights to mark a message \\Deleted and to expunge it. MOVE needs both as well (RFC 6851 section 5)."""
MARK = frozenset("w")
INSERT = frozenset("i")
CREATE = frozenset("k")

_OBSOLETE = {"d": REMOVE, "c": CREATE}
"""RFC 4314 section 2.1.1: the letters of RFC 2086. Some servers give them in addition to the newer letters, if the user
has one of these; some give them instead."""

_IN_ORDER = "wikte"
"""The letters of RFC 4314 section 2.1, in the order in which we report them."""


@dataclass(frozen=True, slots=True)
class Rights:
    """A user's rights. `letters` are those of RFC 4314; None if the server does not report them."""

    letters: frozenset[str] | None = None

    def missing(self, needed: frozenset[str]) -> tuple[str, ...]:
        """Returns those of `needed` that the user does not have; none if the rights are unknown."""
        return () if self.letters is None else tuple(letter for letter in _IN_ORDER if letter in needed - self.letters)


def rights_in(client: IMAPClient, folder: str) -> Rights:
    """Asks by MYRIGHTS if the server offers ACL. If the server refuses, the rights are unknown."""
    if not client.has_capability("ACL"):
        return Rights()
    with contextlib.suppress(CommandRefused), refusals():
        return read_rights(client.wire.myrights(quoted(folder))[1][-1])
    return Rights()


def read_rights(answer: object) -> Rights:
    """Reads an untagged answer such as b'"Bounces/Processed" lrswite'. The name may come before it as a literal."""
    text = answer.decode("ascii", "replace") if isinstance(answer, bytes) else ""
    letters = frozenset((text.split() or [""])[-1].strip('"').lower())
    for obsolete, newer in _OBSOLETE.items():
        if obsolete in letters and not letters & newer:
            letters |= newer
    return Rights(letters) if text.strip() else Rights()


def quoted(folder: str) -> bytes:
    """Returns a folder's name encoded and quoted for a command (RFC 3501 sections 5.1.3 and 9)."""
    name: bytes = encode(folder)
    return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def quotas_of(client: IMAPClient, folder: str) -> tuple[Quota, ...]:
    """Asks by GETQUOTAROOT if the server offers QUOTA. Returns nothing if the server refuses."""
    if not client.has_capability("QUOTA"):
        return ()
    try:
        with refusals():
            _, found = client.get_quota_root(quoted(folder))
    except (CommandRefused, ValueError, TypeError, LookupError):
        return ()
    return tuple(Quota(_text(each.quota_root), _text(each.resource).upper(), each.usage, each.limit) for each in found)


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


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

    def still(self, folder: str, uidvalidity: int | None) -> Selected | None:
        """Selects the folder. Returns None if its UIDVALIDITY is not `uidvalidity` any more, or if it is gone."""
        now = self.enter(folder)
        if now is not None and now.uidvalidity == uidvalidity:
            return now
        log.warning("folder renumbered by the server", action="uidvalidity_changed",
                    mailbox=self._connection.account.name, folder=folder, uidvalidity=uidvalidity)
        return None

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
        can, its = settlement_of(client), rights_in(client, folder)
        takes_keyword = not (is_read_only or its.missing(MARK)) and bool(permanent & {KEYWORD.lower(), rb"\*"})
        settlement, obstacle = _way_out(can, folder, its, takes_keyword=takes_keyword, is_read_only=is_read_only)
        return Selected(
            folder, int(answer.get(b"UIDVALIDITY", 0)), int(answer.get(b"EXISTS", 0)),
            has_settled=settlement is Settlement.KEYWORD or KEYWORD.lower() in flags, settlement=settlement,
            obstacle=obstacle, generation=self._connection.generation,
        )


def _way_out(
    can: Settlement, folder: str, its: Rights, *, takes_keyword: bool, is_read_only: bool
) -> tuple[Settlement, NoRight | None]:
    missing = its.missing(MARK if can is Settlement.KEYWORD else REMOVE)
    obstacle = NoRight(folder, missing) if missing or is_read_only else None
    if obstacle is None and can is not Settlement.KEYWORD:
        return can, None
    return Settlement.KEYWORD if takes_keyword else Settlement.KEPT, obstacle


def _lower(flags: Iterable[bytes]) -> set[bytes]:
    return {flag.lower() for flag in flags}
