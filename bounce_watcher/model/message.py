"""A message as it came in, before anything is known about it, and where it goes once it is settled."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import zstandard

DIGEST_BYTES = 500 * 1024
"""How many bytes of a message its digest covers, once its line ends are LF.

It is less than half of the usual cap on oversized mail, so that a cut message has the same digest as the whole one. It
is not smaller, because reports may be alike for 60 KB and then differ. (With a cap below the usual one, mail above the
cap gets another digest when the cap changes.)"""

_ENVELOPE_LINE = re.compile(rb">*From [^\n]*\n")
_QUOTED_FROM = re.compile(rb"^>+From ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RawMessage:
    """One message from a source, cut at the configured number of bytes.

    `source` names it for a person ("box.mbox#3", "returns/INBOX"). `mailbox` is the configured mailbox's name, None for
    files; `stream` is the mailbox's stream. `uid` and `uidvalidity` are None outside IMAP (RFC 3501 section 2.3.1.1).
    `received_at` is aware: INTERNALDATE, or for files the topmost Received header, else Date.
    `size` is the whole message's size in bytes: larger than `len(content)` if the cap cut it.
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


class Destination(StrEnum):
    """Where a message goes once its content is in the ledger."""

    PROCESSED = "processed"
    REVIEW = "review"          # not understood: a person should look
    QUARANTINE = "quarantine"  # our analysis failed on it


@dataclass(frozen=True, slots=True)
class CopyBegun:
    """The state of a destination before a COPY into it. Messages that arrived since have `uidnext` or a higher UID, as
    long as the UIDVALIDITY stays the same (RFC 3501 section 2.3.1.1)."""

    uidvalidity: int
    uidnext: int


@dataclass(frozen=True, slots=True)
class Unfiled:
    """A settled message that is still in its folder.

    `to` is where it goes. `copied`: the copy is there, and the message only has to be removed from its folder. `begun`:
    a COPY was begun, and it is unknown whether it finished; None = none was begun.
    """

    to: Destination
    copied: bool = False
    begun: CopyBegun | None = None


def message_digest(content: bytes) -> str:
    """Returns the identity of a message's content, 64 hex digits: the same for LF and CRLF, over IMAP and from a file.

    NUL is folded to 0x80 as Dovecot does on delivery. White space at the end does not count. Nor does what an mbox adds
    (RFC 4155): the line "From …" before the header, and the ">" before "From " in the text.
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
    """Compresses a raw message for storage with Zstandard (RFC 8878), a report to about a third of its size."""
    try:
        compressor = _idle.pop()
    except IndexError:
        compressor = zstandard.ZstdCompressor(level=3)
    packed = compressor.compress(content)
    _idle.append(compressor)
    return packed


def unpack(packed: bytes) -> bytes:
    """Returns the raw message that `pack` compressed. Raises zstandard.ZstdError on anything else."""
    return zstandard.decompress(packed)


_idle: list[zstandard.ZstdCompressor] = []
"""Compressors not in use. Making one costs as much as packing a message. No two threads may use one at once, so `pack`
takes it out of the list while it uses it."""
