"""mbox (RFC 4155): messages one after the other, each after a line that begins with "From "."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MARK = b"From "
"""A file that begins with this counts as an mbox."""

LINE = 64 * 1024
"""The most bytes of a line that are read at once; a longer line comes in pieces."""

_ENVELOPE_LINE = re.compile(rb"From \S*\r?\n|From .{0,300}?\d\d?:\d\d")
_QUOTED = re.compile(rb">+From ")


@dataclass(frozen=True, slots=True)
class Piece:
    """One message of a stream. `offset` is where it begins. `content` may be cut; `size` is of the whole, in bytes."""

    offset: int
    content: bytes
    size: int


class _Draft:
    def __init__(self, offset: int, cap: int) -> None:
        self._offset = offset
        self._cap = cap
        self._content = bytearray()
        self._size = 0

    def add(self, line: bytes) -> None:
        self._size += len(line)
        self._content += line[: self._cap - len(self._content)]

    def piece(self) -> Piece:
        return Piece(self._offset, bytes(self._content), self._size)


def split(lines: Iterable[bytes], cap: int) -> Iterator[Piece]:
    """Yields the messages of an mbox, at most `cap` bytes of each; holds only one at a time.

    `lines` keep their ends and may be cut at LINE; the first one begins with MARK. Undoes the quoting of "From " at the
    beginning of a line (">From ", ">>From "). Leaves out the blank line before the next message.
    """
    draft: _Draft | None = None
    offset, blank, is_start = 0, b"", True
    for line in lines:
        if is_start and (draft is None or (blank and _ENVELOPE_LINE.match(line))):
            if draft is not None:
                yield draft.piece()
            draft, blank = _Draft(offset, cap), b""
        elif draft is not None:
            draft.add(blank)
            blank = line if is_start and line in {b"\n", b"\r\n"} else b""
            draft.add(b"" if blank else _unquoted(line, is_start))
        offset += len(line)
        is_start = line.endswith(b"\n")
    if draft is not None:
        yield draft.piece()


def _unquoted(line: bytes, is_start: bool) -> bytes:
    return line[1:] if is_start and line.startswith(b">") and _QUOTED.match(line) else line
