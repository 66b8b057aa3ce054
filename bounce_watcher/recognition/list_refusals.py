"""What list managers answer to a posting by somebody who may not post: the posting has failed.

    From: news-admin@lists.example.org
    Subject: You news@example.com are not member (news ML)
    X-MLServer: fml [fml 4.0.3 release (20011202/4.0.3)]

    You are not a member of this mailing list <news@lists.example.org>.

    From: news-bounces@lists.example.org
    Subject: Request to mailing list News rejected
    X-BeenThere: news@lists.example.org

    You are not allowed to post to this mailing list, and your message has been automatically rejected.

    From: "LISTSERV Server (16.5)" <LISTSERV@LISTS.EXAMPLE.ORG>
    Subject: Rejected posting to NEWS-L@LISTS.EXAMPLE.ORG

    You are not authorized to send mail to the NEWS-L list from your news@example.com account.

What they write to the list's owner, "NOT MEMBER article from …", is about other people's mail. What waits for a
moderator has not failed.
"""

import re
from collections.abc import Callable

from bounce_watcher.model.address import ProseAddress
from bounce_watcher.parsing.address import first_address
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_headers
from bounce_watcher.recognition.prose import finding
from bounce_watcher.recognition.recognizer import Recognition, recognised

MAX_BEGINNING = 2_000  # how many characters of a text are read
_FML_REFUSED = re.compile(r"\s*you\b.{1,350}\bare not (?:a )?member\b", re.IGNORECASE | re.DOTALL)
_FML_LIST = re.compile(r"\bYou are not a member of (?:this|the) mailing list\s{1,4}<([^<>\s]{3,320})>")
_MAILMAN_REFUSED = re.compile(
    r"\s*(?:you are not allowed to post to this mailing list"
    r"|your message has been rejected, probably because you are not\s+subscribed to the mailing list)[^.]{0,200}\.",
    re.IGNORECASE,
)
_LISTSERV_SUBJECT = re.compile(r"\s*rejected posting to ([^\s<>]{3,320})\s*$", re.IGNORECASE)
_LISTSERV_REFUSED = re.compile(r"\s*you are not authorized to send mail to the [^.]{1,300}\.", re.IGNORECASE)

_Told = tuple[str, str]
"""The list's address as written, and the words of the refusal."""


def _fml(message: ParsedMessage) -> _Told | None:
    if not (message.headers.get("x-mlserver") or "").lstrip().lower().startswith("fml"):
        return None
    told = _FML_LIST.search(message.text[:MAX_BEGINNING])
    return (told[1], told[0]) if told and _FML_REFUSED.match(_subject(message)) else None


def _mailman(message: ParsedMessage) -> _Told | None:
    """Source: Mailman 2.1, Handlers/Moderate.py. Its own mail comes from the list's bounce address."""
    told = _MAILMAN_REFUSED.match(message.text[:MAX_BEGINNING])
    name, suffix, domain = (first_address(message.headers.get("from") or "") or "").partition("-bounces@")
    return (message.headers.get("x-beenthere") or f"{name}@{domain}", told[0]) if told and suffix else None


def _listserv(message: ParsedMessage) -> _Told | None:
    name, _, _ = (first_address(message.headers.get("from") or "") or "").partition("@")
    told = _LISTSERV_REFUSED.match(message.text[:MAX_BEGINNING])
    posting = _LISTSERV_SUBJECT.match(_subject(message))
    return (posting[1], told[0]) if name.lower() == "listserv" and told and posting else None


def _subject(message: ParsedMessage) -> str:
    return (message.headers.get("subject") or "")[:400]


_MANAGERS: dict[str, Callable[[ParsedMessage], _Told | None]] = {
    "fml": _fml, "mailman": _mailman, "listserv": _listserv,
}


def recognise(message: ParsedMessage) -> Recognition | None:
    """Takes the list and the sentence that refuses."""
    for name, refusal in _MANAGERS.items():
        told = refusal(message)
        address: ProseAddress | None = first_address(told[0]) if told else None
        if told and address:
            return recognised([finding(name, address, told[1])], original_headers(message))
    return None
