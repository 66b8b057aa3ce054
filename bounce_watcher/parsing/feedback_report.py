"""The machine part of an abuse feedback report (RFC 5965; RFC 6430, 6591 for further types)."""

import re

from bounce_watcher.model.fields import FeedbackReport
from bounce_watcher.parsing.address_fields import read_recipient
from bounce_watcher.parsing.dates import parse_date
from bounce_watcher.parsing.field_block import fields

FEEDBACK_TYPES = frozenset({"message/feedback-report"})

_RECIPIENT_FIELDS = ("original-rcpt-to", "removal-recipient")
"""The feedback loops of Validity write Removal-Recipient."""

MAX_RECIPIENTS = 100  # how many recipients of one complaint are read: it is about one mail
_REDACTED = re.compile(
    r"(?:[\[(]?(?:redacted|undisclosed)[^@]*|anonymous|unknown|hidden|removed|withheld|x{3,}|[*-]{1,64})@.*"
    r"|[^@]*@(?:redacted|hidden|removed|[^@]{1,250}\.invalid)",
    re.IGNORECASE,
)
_TYPES = {"spam": "abuse", "complaint": "abuse", "notspam": "not-spam", "optout": "opt-out"}
"""Types that no RFC defines, and the types that they mean."""


def parse_feedback_report(text: str) -> FeedbackReport:
    """Parses a feedback-report body. Total; a missing Feedback-Type counts as "other"."""
    found: dict[str, list[str]] = {}
    for name, value in fields(text):
        if value:
            found.setdefault(name, []).append(value)
    first = {name: values[0] for name, values in found.items()}
    named = [value for name in _RECIPIENT_FIELDS for value in found.get(name, ())]
    addresses = [read_recipient(value) for value in named[:MAX_RECIPIENTS]]
    sender = first.get("original-mail-from")
    word = first.get("feedback-type", "other").split(maxsplit=1)[0].rstrip(";,.").replace("_", "-").lower()
    return FeedbackReport(
        feedback_type=_TYPES.get(word, word) or "other",
        original_rcpt_to=tuple(dict.fromkeys(a for a in addresses if a and not is_redacted(a))),
        original_mail_from=read_recipient(sender) if sender else None,
        reported_domain=tuple(found.get("reported-domain", ())),
        source_ip=first.get("source-ip"),
        user_agent=first.get("user-agent"),
        arrival_date=parse_date(first.get("arrival-date") or first.get("received-date")),
        authentication_results=tuple(found.get("authentication-results", ())),
    )


def is_redacted(address: str) -> bool:
    """Checks whether a provider has replaced the complaining person by a placeholder."""
    return _REDACTED.fullmatch(address) is not None
