"""Sets of UIDs in the form of IMAP commands (RFC 3501 section 9, sequence-set), and pages of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

BATCH = 500
"""UIDs in one command: Dovecot refuses 20,000 single ones as too long, and more than this is not faster."""

LONGEST_SET = 7_000
"""The most bytes of a sequence set: every server accepts lines of 8,192 (RFC 7162 section 4)."""

SEARCH_WINDOW = 20_000
"""Messages in one SEARCH: imaplib fails at a line over 1,000,000 bytes, and one UID takes up to 11."""


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """A message that waits in a folder. `size` is in bytes as the server says, `received_at` is aware, UTC.

    `beginning` is the part that has been read.
    """

    uid: int
    size: int
    received_at: datetime
    beginning: bytes = b""


def compact(uids: Iterable[int]) -> str:
    """Returns exactly these UIDs in the shortest form: {1, 2, 3, 7} is "1:3,7". It never covers a UID in a gap."""
    return ",".join(map(_spelled, _runs(uids)))


def commands(uids: Iterable[int], longest: int = LONGEST_SET) -> Iterator[list[int]]:
    """Yields the UIDs in as few parts as the line length allows: each MOVE costs a server work on the whole folder."""
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
    """Returns the first and last UID of each unbroken run."""
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
    """Yields message sequence sets that cover a folder of `exists` messages and those that arrive meanwhile.

    Only the last one is open. A server refuses a number beyond the end, which can occur after others expunge messages.
    """
    starts = range(1, exists + 1, length)
    for start in starts[:-1]:
        yield f"{start}:{start + length - 1}"
    if starts:
        yield f"{starts[-1]}:*"


def pages(entries: Iterable[FolderEntry], max_messages: int, max_bytes: int, cap: int) -> Iterator[list[FolderEntry]]:
    """Cuts entries into pages of limited messages and bytes. `cap` is the most bytes that are read of one message.

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
