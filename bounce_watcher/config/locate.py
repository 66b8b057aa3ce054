"""Finds the line of a key in a TOML text.

This is a best effort to help a person find the place: tomllib keeps no positions. The text has been parsed already, so
the scan may trust its syntax. For what it misses (keys inside an inline table) it gives the line of the table.
"""

import re
from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]
"""The place of a value in the parsed file: ("mailbox", 0, "port") is `port` of the first [[mailbox]]."""

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED = rf"({_KEY}(?:\s*\.\s*{_KEY})*)"
_HEADER = re.compile(rf"\s*(\[\[?)\s*{_DOTTED}\s*\]")
_ASSIGNMENT = re.compile(rf"\s*{_DOTTED}\s*=(.*)", re.DOTALL)
_TOKEN = re.compile(r"""\"{3}|'{3}|"(?:\\.|[^"\\])*"|'[^']*'|\#.*|[\[\]{}]""")
_NAME = re.compile(_KEY)


class Lines:
    """Line numbers (from 1) of the tables and keys of one TOML text."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        for path, number in _scan(text):
            self._lines.setdefault(path, number)

    def of(self, path: Path) -> int | None:
        """Returns the line of `path`, else of the innermost table around it in the text, else None."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return None


def _scan(text: str) -> Iterator[tuple[Path, int]]:
    table: Path = ()
    arrays: dict[Path, int] = {}
    value = _Value()
    for number, line in enumerate(text.split("\n"), start=1):
        if value.is_open:
            value.read(line)
        elif header := _HEADER.match(line):
            names = _names(header[2])
            if header[1] == "[[":
                parent = (*_with_indexes(names[:-1], arrays), names[-1])
                arrays[parent] = arrays.get(parent, -1) + 1
                yield parent, number
            table = _with_indexes(names, arrays)
            yield table, number
        elif assignment := _ASSIGNMENT.match(line):
            yield (*table, *_names(assignment[1])), number
            value.read(assignment[2])


def _names(dotted: str) -> list[str]:
    return [name.strip("\"'") for name in _NAME.findall(dotted)]


def _with_indexes(names: list[str], arrays: Mapping[Path, int]) -> Path:
    """Returns `names` with the index of the latest element after each array: [mailbox.oauth2] is of the last one."""
    path: Path = ()
    for name in names:
        path = (*path, name)
        if path in arrays:
            path = (*path, arrays[path])
    return path


class _Value:
    """Tracks whether a value from an earlier line continues: inside brackets or a multi-line string."""

    def __init__(self) -> None:
        self._depth = 0
        self._quote = ""

    @property
    def is_open(self) -> bool:
        return bool(self._depth or self._quote)

    def read(self, text: str) -> None:
        if self._quote:
            _, closed, text = text.partition(self._quote)
            if not closed:
                return
            self._quote = ""
        for token in _TOKEN.finditer(text):
            if token[0] in ('"""', "'''"):
                self._quote = token[0]
                self.read(text[token.end() :])
                return
            self._depth += (token[0] in "[{") - (token[0] in "]}")
