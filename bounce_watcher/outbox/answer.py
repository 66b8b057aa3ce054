"""The answer of a receiver, in one line that is safe to log. Pure."""

import re
from dataclasses import dataclass

from bounce_watcher.model.neutral import for_terminal, without_addresses

MAX_LINE = 240

_CONTROLS = re.compile(r"[\x00-\x20\x7f-\x9f]+")
_MASKS = (
    (re.compile(r"(whsec_|whsk_)[A-Za-z0-9+/=_-]+"), r"\1…"),
    (re.compile(r"(https?://)[^/\s@?#]{1,200}@", re.IGNORECASE), r"\1…@"),       # userinfo
    (re.compile(r"(https?://[^\s?#\"'<>]{1,200})[?#][^\s\"'<>]*", re.IGNORECASE), r"\1?…"),  # query and fragment
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one try. `status` is the HTTP status, None if none came.

    `text` is one line without secrets or addresses.
    `retry_after` is the value of the Retry-After header as received (RFC 9110 section 10.2.3).
    """

    text: str
    status: int | None = None
    retry_after: str | None = None


def one_line(text: str) -> str:
    """Returns `text` as one short line, with secrets, URL userinfo, URL queries and local parts of addresses masked."""
    line = for_terminal(_CONTROLS.sub(" ", text[: 2 * MAX_LINE]))
    for pattern, mask in _MASKS:
        line = pattern.sub(mask, line)
    line = without_addresses(line, _without_local_part)
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"


def _without_local_part(address: str, domain: str) -> str:
    return address if address.startswith("//…@") else f"…@{domain}"  # userinfo, masked above
