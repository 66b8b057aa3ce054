"""What the header of a mail says about the sending that it belongs to, in widely used fields.

List-ID (RFC 2919) names the list. Feedback-ID is Gmail's, for its Feedback Loop (support.google.com/a/answer/6254652):
`campaign:customer:mail type:sender`, of which only the sender is mandatory. Gmail counts the parts from the right. If a
field has fewer parts, nobody can say which are missing.
"""

import re
from dataclasses import dataclass

from bounce_watcher.parsing.charset import one_line

MAX_LIST_ID = 255  # characters of an identifier (RFC 2919 section 2)
MAX_FEEDBACK_ID = 500
"""How many characters of a Feedback-ID are read. Those of the big platforms are below 100."""

_IN_BRACKETS = re.compile(r"<([^<>\s]{1,255})>\s*$")
_BARE = re.compile(r"[^<>\s]{1,255}")


@dataclass(frozen=True, slots=True)
class FeedbackId:
    """The parts as written; None for an empty part, and, with fewer than four parts, for all but the sender."""

    campaign: str | None
    customer: str | None
    mail_type: str | None
    sender: str | None


def parse_list_id(value: str) -> str | None:
    """Returns the identifier of a List-ID, in lower case for comparison (section 6); None if there is none. Total.

    Some senders leave out the angle brackets and the description.
    """
    value = value.strip()
    found = _IN_BRACKETS.search(value[-MAX_LIST_ID - 20 :])
    bare = _BARE.fullmatch(value)
    return found[1].lower() if found else bare[0].lower() if bare else None


def parse_feedback_id(value: str) -> FeedbackId:
    """Returns the parts of a Feedback-ID. Total."""
    parts = [one_line(part) or None for part in value[:MAX_FEEDBACK_ID].split(":")]
    if len(parts) < 4:
        return FeedbackId(None, None, None, parts[-1])
    return FeedbackId(*parts[-4:])
