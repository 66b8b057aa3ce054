"""A message as it came in, before anything is known about it."""

import hashlib
import zlib
from dataclasses import dataclass
from datetime import datetime

DIGEST_BYTES = 32 * 1024
"""How much of a message its digest covers, once its line ends are LF: half of the least cap on oversized mail that the
configuration takes, so that the digest of a cut message is that of the whole one."""


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

    NUL is folded to 0x80 as Dovecot does on delivery; white space at the end does not count.
    """
    head = content[: 2 * DIGEST_BYTES]
    head = head.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\0", b"\x80")
    return hashlib.sha256(head[:DIGEST_BYTES].rstrip(b" \t\n")).hexdigest()


def pack(content: bytes) -> bytes:
    """A raw message as it is stored: zlib, the fastest level, which still takes a report to about a third."""
    return zlib.compress(content, 1)


def unpack(packed: bytes) -> bytes:
    """The raw message behind `pack`. Raises zlib.error on anything else."""
    return zlib.decompress(packed)
