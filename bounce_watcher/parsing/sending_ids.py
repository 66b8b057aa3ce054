"""What the header of a mail says of the sending that it belongs to, in fields that many know.

List-ID (RFC 2919) names the list. Feedback-ID is Gmail's, for its Feedback Loop (support.google.com/a/answer/6254652):
`campaign:customer:mail type:sender`, of which only the sender must be told. Gmail counts the parts from the right. Of a
field with fewer parts nobody can say which are left out.
"""

import re
from dataclasses import dataclass

from bounce_watcher.parsing.charset import one_line

MAX_LIST_ID = 255
"""Characters of an identifier (RFC 2919 section 2)."""

MAX_FEEDBACK_ID = 500
"""Characters of a Feedback-ID that are read. Those of the big platforms are below 100."""

_IN_BRACKETS = re.compile(r"<([^<>\s]{1,255})>\s*$")
_BARE = re.compile(r"[^<>\s]{1,255}")


@dataclass(frozen=True, slots=True)
class FeedbackId:
    """Each part as it is written; None where it is empty or, with fewer than four parts, where it cannot be told."""

    campaign: str | None
    customer: str | None
    mail_type: str | None
    sender: str | None


def parse_list_id(value: str) -> str | None:
    """The identifier in a List-ID, in lower case as identifiers compare (section 6); None where there is none. Total.

    Some leave out the angle brackets, and the description with them.
    """
    value = value.strip()
    found = _IN_BRACKETS.search(value[-MAX_LIST_ID - 20 :])
    bare = _BARE.fullmatch(value)
    return found[1].lower() if found else bare[0].lower() if bare else None


def parse_feedback_id(value: str) -> FeedbackId:
    """The parts of a Feedback-ID. Total."""
    parts = [one_line(part) or None for part in value[:MAX_FEEDBACK_ID].split(":")]
    if len(parts) < 4:
        return FeedbackId(None, None, None, parts[-1])
    return FeedbackId(*parts[-4:])
