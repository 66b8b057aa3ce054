"""imaplib with limits on what a server may make us hold in memory: a literal, a line, and the answer to one command.

imaplib reads a literal of any length that the server announces into memory, and any number of untagged answers. A
server that sends more than we can have asked for is faulty or hostile: we give up the connection before memory grows.
"""

import imaplib
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

Plug = Callable[[], socket.socket]

KIB, MIB = 1024, 1024 * 1024


class FloodError(imaplib.IMAP4.abort):
    """The server sent more than was asked for."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits for the answer to one command: bytes of one literal (RFC 3501 section 4.3), bytes of all, and lines.

    The defaults are for all commands but FETCH. Their literals are names of folders, and the most lines come from a
    folder that another program empties (one EXPUNGE for each message).
    """

    literal: int = 64 * KIB
    total: int = 16 * MIB
    lines: int = 250_000


USUAL = Bounds()


def bounds_of_bodies(messages: int, length: int, longest: int) -> Bounds:
    """Returns the limits for `messages` bodies of `length` bytes. A server without partial FETCH sends a whole message
    instead: we accept it up to `longest`, the most that we read of any message."""
    return replace(USUAL, literal=longest + KIB, total=messages * length + longest + USUAL.total)


_KEPT = frozenset({"CAPABILITY", "READ-ONLY", "READ-WRITE", "PREAUTH", "BYE"})
"""Untagged answers that imaplib and imapclient still read after the start of the next command."""


class Wire(imaplib.IMAP4):
    """An IMAP connection over a socket that `plug` opens, so that a watchdog has it before the greeting comes."""

    def __init__(self, host: str, port: int, plug: Plug) -> None:
        self._plug = plug
        self._bounds = USUAL
        self._bytes = self._lines = 0
        super().__init__(host, port)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self._plug()

    @contextmanager
    def within(self, bounds: Bounds) -> Iterator[None]:
        """Limits the answers to commands inside by `bounds`."""
        self._bounds = bounds
        try:
            yield
        finally:
            self._bounds = USUAL

    def send(self, data: Any) -> None:
        """Sends data. Drops what is left of older answers: imaplib would keep it as long as the connection lasts."""
        self._bytes = self._lines = 0
        for kind in self.untagged_responses.keys() - _KEPT:
            del self.untagged_responses[kind]
        super().send(data)

    def read(self, size: int) -> bytes:
        """Reads a literal. Raises FloodError for one that is too long, before reading any of it."""
        if size > self._bounds.literal:
            raise FloodError(
                f"the server announced a literal of {size:,} bytes, where at most {self._bounds.literal:,} were to come"
            )
        self._count(size)
        return super().read(size)

    def readline(self) -> bytes:
        """Reads a line. Raises FloodError."""
        try:
            line = super().readline()
        except self.abort:
            raise
        except self.error as error:  # imaplib's own limit: it would then go on in the middle of the line
            raise FloodError(f"the server sent a line without an end: {error}") from None
        self._lines += 1
        self._count(len(line))
        return line

    def _count(self, length: int) -> None:
        self._bytes += length
        if self._bytes > self._bounds.total or self._lines > self._bounds.lines:
            raise FloodError(
                f"the server answered one command by more than {self._bounds.total:,} bytes or "
                f"{self._bounds.lines:,} lines"
            )
