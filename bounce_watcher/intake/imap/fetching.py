"""FETCH by UID (RFC 3501 sections 6.4.5 and 7.4.2). Patterns read the few items that we need.

imapclient parses any answer, character by character: that took half the processor time of a pass.
"""

import imaplib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bounce_watcher.intake.imap.uids import compact
from bounce_watcher.parsing.dates import parse_date

_BEGIN = re.compile(rb"\d+ \(")
_UID = re.compile(rb"[( ]UID (\d+)", re.IGNORECASE)
_SIZE = re.compile(rb"[( ]RFC822\.SIZE (\d+)", re.IGNORECASE)
_DATE = re.compile(rb'[( ]INTERNALDATE "([^"]{1,40})"', re.IGNORECASE)
_SHORT = re.compile(rb'[( ]BODY\[\](?:<\d+>)? "((?:[^"\\]|\\.)*)"', re.IGNORECASE)

WHOLE = "(BODY.PEEK[])"
"""Asks for a whole message, without marking it as seen."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer for one message; None = not asked for, or not given. `received_at` is aware, UTC."""

    size: int | None = None
    received_at: datetime | None = None
    body: bytes | None = None


def beginning(length: int) -> str:
    """Asks for the first `length` bytes, without marking the message as seen, and for the whole's size and date."""
    return f"(RFC822.SIZE INTERNALDATE BODY.PEEK[]<0.{length}>)"


def continuation(start: int, length: int) -> str:
    """Asks for `length` bytes from byte `start` on. The body is empty if the message ends before that."""
    return f"(BODY.PEEK[]<{start}.{length}>)"


def fetch(wire: imaplib.IMAP4, uids: Sequence[int], items: str) -> dict[int, Fetched]:
    """Returns `items` of those `uids` that are still in the selected folder. Raises imaplib.IMAP4.error and OSError."""
    status, data = wire.uid("FETCH", compact(uids), items)
    if status != "OK":
        raise imaplib.IMAP4.error(f"FETCH failed: {data[-1]!r}")
    wanted = set(uids)
    found = (_read(text, literal) for text, literal in _answers(data))
    return {uid: fetched for uid, fetched in found if uid in wanted and fetched != Fetched()}


def _answers(data: Iterable[object]) -> Iterator[tuple[bytes, bytes | None]]:
    """Yields each message's answer as its text without literals, and the first literal.

    imaplib returns `(b'1 (UID 1 BODY[]<0> {5}', b'Hello')` and then separately what follows the literal, `b')'`.
    """
    texts: list[bytes] = []
    literal: bytes | None = None
    for item in data:
        text, content = item if isinstance(item, tuple) else (item, None)
        if not isinstance(text, bytes):
            continue  # None: no message answered
        if _BEGIN.match(text) and texts:
            yield b"".join(texts), literal
            texts, literal = [], None
        texts.append(text)
        literal = content if literal is None else literal
    yield b"".join(texts), literal


def _read(text: bytes, literal: bytes | None) -> tuple[int, Fetched]:
    uid, size, date = (pattern.search(text) for pattern in (_UID, _SIZE, _DATE))
    if literal is None and (short := _SHORT.search(text)):  # not NIL, which Dovecot sends for an expunged message
        literal = re.sub(rb"\\(.)", rb"\1", short[1])
    return int(uid[1]) if uid else 0, Fetched(
        size=int(size[1]) if size else None,
        received_at=_internal_date(date[1].decode("latin-1")) if date else None,
        body=literal,
    )


def _internal_date(text: str) -> datetime | None:
    """Parses a date such as " 4-Nov-2026 08:33:41 +0000" (RFC 3501 date-time). None if it is none."""
    date = parse_date(text.strip().replace("-", " ", 2))
    try:
        return date.astimezone(UTC) if date else None
    except (OverflowError, ValueError):  # the year 1 or 9999 with a zone
        return None
