"""Prints one line for people, or JSON lines for programs. Tables are in tables.py.

Text from mail is hostile: control characters, which could repaint a terminal, are shown as escapes, and rich never
reads the text as markup.
"""

import json
import shutil
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bounce_watcher.cli.framework.errors import ReaderGoneError
from bounce_watcher.model.neutral import for_json, for_terminal

if TYPE_CHECKING:
    from bounce_watcher.words.rows import Row

WIDEST = 110
"""The most characters in a line of prose, however wide the terminal is."""


def iso(moment: datetime | None) -> str | None:
    """Formats a time by RFC 3339 in UTC, with Z."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="auto").replace("+00:00", "Z")


def clean(value: object) -> str:
    """Returns a value on one line that is harmless on a terminal: no control, format or surrogate characters."""
    return for_terminal(plain(value))


def plain(value: object) -> str:
    """Returns a value as text, not yet safe to print."""
    if value is None:
        return ""
    if value is True or value is False:
        return "yes" if value else "no"
    return (iso(value) or "") if isinstance(value, datetime) else str(value)


def count(number: int, thing: str) -> str:
    """Returns "1 message", "2 messages"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def line_width() -> int:
    """Returns the width for prose on stdout; 80 without a terminal."""
    return min(WIDEST, shutil.get_terminal_size().columns)


def say(line: str = "") -> None:
    """Prints one line on stdout. Text from mail goes through `clean` first."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    except BrokenPipeError:
        raise ReaderGoneError from None


def complain(line: str) -> None:
    """Prints one line on stderr."""
    sys.stdout.flush()
    sys.stderr.write(f"bounce-watcher: {clean(line)}\n")


def json_line(row: "Row") -> str:
    """Returns JSON in ASCII, so that neither the terminal's encoding nor the mail's characters matter."""
    return for_json(json.dumps(row, default=_json_value))


def _json_value(value: object) -> object:
    return iso(value) if isinstance(value, datetime) else str(value)
