"""What a receiver answered, in one line that may be logged. Pure."""

import re
from dataclasses import dataclass

MAX_LINE = 240

_CONTROLS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_MASKS = (
    (re.compile(r"(whsec_|whsk_)[A-Za-z0-9+/=_-]+"), r"\1…"),
    (re.compile(r"(https?://)[^/\s@?#]{1,200}@", re.IGNORECASE), r"\1…@"),       # userinfo
    (re.compile(r"(https?://[^\s?#\"'<>]{1,200})[?#][^\s\"'<>]*", re.IGNORECASE), r"\1?…"),  # query and fragment
    (re.compile(r"[^\s@\"'<>()\[\]{},;:=…]{1,64}@(?=[A-Za-z0-9\[])"), "…@"),         # the local part of an address
)


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is the HTTP status, None where none came. `text` is one line without secrets or addresses.

    `retry_after` is that header's value as received (RFC 9110 section 10.2.3).
    """

    text: str
    status: int | None = None
    retry_after: str | None = None


def one_line(text: str) -> str:
    """`text` on one short line, with secrets, URL userinfo, URL queries and local parts of addresses masked."""
    line = _CONTROLS.sub(" ", text[: 2 * MAX_LINE]).strip()
    for pattern, mask in _MASKS:
        line = pattern.sub(mask, line)
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"
