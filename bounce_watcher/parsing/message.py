"""The MIME tree of a message (RFC 2045, 2046, 5322), read leniently, without recursion, within stated bounds.

Bounces come with CR, LF or CRLF, 8-bit headers, wrong boundaries and no headers at all, and anybody may send one:
so `parse` takes any bytes, never raises, and its time grows with the size of the message alone.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from bounce_watcher.model.lazy import lazy
from bounce_watcher.parsing.charset import decode, decode_transfer
from bounce_watcher.parsing.headers import MAX_HEADER_BYTES, TEXT_PLAIN, ContentType, Headers
from bounce_watcher.parsing.html_text import has_markup, html_to_text, is_html

MAX_PARTS = 256
"""How many leaves are kept. A report has three to six; gateways that write a status part per recipient some dozens."""

MAX_DEPTH = 24
"""How many levels of multipart are entered: each costs one scan of its bytes. The deepest seen in a report is 4."""

MAX_BODY_BYTES = 512 * 1024
"""How many bytes of one part are decoded. The words of a report are in the first few KiB."""

SHARED_HEADER_BYTES = 200
"""Header blocks up to this size are read once for many messages: those of parts are the same in most reports."""

_HEADER_LIKE = re.compile(rb"(?:From |[!-9;-~]{1,100}[ \t]*:)")
_BEFORE_HEADER = re.compile(
    rb"(?:[ \t\0]*\n){0,100}[ \t\0]*"
    rb"(?:-{2,}[^\n]{1,80}\n(?:[ \t]*\n){0,5}(?=(?:>?From |[A-Z][A-Za-z-]{1,40}:)))?"
    rb"(?:>?From [^\n]*\n)?"
)
"""What saved and forwarded copies have above the header: blank lines, a line of dashes, the "From " line of an mbox."""

_MARGIN = re.compile(rb"(?:[ \t]*\n){0,100}([ \t]{1,16})[!-9;-~]{1,100}:[^\n]*\n")
_GUESSED_BOUNDARY = re.compile(rb"^--([^\s-].{0,100})\n(?=content-)", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Part:
    """One leaf of the MIME tree. `path` is its place as IMAP counts ("1", "2.1"); bodies are read on demand."""

    path: str
    type: ContentType
    headers: Headers = field(repr=False)
    source: bytes = field(repr=False)
    start: int = 0
    end: int = 0

    @property
    def content_type(self) -> str:
        """type/subtype in lower case."""
        return self.type.value

    @lazy
    def body(self) -> bytes:
        """The content without its transfer encoding, LF for line ends, cut to MAX_BODY_BYTES."""
        raw = self.source[self.start : min(self.end, self.start + MAX_BODY_BYTES)]
        decoded = decode_transfer(raw, self.headers.transfer_encoding)
        return decoded if decoded is raw else _with_lf(decoded)

    @lazy
    def text(self) -> str:
        """The content as text, whatever the charset says."""
        return decode(self.body, self.type.get("charset"))

    @lazy
    def inner_headers(self) -> Headers:
        """The header of the message that the content is: for message/rfc822 and for header-only parts."""
        return _header_block(self.body, _skip_above_header(self.body), len(self.body))[0]

    @lazy
    def message(self) -> "ParsedMessage":
        """The content as a message of its own, for message/rfc822."""
        return parse(self.body)


@dataclass(frozen=True, eq=False)
class ParsedMessage:
    """A whole message. `content` has LF for line ends; `parts` are the leaves in order, message/rfc822 not entered."""

    content: bytes = field(repr=False)
    headers: Headers = field(repr=False)
    type: ContentType = TEXT_PLAIN
    parts: tuple[Part, ...] = ()

    @property
    def content_type(self) -> str:
        """type/subtype in lower case."""
        return self.type.value

    @property
    def has_body(self) -> bool:
        """False if nothing follows the header, which may then be cut off."""
        return any(part.end > part.start for part in self.parts)

    @lazy
    def is_cut(self) -> bool:
        """True if a multipart lacks its closing line: a size limit or a transfer has cut off its end."""
        if all(part.type is self.type for part in self.parts):
            return False
        boundary = (self.type.get("boundary") or "").encode("utf-8", "replace")
        return b"--" + boundary + b"--" not in self.content

    @lazy
    def text(self) -> str:
        """The text for people: the first text/plain leaf that is not blank, else the first text leaf; "" without one.

        HTML is turned into the text that a reader sees. A multipart whose boundary occurs nowhere is a leaf and counts
        as text.
        """
        parts = self.parts
        plain = next((part for part in parts if part.type.value == "text/plain" and part.text.strip()), None)
        shown = plain or next((part for part in parts if part.type.value.startswith(("text", "multipart/"))), None)
        if shown is None:
            return ""
        is_marked_up = has_markup(shown.text) if shown.type.value == "text/html" else is_html(shown.text)
        return html_to_text(shown.text) if is_marked_up else shown.text


def parse(content: bytes) -> ParsedMessage:
    """Returns the MIME tree of `content`. Total."""
    source = _without_margin(_with_lf(content.removeprefix(BOM_UTF8)))
    start = _skip_above_header(source)
    headers, body = _header_block(source, start, len(source))
    kind = headers.content_type
    return ParsedMessage(source, headers, kind, tuple(_leaves(source, headers, kind, body)))


def _with_lf(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in content else content


def _skip_above_header(source: bytes) -> int:
    above = _BEFORE_HEADER.match(source)
    return above.end() if above else 0


def _without_margin(source: bytes) -> bytes:
    """Removes the blanks before each line of a copy that was pasted with a margin."""
    margin = _MARGIN.match(source)
    if margin is None:
        return source
    header = source[margin.start(1) :].partition(b"\n\n")[0]
    if not all(line.startswith(margin[1]) for line in header.split(b"\n")):
        return source
    return re.sub(rb"^" + margin[1], b"", source, flags=re.MULTILINE)


def _header_block(source: bytes, start: int, end: int) -> tuple[Headers, int]:
    """Returns the header block at `start`, and where the body begins. A part may have no header (Sendmail's first)."""
    if start >= end or source.startswith(b"\n", start):
        return Headers(b""), min(start + 1, end)
    if not _HEADER_LIKE.match(source, start, end):
        return Headers(b""), start
    blank = source.find(b"\n\n", start, end)
    stop, body = (end, end) if blank == -1 else (blank, blank + 2)
    raw = source[start : min(stop, start + MAX_HEADER_BYTES)]
    return (_shared(raw) if len(raw) <= SHARED_HEADER_BYTES else Headers(raw)), body


@lru_cache(maxsize=512)
def _shared(raw: bytes) -> Headers:
    return Headers(raw)


def _leaves(source: bytes, headers: Headers, kind: ContentType, body: int) -> Iterator[Part]:
    """Yields the leaves below one entity, in order, at most MAX_PARTS."""
    stack = [("", 0, headers, kind, body, len(source))]
    found = 0
    while stack and found < MAX_PARTS:
        path, depth, headers, kind, start, end = stack.pop()
        children = _children(source, kind, start, end) if depth < MAX_DEPTH else []
        if not children:
            found += 1
            yield Part(path or "1", kind, headers, source, start, end)
            continue
        for number, (first, last) in reversed(list(enumerate(children, 1))):
            child_headers, child_body = _header_block(source, first, last)
            child_path = f"{path}.{number}" if path else str(number)
            stack.append((child_path, depth + 1, child_headers, child_headers.content_type, child_body, last))


def _children(source: bytes, kind: ContentType, start: int, end: int) -> list[tuple[int, int]]:
    """Returns the byte ranges of a multipart's parts; none for a leaf, or if no boundary is found."""
    if not kind.value.startswith("multipart/"):
        return []
    boundary = (kind.get("boundary") or "").rstrip().encode("utf-8", "replace")
    ranges = _between(source, boundary, start, end) if boundary else []
    if not ranges and (guess := _GUESSED_BOUNDARY.search(source, start, end)):
        ranges = _between(source, guess[1].rstrip(), start, end)
    return ranges


def _between(source: bytes, boundary: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """Returns the ranges between the delimiter lines of `boundary`; if not closed, the last ends with a whole line.

    Half a line may hold half an address, which is a different address.
    """
    delimiter = b"\n--" + boundary
    ranges: list[tuple[int, int]] = []
    opened = None
    at = source.find(delimiter, max(start - 1, 0), end)
    while at != -1 and len(ranges) < MAX_PARTS:
        line_end = source.find(b"\n", at + 1, end)
        line_end = end if line_end == -1 else line_end
        rest = source[at + len(delimiter) : min(line_end, at + len(delimiter) + 80)].strip()
        if rest in {b"", b"--"}:
            if opened is not None:
                ranges.append((opened, max(at, opened)))
            opened = min(line_end + 1, end) if rest == b"" else None
            if rest == b"--":
                break
        at = source.find(delimiter, line_end, end)
    if opened is not None and len(ranges) < MAX_PARTS:
        ranges.append((opened, max(opened, source.rfind(b"\n", opened, end) + 1)))
    return ranges
