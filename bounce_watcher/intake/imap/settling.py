"""How settled mail leaves a folder, by the server's capabilities. We never expunge anybody else's messages."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from imapclient import DELETED, IMAPClient

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


def take_away(client: IMAPClient, how: Settlement, uids: str) -> None:
    """Removes or marks messages `uids` (a sequence set) of the selected folder that have copies elsewhere."""
    _TAKE_AWAY[how](client, uids)


def _expunge(client: IMAPClient, uids: str) -> None:
    client.add_flags(uids, DELETED, silent=True)
    client.uid_expunge(uids)


_TAKE_AWAY: Mapping[Settlement, Callable[[IMAPClient, str], object]] = {
    Settlement.MOVE: _expunge,
    Settlement.EXPUNGE: _expunge,
    Settlement.KEYWORD: lambda client, uids: client.add_flags(uids, KEYWORD, silent=True),
}
