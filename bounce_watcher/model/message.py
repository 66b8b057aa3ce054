"""A message as it came in, before anything is known about it."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

import zstandard

DIGEST_BYTES = 500 * 1024
"""How much of a message its digest covers, once its line ends are LF: less than half of the usual cap on oversized
mail, so that the digest of a cut message is that of the whole one. Not less, since reports may be alike for 60 KB and
then differ. (Where the cap is set lower than usual, mail above it that is read by another cap is another mail.)"""

_ENVELOPE_LINE = re.compile(rb">*From [^\n]*\n")
_QUOTED_FROM = re.compile(rb"^>+From ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RawMessage:
    """One message from a source, at most the configured number of bytes of it.

    `source` names it for a person ("box.mbox#3", "returns/INBOX"); `mailbox` is the configured mailbox's name or None
    for files; `stream` the mailbox's stream. `uid` and `uidvalidity` are None outside IMAP (RFC 3501 section 2.3.1.1).
    `received_at` is aware: INTERNALDATE, or for files the topmost Received header, else Date.
    `size` is the whole message's size in bytes: larger than `len(content)` where the cap cut it.
    """

    source: str
    content: bytes
    received_at: datetime
    mailbox: str | None = None
    stream: str | None = None
    uid: int | None = None
    uidvalidity: int | None = None
    size: int = 0

    @property
    def is_truncated(self) -> bool:
        return self.size > len(self.content)


def message_digest(content: bytes) -> str:
    """The identity of a message's content: the same for LF and CRLF, over IMAP and from a file. 64 hex digits.

    NUL is folded to 0x80 as Dovecot does on delivery; white space at the end does not count, nor does what an mbox adds
    (RFC 4155): the line "From …" before the header, the ">" before "From " in the text.
    """
    head = content[: 2 * DIGEST_BYTES]
    if b"\r" in head:
        head = head.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    head = head.replace(b"\0", b"\x80")
    if envelope := _ENVELOPE_LINE.match(head):
        head = head[envelope.end() :]
    if b">From " in head:
        head = _QUOTED_FROM.sub(b"From ", head)
    return hashlib.sha256(head[:DIGEST_BYTES].rstrip(b" \t\n")).hexdigest()


def pack(content: bytes) -> bytes:
    """A raw message as it is stored: Zstandard (RFC 8878), which takes a report to about a third."""
    try:
        compressor = _idle.pop()
    except IndexError:
        compressor = zstandard.ZstdCompressor(level=3)
    packed = compressor.compress(content)
    _idle.append(compressor)
    return packed


def unpack(packed: bytes) -> bytes:
    """The raw message behind `pack`. Raises zstandard.ZstdError on anything else."""
    return zstandard.decompress(packed)


_idle: list[zstandard.ZstdCompressor] = []
"""To make one costs as much as to pack a message. No two threads may use one at once, so who uses it takes it out."""
