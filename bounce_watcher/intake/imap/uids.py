"""Sets of UIDs in the form of IMAP commands (RFC 3501 section 9, sequence-set), and pages of limited size."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

T = TypeVar("T")

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

    def load(self, cap: int) -> int:
        """Returns its weight in a page, in bytes. `cap` is the most that are read of one message."""
        return min(max(self.size, len(self.beginning)), cap)


def compact(uids: Iterable[int]) -> str:
    """Returns exactly these UIDs in the shortest form: {1, 2, 3, 7} is "1:3,7". It never covers a UID in a gap."""
    return ",".join(map(_spelled, _runs(uids)))


def commands(uids: Iterable[int], longest: int = LONGEST_SET) -> Iterator[list[int]]:
    """Yields the UIDs in as few parts as the line length allows: each MOVE costs a server work on the whole folder."""
    for part in pages(_runs(uids), lambda run: len(_spelled(run)) + 1, longest, longest):
        yield [uid for first, last in part for uid in range(first, last + 1)]


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
    for start in starts:
        yield f"{start}:*" if start == starts[-1] else f"{start}:{start + length - 1}"


def pages(values: Iterable[T], load: Callable[[T], int], most: int, most_load: int) -> Iterator[list[T]]:
    """Cuts values into pages of at most `most` values and `most_load` of what `load` returns for each.

    A value that weighs more than a page makes a page of its own.
    """
    page: list[T] = []
    weight = 0
    for value in values:
        its = load(value)
        if page and (len(page) >= most or weight + its > most_load):
            yield page
            page, weight = [], 0
        page.append(value)
        weight += its
    if page:
        yield page
