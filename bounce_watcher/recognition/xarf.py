"""Complaints in the form of X-ARF: YAML (versions 1 and 2) or JSON (3 and 4) instead of RFC 5965's fields.

Most reports in this form are about attacks and phishing, not about our mail. Reports of type "spam" are complaints; a
field of the report or the attached original names the recipient.
Source: the schemas of x-arf.org (0.2) and of xarf.org (3, 4).
"""

import re

from bounce_watcher.parsing.address_fields import read_recipient
from bounce_watcher.parsing.feedback_report import is_redacted
from bounce_watcher.parsing.message import ParsedMessage, Part
from bounce_watcher.parsing.returned import ORIGINAL_TYPES, original_headers
from bounce_watcher.recognition.arf import MAX_BEGINNING, complaint
from bounce_watcher.recognition.recognizer import Recognition

NAME = "xarf"

_MARKS = frozenset({"x-xarf", "x-arf"})
_SPAM = re.compile(
    r"""^[ \t]*report-type[ \t]*:[ \t]*["']?spam\b|"(?:reporttype|type)"\s{0,9}:\s{0,9}"spam\"""",
    re.IGNORECASE | re.MULTILINE,
)
_RECIPIENT = re.compile(r'"(?:smtprcpttoaddress|smtp_to)"\s{0,9}:\s{0,9}"([^"]{3,320})"', re.IGNORECASE)


def recognise(message: ParsedMessage) -> Recognition | None:
    """Recognises a report on spam. None for reports of other types."""
    part = _report(message)
    if part is None or not _SPAM.search(part.text[:MAX_BEGINNING]):
        return None
    told = _RECIPIENT.search(part.text[:MAX_BEGINNING])
    address = read_recipient(told[1]) if told else None
    addresses = (address,) if address and not is_redacted(address) else ()
    return complaint(NAME, part, addresses, "", original_headers(message))


def _report(message: ParsedMessage) -> Part | None:
    """Returns the attached xarf.json; else, in a message marked as X-ARF, the second part (x-arf.org, "report.txt")."""
    for part in message.parts:
        if (part.type.get("name") or "").lower() == "xarf.json":
            return part
    if not message.headers.has_any(_MARKS):
        return None
    return next((part for part in message.parts[1:] if part.type.value not in ORIGINAL_TYPES), None)
