"""Finds the messages of a folder that already have a copy in another, after a COPY whose end nobody saw.

Copies are recognised by their content: many bounces have no Message-ID, and COPYUID (RFC 4315) is lost with the
connection. Only messages that came into the destination after the start of the COPY are compared.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence

from bounce_watcher.intake.imap import uids
from bounce_watcher.intake.imap.connection import Connection
from bounce_watcher.intake.imap.failures import CommandRefused, refusals
from bounce_watcher.intake.imap.fetching import beginning, fetch
from bounce_watcher.intake.imap.wire import KIB, bounds_of_bodies
from bounce_watcher.model.message import CopyBegun

COMPARED = 64 * KIB
"""How much of each message's beginning is compared, in bytes, in addition to its whole size."""

_AT_ONCE = 100
_Content = tuple[int, str]


def state_of(connection: Connection, folder: str) -> CopyBegun | None:
    """Returns the state of the folder, to store before a COPY into it; None if the server does not give it."""
    try:
        with refusals():
            told = connection.client.folder_status(folder, ["UIDVALIDITY", "UIDNEXT"])
        return CopyBegun(int(told[b"UIDVALIDITY"]), int(told[b"UIDNEXT"]))
    except (CommandRefused, ValueError, TypeError, LookupError):
        return None


def copied(
    connection: Connection, folder: str, numbers: Collection[int], destination: str, begun: CopyBegun, longest: int
) -> set[int]:
    """Returns those of `folder`'s UIDs `numbers` that were copied since; none if the destination can't be selected.

    At the end `folder` is no longer selected. If two messages are alike, each copy counts for one of them. `longest` is
    the most bytes that a server without partial FETCH may send.
    """
    client = connection.client
    try:
        with refusals():
            there = client.select_folder(destination, readonly=True)
    except CommandRefused:
        return set()
    if there.get(b"UIDVALIDITY") != begun.uidvalidity or not there.get(b"EXISTS"):
        return set()
    since = [uid for uid in client.search(f"UID {begun.uidnext}:*") if uid >= begun.uidnext]
    if not since:
        return set()
    sizes = {uid: each.size for batch in uids.batches(since)
             for uid, each in fetch(connection.wire, batch, "(RFC822.SIZE)").items()}
    client.select_folder(folder, readonly=True)
    ours = _contents(connection, sorted(numbers), longest)
    wanted = {size for size, _ in ours.values()}
    client.select_folder(destination, readonly=True)
    alike = [uid for uid in since if sizes.get(uid) in wanted]
    copies = Counter(_contents(connection, alike, longest).values())
    found = set()
    for uid, content in sorted(ours.items()):
        if copies[content]:
            copies[content] -= 1
            found.add(uid)
    return found


def _contents(connection: Connection, numbers: Sequence[int], longest: int) -> dict[int, _Content]:
    found: dict[int, _Content] = {}
    wire = connection.wire
    for batch in uids.batches(numbers, _AT_ONCE):
        with wire.within(bounds_of_bodies(len(batch), COMPARED, longest)):
            fetched = fetch(wire, batch, beginning(COMPARED))
        found |= {uid: (each.size, hashlib.sha256(each.body[:COMPARED]).hexdigest())
                  for uid, each in fetched.items() if each.size is not None and each.body is not None}
    return found
