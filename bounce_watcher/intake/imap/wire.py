"""imaplib with bounds on what a server may make us hold: a literal, a line, and all that answers one command.

imaplib reads a literal of any length that the server names into memory, and any number of untagged answers. A server
that says more than it can have been asked for is at fault, or hostile: the connection is given up before memory grows.
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
    """What one command may be answered: bytes of one literal (RFC 3501 section 4.3), of all of it, and lines.

    The defaults are for all but FETCH: literals are names of folders then, and the most lines come of a folder that
    another program empties (one EXPUNGE a message).
    """

    literal: int = 64 * KIB
    total: int = 16 * MIB
    lines: int = 250_000


USUAL = Bounds()


def bounds_of_bodies(messages: int, length: int, longest: int) -> Bounds:
    """For so many bodies of `length` bytes. A server that knows no partial FETCH sends the whole message instead: it is
    taken up to the `longest` that is read of any."""
    return replace(USUAL, literal=longest + KIB, total=messages * length + longest + USUAL.total)


_KEPT = frozenset({"CAPABILITY", "READ-ONLY", "READ-WRITE", "PREAUTH", "BYE"})
"""Untagged answers that imaplib and imapclient look at after the next command began."""


class Wire(imaplib.IMAP4):
    """Over a socket that `plug` opens, so that a watchdog has it before the greeting comes."""

    def __init__(self, host: str, port: int, plug: Plug) -> None:
        self._plug = plug
        self._bounds = USUAL
        self._bytes = self._lines = 0
        super().__init__(host, port)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self._plug()

    @contextmanager
    def within(self, bounds: Bounds) -> Iterator[None]:
        """Commands inside may be answered by so much."""
        self._bounds = bounds
        try:
            yield
        finally:
            self._bounds = USUAL

    def send(self, data: Any) -> None:
        """What was left of older answers is forgotten: imaplib would keep it for as long as the connection lasts."""
        self._bytes = self._lines = 0
        for kind in self.untagged_responses.keys() - _KEPT:
            del self.untagged_responses[kind]
        super().send(data)

    def read(self, size: int) -> bytes:
        """A literal. Raises FloodError before anything of one that is too long is read."""
        if size > self._bounds.literal:
            raise FloodError(
                f"the server announced a literal of {size:,} bytes, where at most {self._bounds.literal:,} were to come"
            )
        self._count(size)
        return super().read(size)

    def readline(self) -> bytes:
        """Raises FloodError."""
        try:
            line = super().readline()
        except self.abort:
            raise
        except self.error as error:  # imaplib's own bound, after which it would go on amid the line
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
