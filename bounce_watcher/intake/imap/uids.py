"""Sets of UIDs as IMAP commands want them (RFC 3501 section 9, sequence-set), and pages of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

BATCH = 500
"""UIDs in one command: 20,000 single ones are refused by Dovecot as too long, and more than this is not faster."""

LONGEST_SET = 7_000
"""Bytes of a sequence set, of the 8,192 that every server takes in a line (RFC 7162 section 4)."""

SEARCH_WINDOW = 20_000
"""Messages in one SEARCH: imaplib gives up on a line over 1,000,000 bytes, and one UID takes up to 11."""


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """A message that waits in a folder: `size` in bytes as the server says, `received_at` aware, UTC, `beginning`
    what has been read of it."""

    uid: int
    size: int
    received_at: datetime
    beginning: bytes = b""


def compact(uids: Iterable[int]) -> str:
    """Just these UIDs in the shortest form: {1, 2, 3, 7} is "1:3,7". No UID in a gap is ever covered."""
    return ",".join(map(_spelled, _runs(uids)))


def commands(uids: Iterable[int], longest: int = LONGEST_SET) -> Iterator[list[int]]:
    """The UIDs in as few parts as the length of a line allows: a server pays for each MOVE by the whole folder."""
    together: list[int] = []
    length = 0
    for run in _runs(uids):
        more = len(_spelled(run)) + 1
        if together and length + more > longest:
            yield together
            together, length = [], 0
        together.extend(range(run[0], run[1] + 1))
        length += more
    if together:
        yield together


def _runs(uids: Iterable[int]) -> list[list[int]]:
    """First and last of each unbroken run."""
    runs: list[list[int]] = []
    for uid in sorted(set(uids)):
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return runs


def _spelled(run: list[int]) -> str:
    first, last = run
    return str(first) if first == last else f"{first}:{last}"


def batches(uids: Sequence[int], length: int = BATCH) -> Iterator[Sequence[int]]:
    for start in range(0, len(uids), length):
        yield uids[start : start + length]


def windows(exists: int, length: int = SEARCH_WINDOW) -> Iterator[str]:
    """Message sequence sets that cover a folder of `exists` messages and those that arrive meanwhile.

    Only the last one is open: a number beyond the end, after others expunged, would be refused.
    """
    starts = range(1, exists + 1, length)
    for start in starts[:-1]:
        yield f"{start}:{start + length - 1}"
    if starts:
        yield f"{starts[-1]}:*"


def pages(entries: Iterable[FolderEntry], max_messages: int, max_bytes: int, cap: int) -> Iterator[list[FolderEntry]]:
    """Cuts entries into pages of at most so many messages and bytes; `cap` is the most that is read of one message.

    A message larger than a page makes a page of its own.
    """
    page: list[FolderEntry] = []
    weight = 0
    for entry in entries:
        load = min(max(entry.size, len(entry.beginning)), cap)
        if page and (len(page) >= max_messages or weight + load > max_bytes):
            yield page
            page, weight = [], 0
        page.append(entry)
        weight += load
    if page:
        yield page
