"""Automatic mail that is no failure: receipts (RFC 8098), answers (RFC 3834), challenges, opt-outs."""

import re

from bounce_watcher.model.finding import Evidence, Kind, SentMessage
from bounce_watcher.parsing.auto_reply import auto_submitted, has_auto_reply_mark
from bounce_watcher.parsing.disposition import DISPOSITION_TYPES, DispositionReport, parse_disposition
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_headers, sent_message, split_text
from bounce_watcher.recognition.prose import MAX_TEXT, finding
from bounce_watcher.recognition.recognizer import Recognition

REJECT = "sieve-reject"

_CHALLENGE_FIELDS = frozenset({
    "x-bluebottle-request", "x-spamarrest-noauth", "x-boxtrapper", "x-choicemail-registration-request", "x-askversion",
})
_CHALLENGE_SUBJECT = re.compile(
    r"please confirm your message|requires verification verify#|please verify your e-?mail address|unverified email to"
    r"|\(verification\)\s*$|^\[qurb #|^spamlion:"
)
_REJECTED = re.compile(r"automatically rejected", re.IGNORECASE)
_UNSUBSCRIBE = re.compile(
    r"\s*(?:re:\s*)?(?:unsubscribe|opt[- ]?out|abmelden|désabonner|désinscription)\W*", re.IGNORECASE
)


def disposition(message: ParsedMessage) -> Recognition | None:
    """A receipt; but a refusal in its dress ("… was automatically rejected": Dovecot, Cyrus) is a failure."""
    part = next((p for p in message.parts if p.content_type in DISPOSITION_TYPES), None)
    if part is None:
        return None
    report = parse_disposition(part.text)
    sent = sent_message(original_headers(message))
    if sent.message_id is None:
        sent = SentMessage(report.original_message_id, sent.sender, sent.subject)
    return _rejection(message, report, sent) or Recognition(Kind.DISPOSITION, (), sent)


def _rejection(message: ParsedMessage, report: DispositionReport, sent: SentMessage) -> Recognition | None:
    address = report.original_recipient or report.final_recipient
    notice = split_text(message.text[:MAX_TEXT])[0]
    is_rejected = auto_submitted(message.headers)[1] == "rejected" or _REJECTED.search(notice)
    if address is None or not is_rejected or report.disposition == "displayed":
        return None
    found = finding(REJECT, "1", address, notice, evidence=Evidence.REPORT)
    return Recognition(Kind.BOUNCE, (found,), sent)


def challenge(message: ParsedMessage) -> Recognition | None:
    """ "Confirm that you are a person": the mail is held. Boxbe writes it in the form of a delivery report."""
    headers = message.headers
    is_challenge = (
        headers.has_any(_CHALLENGE_FIELDS)
        or _CHALLENGE_SUBJECT.search((headers.get("subject") or "")[:400].lower())
        or "@boxbe.com" in (headers.get("from") or "").lower()
    )
    return Recognition(Kind.CHALLENGE) if is_challenge else None


def answer(message: ParsedMessage) -> Recognition | None:
    """An opt-out or an automatic answer of a person's mailbox."""
    headers = message.headers
    subject = (headers.get("subject") or "")[:400]
    if "x-apple-unsubscribe" in headers or _UNSUBSCRIBE.fullmatch(subject):
        return Recognition(Kind.UNSUBSCRIBE)
    return Recognition(Kind.AUTO_REPLY) if has_auto_reply_mark(headers) else None


def auto_replied(message: ParsedMessage) -> Recognition | None:
    """Auto-Submitted: auto-replied. Mail systems write it on their reports too: ask only where no report is likely."""
    is_answer = auto_submitted(message.headers)[0] == "auto-replied"
    return Recognition(Kind.AUTO_REPLY) if is_answer else None
