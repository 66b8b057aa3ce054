"""Reads "Name: value" lines in the body of a report part, as real systems write them, not as RFC 3464 demands.

Real reports have blanks before names, blank lines anywhere, continuation lines without indentation, and names in any
case and with blanks before the colon.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from bounce_watcher.parsing.charset import decode_words, one_line

MAX_LINES = 20_000
"""How many lines of one block are read: enough for a thousand recipients with ten fields each."""

MAX_VALUE = 4_000  # how many characters of one field's value are kept
MAX_NAME = 100  # the longest text before a colon that may be a field's name, in characters
_NAME = re.compile(r"([A-Za-z][A-Za-z0-9_-]{1,60}(?: [Cc]ode)?)[ \t]*")
_PLAIN_NAMES = frozenset({"action", "status", "version", "incidents", "disposition", "error", "failure", "warning"})
"""Names without a hyphen. Other words before a colon ("https:", "host:") continue a value that lost its fold."""
_BREAKS = re.compile(r"<br\s*/?>|\\r\\n|\\n|<CRLF>", re.IGNORECASE)

_ADDRESS_FIELDS = frozenset({
    "original-recipient", "final-recipient", "x-actual-recipient",  # RFC 3464 section 2.3
    "original-rcpt-to", "removal-recipient", "original-mail-from",  # RFC 5965 section 3.2
})
"""Fields whose value is read as it was written: blanks and encoded words may be part of an address."""

GAP = ("", "")  # represents blank lines


def fields(text: str) -> Iterator[tuple[str, str]]:
    """Yields (name in lower case, value on one line) of each field, and GAP for blank lines between fields.

    A line without indentation below an address field stays a separate line: it may or may not continue the field.
    """
    name, pieces = "", [""]
    for line in _lines(text):
        word, colon, value = line.partition(":")
        next_name = _field_name(word) if colon and len(word) <= MAX_NAME else ""
        if not next_name and line and not line.isspace():
            pieces.append(line)
            continue
        if name:
            yield name, _value(name, pieces)
            if not next_name:
                yield GAP
        name = next_name
        if name:
            pieces = [value]
    if name:
        yield name, _value(name, pieces)


def _lines(text: str) -> list[str]:
    """Returns the lines, without the indentation of the first line if the block is indented."""
    lines = text.split("\n", MAX_LINES)[:MAX_LINES]
    first = next((line for line in lines if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    return [line.removeprefix(indent) for line in lines] if indent else lines


@lru_cache(maxsize=512)
def _field_name(word: str) -> str:
    """Returns the name of a field before its colon; "" if it is none."""
    match = _NAME.fullmatch(word)
    name = match[1].lower().replace(" ", "-") if match else ""
    return name if "-" in name or name in _PLAIN_NAMES else ""


def _value(name: str, pieces: list[str]) -> str:
    """Returns a value on one line; of an address field only the line breaks are removed (RFC 5322 section 2.2.3)."""
    if name in _ADDRESS_FIELDS:
        first, *others = pieces
        text = first + "".join(each if each.startswith((" ", "\t")) else f"\n{each}" for each in others)
        return text[:MAX_VALUE].strip(" \t\r")
    text = pieces[0] if len(pieces) == 1 else " ".join(pieces)[:MAX_VALUE]
    if "\\" in text or "<" in text:
        text = _BREAKS.sub(" ", text)
    if "=?" in text:
        text = decode_words(text)
    return one_line(text[:MAX_VALUE])
