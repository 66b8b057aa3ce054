"""A header block of a message or of a part (RFC 5322 section 2.2), read only as far as it is asked for."""

import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from urllib.parse import unquote_to_bytes

from bounce_watcher.parsing.charset import decode, decode_words

MAX_HEADER_BYTES = 256 * 1024
"""How much of one header block is read. Real ones are below 64 KiB; one of 10 MB is an attack."""

MAX_CONTENT_TYPE = 2_000
"""Characters of a Content-Type that are looked at."""

_FIELD = re.compile(rb"^([!-9;-~]{1,100})[ \t]*:(.*(?:\n[ \t].*)*)", re.MULTILINE)
_PARAMETER = re.compile(r'[;\s]([^\s=;"]{1,60})\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)')
_PIECE = re.compile(r"([^*]+)(?:\*(\d{1,2}))?(\*)?$")


@dataclass(frozen=True, slots=True)
class ContentType:
    """`value` is type/subtype in lower case; parameter names are in lower case (RFC 2045 section 5.1)."""

    value: str
    parameters: dict[str, str]

    def get(self, name: str) -> str | None:
        return self.parameters.get(name)


TEXT_PLAIN = ContentType("text/plain", {})
"""RFC 2045 section 5.2: what a part without Content-Type is."""


@lru_cache(maxsize=512)
def parse_content_type(text: str) -> ContentType:
    """A Content-Type or Content-Disposition value. Total; what is no type/subtype counts as text/plain."""
    text = text[:MAX_CONTENT_TYPE]
    words = text.partition(";")[0].partition("(")[0].lower().split(maxsplit=1)  # 'text/plain charset="us-ascii"'
    if not words:
        return TEXT_PLAIN
    value = words[0]
    parameters: dict[str, str] = {}
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for name, raw in _PARAMETER.findall(text):
        plain = _unquoted(raw)
        match = _PIECE.match(name.lower()) if "*" in name else None
        if match is None:
            parameters.setdefault(name.lower(), plain)
        else:
            pieces.setdefault(match[1], []).append((int(match[2] or 0), bool(match[3]), plain))
    for name, parts in pieces.items():
        parameters.setdefault(name, _joined(parts))
    return ContentType(value, parameters)


def _unquoted(raw: str) -> str:
    if raw.startswith('"'):
        return re.sub(r"\\(.)", r"\1", raw[1:-1] if raw.endswith('"') and len(raw) > 1 else raw[1:])
    return raw.strip()


def _joined(pieces: list[tuple[int, bool, str]]) -> str:
    """RFC 2231 sections 3 and 4: numbered pieces, the first of which names the charset."""
    text, charset = b"", None
    for number, is_encoded, piece in sorted(pieces):
        if is_encoded and number == 0 and piece.count("'") >= 2:
            charset, _, piece = piece.split("'", 2)  # noqa: PLW2901
        text += unquote_to_bytes(piece) if is_encoded else piece.encode("utf-8", "replace")
    return decode(text, charset)


@dataclass(frozen=True, eq=False)
class Headers:
    """All fields of one block; names compare without regard to case.

    `raw` is the block as it came, LF for line ends, cut to MAX_HEADER_BYTES.
    """

    raw: bytes = field(repr=False)

    @cached_property
    def _index(self) -> dict[bytes, list[bytes]]:
        index: dict[bytes, list[bytes]] = {}
        for name, value in _FIELD.findall(self.raw):
            index.setdefault(name.lower(), []).append(value)
        return index

    def __contains__(self, name: str) -> bool:
        return name.lower().encode() in self._index

    def names(self) -> tuple[str, ...]:
        """The names that occur, each once, in lower case."""
        return tuple(name.decode("latin-1") for name in self._index)

    def get(self, name: str) -> str | None:
        """The first field of that name: unfolded, stripped, encoded words decoded. None = absent."""
        values = self._index.get(name.lower().encode())
        return _readable(values[0]) if values else None

    def get_all(self, name: str) -> tuple[str, ...]:
        """Every field of that name, in the order of the block."""
        return tuple(_readable(value) for value in self._index.get(name.lower().encode(), ()))

    @cached_property
    def content_type(self) -> ContentType:
        """text/plain where there is none."""
        value = self.get("content-type")
        return parse_content_type(value[:MAX_CONTENT_TYPE]) if value else TEXT_PLAIN


def _readable(value: bytes) -> str:
    text = decode(value).strip()
    if "\n" in text:
        text = " ".join(map(str.strip, text.split("\n")))
    return decode_words(text)
