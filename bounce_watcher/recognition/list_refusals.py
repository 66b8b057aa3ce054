"""What fml, a list manager, answers to a posting by a non-member of the list: the posting has failed.

    From: news-admin@lists.example.org
    Subject: You news@example.com are not member (news ML)
    X-MLServer: fml [fml 4.0.3 release (20011202/4.0.3)]

    You are not a member of this mailing list <news@lists.example.org>.

What it writes to the list's owner, "NOT MEMBER article from …", is about other people's mail.
"""

import re

from bounce_watcher.parsing.address import first_address
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_headers
from bounce_watcher.recognition.prose import finding
from bounce_watcher.recognition.recognizer import Recognition, recognised

NAME = "fml"

MAX_BEGINNING = 2_000  # how many characters of a text are read
_REFUSED = re.compile(r"\s*you\b.{1,350}\bare not (?:a )?member\b", re.IGNORECASE | re.DOTALL)
_LIST = re.compile(r"\bYou are not a member of (?:this|the) mailing list\s{1,4}<([^<>\s]{3,320})>")


def recognise(message: ParsedMessage) -> Recognition | None:
    """Takes the list from the sentence that refuses."""
    if not (message.headers.get("x-mlserver") or "").lstrip().lower().startswith("fml"):
        return None
    told = _LIST.search(message.text[:MAX_BEGINNING])
    address = first_address(told[1]) if told else None
    if told is None or address is None or not _REFUSED.match((message.headers.get("subject") or "")[:400]):
        return None
    return recognised([finding(NAME, address, told[0])], original_headers(message))
