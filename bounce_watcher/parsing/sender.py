"""Who wrote a message, by its From (RFC 5322 section 3.6.2), as strictly as the standard writes it.

A display name is the sender's own to choose: whatever stands in one is no address. So the field is read as it was
written, before encoded words (RFC 2047) are decoded, and one that does not fit the grammar names nobody.
"""

import re

from bounce_watcher.parsing.headers import Headers

MAX_FROM = 2_000
"""Characters of a From that are looked at; a longer one names nobody."""

MAX_LOCAL, MAX_DOMAIN = 64, 255
"""Octets (RFC 5321 section 4.5.3.1)."""

_ATOM = r"[^\s\x00-\x1f\x7f()<>\[\]:;@\\,.\"]+"
_QUOTED = r'"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"'
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_MAILBOX = rf"((?:{_ATOM}(?:\.{_ATOM})*|{_QUOTED})@{_LABEL}(?:\.{_LABEL})+)"
_PHRASE = rf'(?:{_QUOTED}|[^"<>@,;:()\[\]\\])*'
_COMMENT = r"\s*(?:\([^()\\]*\)\s*)?"
_FROM = re.compile(rf"(?:{_PHRASE}<{_MAILBOX}>|\s*{_MAILBOX}(?:\s*<([^<>\s]*)>)?){_COMMENT}")
"""Some programs repeat the address as its own display name without quoting it: that leaves no doubt."""


def sender_of(headers: Headers) -> str | None:
    """The one mailbox of the one From, domain in lower case; None where there is not exactly one. Total."""
    fields = headers.get_all_as_written("from")
    match = _FROM.fullmatch(fields[0]) if len(fields) == 1 and len(fields[0]) <= MAX_FROM else None
    if match is None or match[3] not in {None, match[2]}:
        return None
    local, _, domain = (match[1] or match[2]).rpartition("@")
    if _octets(local) > MAX_LOCAL or _octets(domain) > MAX_DOMAIN:
        return None
    return f"{local}@{domain.lower()}"


def _octets(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
