"""How settled mail leaves a folder, by what the server can do. Nothing of anybody else's is ever expunged."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from imapclient import DELETED, IMAPClient

KEYWORD = b"$BounceSettled"
"""Marks mail that is settled but could not leave its folder."""


class Settlement(StrEnum):
    """A crash in mid-way may leave a message in both folders, never in none."""

    MOVE = "move"        # RFC 6851
    EXPUNGE = "expunge"  # COPY, \Deleted, then UID EXPUNGE of just these (RFC 4315)
    KEYWORD = "keyword"  # COPY, then a keyword: a bare EXPUNGE would take what others marked \Deleted


def settlement_of(client: IMAPClient) -> Settlement:
    if client.has_capability("MOVE"):
        return Settlement.MOVE
    return Settlement.EXPUNGE if client.has_capability("UIDPLUS") else Settlement.KEYWORD


def file_away(client: IMAPClient, how: Settlement, uids: str, folder: str) -> None:
    """Takes the messages `uids` (a sequence set) of the selected folder to `folder`, which exists."""
    _STEPS[how](client, uids, folder)


def _copy_and_expunge(client: IMAPClient, uids: str, folder: str) -> None:
    client.copy(uids, folder)
    client.add_flags(uids, DELETED, silent=True)
    client.uid_expunge(uids)


def _copy_and_mark(client: IMAPClient, uids: str, folder: str) -> None:
    client.copy(uids, folder)
    client.add_flags(uids, KEYWORD, silent=True)


_STEPS: Mapping[Settlement, Callable[[IMAPClient, str, str], None]] = {
    Settlement.MOVE: lambda client, uids, folder: client.move(uids, folder),
    Settlement.EXPUNGE: _copy_and_expunge,
    Settlement.KEYWORD: _copy_and_mark,
}
