"""An SMTP dialogue that a notice shows: commands, and the reply to each (RFC 5321)."""

import re
from collections.abc import Iterator

ADDRESS = r"[^\s<>@,;:()\[\]\"|]{1,128}@[^\s<>@,;()\[\]\"|:]{1,250}"
"""The rough form of an address; `first_address` decides."""

_COMMAND = re.compile(rf"\b(rcpt to|mail from)\s?:\s?<?({ADDRESS})?>?", re.IGNORECASE)
_TURN = re.compile(
    r"[^\w]{0,12}(?:[A-Z][a-z]{2} [\d.-]{8,10} [\d:.]{5,12}:? )?(?:<-- )?"
    r"(?:\w[\w ]{0,30}(?:[:>]|<{1,3}|>{1,3})\s{0,3})?([245])\d\d(?:[ -]|$)"
)
_ANY_COMMAND = re.compile(
    r"\b(?:rcpt to|mail from)\s?:|(?:>>>|<<<|-->|[CS]:)\s?(?:data|quit|rset|helo|ehlo|bdat)\b", re.IGNORECASE
)


def command_on(line: str) -> re.Match[str] | None:
    """Returns the command on a line, unless the line cites it in its words on an address (Stalwart); else None."""
    match = _COMMAND.search(line) if "@" in line and ":" in line else None
    return match if match and "@" not in line[: match.start()] else None


def next_turn(lines: tuple[str, ...], number: int) -> tuple[str, str] | None:
    """Returns class and text of the reply to the command on a line; None if none comes before the next command."""
    for offset, line in enumerate(lines[number + 1 : number + 4], number + 1):
        if _ANY_COMMAND.search(line):
            return None
        if match := _TURN.match(line):
            start = match.start(1)
            more = _continued(lines[offset + 1 : offset + 6])
            return match[1], " ".join((line[start:], *more))
    return None


def _continued(lines: tuple[str, ...]) -> Iterator[str]:
    """Yields the lines that continue a reply: further ones with a code, and indented ones."""
    for line in lines:
        if not line.strip() or _ANY_COMMAND.search(line) or "@" in line:
            return
        match = _TURN.match(line)
        if match is None and not line.startswith((" ", "\t")):
            return
        yield line[match.start(1) :] if match else line.strip()
