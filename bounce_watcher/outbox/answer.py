"""The answer of a receiver, in one line that is safe to log. Pure."""

import re

from bounce_watcher.model.neutral import for_terminal, without_addresses

MAX_LINE = 240

_CONTROLS = re.compile(r"[\x00-\x20\x7f-\x9f]+")
_MASKS = (
    (re.compile(r"(whsec_|whsk_)[A-Za-z0-9+/=_-]+"), r"\1…"),
    (re.compile(r"(https?://)[^/\s@?#]{1,200}@", re.IGNORECASE), r"\1…@"),       # userinfo
    (re.compile(r"(https?://[^\s?#\"'<>]{1,200})[?#][^\s\"'<>]*", re.IGNORECASE), r"\1?…"),  # query and fragment
)


def one_line(text: str) -> str:
    """Returns `text` as one short line, with secrets, URL userinfo, URL queries and local parts of addresses masked."""
    line = for_terminal(_CONTROLS.sub(" ", text[: 2 * MAX_LINE]))
    for pattern, mask in _MASKS:
        line = pattern.sub(mask, line)
    # "//…@" is userinfo, masked above
    line = without_addresses(line, lambda address, domain: address if address.startswith("//…@") else f"…@{domain}")
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"
