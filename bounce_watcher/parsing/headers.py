"""A header block of a message or of a part (RFC 5322 section 2.2), read only as far as needed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from bounce_watcher.model.lazy import lazy
from bounce_watcher.parsing.charset import decode, decode_words

MAX_HEADER_BYTES = 256 * 1024
"""How much of one header block is read. Real ones are below 64 KiB; one of 10 MB is an attack."""

MAX_CONTENT_TYPE = 2_000  # how many characters of a Content-Type are read
_FIELD = re.compile(r"^([!-9;-~]{1,100})[ \t]*:(.*(?:\n[ \t].*)*)", re.MULTILINE)
_FIELD_BYTES = re.compile(_FIELD.pattern.encode(), re.MULTILINE)
_PARAMETER = re.compile(r'[;\s]([^\s=;"]{1,60})\s*=\s*("[^"\\]*(?:\\.[^"\\]*)*"|[^;]*)')
_QUOTED_PAIR = re.compile(r"\\(.)")
_PIECE = re.compile(r"([^*]+)(?:\*(\d{1,2}))?(\*)?$")


@dataclass(frozen=True, slots=True)
class ContentType:
    """`value` is type/subtype in lower case; parameter names are in lower case (RFC 2045 section 5.1)."""

    value: str
    parameters: dict[str, str]

    def get(self, name: str) -> str | None:
        return self.parameters.get(name)


TEXT_PLAIN = ContentType("text/plain", {})  # RFC 2045 section 5.2: what a part without Content-Type is


@lru_cache(maxsize=512)
def parse_content_type(text: str) -> ContentType:
    """Parses a Content-Type or Content-Disposition value. Total; an empty one counts as text/plain."""
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
    if not raw.startswith('"'):
        return raw.strip()
    text = raw[1:-1] if raw.endswith('"') and len(raw) > 1 else raw[1:]
    return _QUOTED_PAIR.sub(r"\1", text) if "\\" in text else text


def _joined(pieces: list[tuple[int, bool, str]]) -> str:
    """Joins numbered pieces, the first of which names the charset (RFC 2231 sections 3 and 4)."""
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

    @lazy
    def _index(self) -> dict[str, list[str]]:
        """The values of each name, still folded."""
        index: dict[str, list[str]] = {}
        for name, value in _fields(self.raw):
            index.setdefault(name.lower(), []).append(value)
        return index

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._index

    def has_any(self, names: frozenset[str]) -> bool:
        """Checks whether a field with one of these names, given in lower case, occurs."""
        return not names.isdisjoint(self._index)

    def says_any(self, words: Mapping[str, tuple[str, ...]]) -> bool:
        """Checks whether one of these fields contains one of its words near its beginning, all given in lower case."""
        values = ((name, (self.get(name) or "")[:400].lower()) for name in words.keys() & self._index.keys())
        return any(word in value for name, value in values for word in words[name])

    def names(self) -> tuple[str, ...]:
        """Returns the names that occur, each once, in lower case."""
        return tuple(self._index)

    def get(self, name: str) -> str | None:
        """Returns the first field of that name: unfolded, stripped, encoded words decoded. None = absent."""
        values = self._index.get(name.lower())
        return _readable(values[0]) if values else None

    def get_all(self, name: str) -> tuple[str, ...]:
        """Returns every field of that name, in the order of the block."""
        values = self._index.get(name.lower())
        return tuple(map(_readable, values)) if values else ()

    def get_all_as_written(self, name: str) -> tuple[str, ...]:
        """Does the same as `get_all`, but only unfolds: fields with a grammar of their own have no encoded words.

        RFC 2047 section 5: decoding there would let a sender inject text that a server only repeats, even `;` and `=`.
        Blanks stay as they are: unfolding removes only the line breaks (RFC 5322 section 2.2.3).
        """
        return tuple(map(_as_written, self._index.get(name.lower(), ())))

    def firsts(self, names: tuple[str, ...], *, as_written: bool = False) -> dict[str, str]:
        """Returns the first field of each of these names, as `get` does, at a third of the cost of reading all fields.

        Names are in lower case. For blocks of which nothing else is needed. `as_written`: as in `get_all_as_written`.
        """
        found: dict[str, bytes] = {}
        for name, value in _only(names).findall(b"\n" + self.raw):
            found.setdefault(name.decode("ascii").lower(), value)
        read = _as_written if as_written else _readable
        return {name: read(decode(value)) for name, value in found.items()}

    @lazy
    def transfer_encoding(self) -> str | None:
        """The transfer encoding as written (RFC 2045 section 6); None if absent."""
        return self.get("content-transfer-encoding")

    @lazy
    def content_type(self) -> ContentType:
        """The content type; text/plain if absent."""
        value = self.get("content-type")
        return parse_content_type(value[:MAX_CONTENT_TYPE]) if value else TEXT_PLAIN


@lru_cache(maxsize=16)
def _only(names: tuple[str, ...]) -> re.Pattern[bytes]:
    """Returns a pattern for these fields. It begins with a line feed instead of ^, which is many times as fast."""
    choice = "|".join(map(re.escape, names))
    return re.compile(rf"\n({choice})[ \t]*:(.*(?:\n[ \t].*)*)".encode(), re.IGNORECASE)


def _fields(raw: bytes) -> list[tuple[str, str]]:
    try:
        return _FIELD.findall(raw.decode("utf-8"))
    except UnicodeDecodeError:  # each value is decoded on its own: one in Latin-1 leaves the others as they are
        return [(name.decode("ascii"), decode(value)) for name, value in _FIELD_BYTES.findall(raw)]


def _readable(value: str) -> str:
    text = value.strip()
    return decode_words(" ".join(map(str.strip, text.split("\n"))) if "\n" in text else text)


def _as_written(value: str) -> str:
    return value.replace("\n", "").strip(" \t")
