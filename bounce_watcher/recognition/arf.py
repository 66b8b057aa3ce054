"""Complaints: feedback reports by RFC 5965, and those of feedback loops that write no such part."""

import re
from dataclasses import replace

from bounce_watcher.model.address import MailAddress
from bounce_watcher.model.fields import RecipientReport
from bounce_watcher.model.finding import Evidence, Finding, Kind, Provenance
from bounce_watcher.model.ledger import ABUSE
from bounce_watcher.parsing.address_fields import read_recipient
from bounce_watcher.parsing.feedback_report import FEEDBACK_TYPES, is_redacted, parse_feedback_report
from bounce_watcher.parsing.headers import Headers
from bounce_watcher.parsing.message import ParsedMessage, Part
from bounce_watcher.parsing.returned import (
    ORIGINAL_TYPES,
    only_addressee,
    original_headers,
    original_part,
    sent_message,
    split_text,
)
from bounce_watcher.recognition.recognizer import Recognition, each_once
from bounce_watcher.recognition.signs import is_from_list, is_reply_or_forward

NAME = "rfc5965"
JMRP = "jmrp"
ABUSE_DESK = "abuse-desk"

_FEEDBACK_FIELD = re.compile(r"^[ \t]*feedback-type[ \t]*:", re.IGNORECASE | re.MULTILINE)
_FEEDBACK_BLOCK = re.compile(
    r"\s*(?:[\w-]{1,60}[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*){0,20}?feedback-type[ \t]*:", re.IGNORECASE
)
_JMRP_SUBJECT = re.compile(r"complaint about message from", re.IGNORECASE)
_JMRP_SENDER = "staff@hotmail.com"
_JMRP_RECIPIENT = "x-hmxmroriginalrecipient"
_ADDRESSEE_FIELDS = (_JMRP_RECIPIENT, "to", "delivered-to", "x-original-to", "envelope-to", "apparently-to")
"""Fields of the original that name its recipient. To may hold a placeholder, or many addresses."""
_ABUSE_SIGNS = ("abuse report", "abuse complaint", "spam complaint", "as spam", "as junk", "as unsolicited")
_ABUSE_WORDS = re.compile(
    r"this is an? (?:automated )?(?:e-?mail )?(?:abuse (?:report|complaint)|spam complaint)\b"
    r"|(?:user|customer|member|recipient|subscriber)s? (?:has |have )?(?:marked|reported) [\w ]{1,60}"
    r"as (?:spam|junk|unsolicited)"
)
"""A person must have marked it: a mail that a filter has marked as spam is no complaint."""

MAX_BEGINNING = 10_000
"""How many characters of a part are searched for a feedback report, or for words that say that it is a complaint."""


def recognise(message: ParsedMessage) -> Recognition | None:
    """Recognises a feedback report, with its recipients if it names them."""
    part = _feedback_part(message)
    if part is None:
        return _without_report(message)
    report = parse_feedback_report(part.text)
    quote = f"Feedback-Type: {report.feedback_type}"
    found = complaint(NAME, part, report.original_rcpt_to, quote, original_headers(message), report.feedback_type)
    return replace(found, sent=replace(found.sent, mail_from=report.original_mail_from))


def _feedback_part(message: ParsedMessage) -> Part | None:
    """Returns the part of that type; else, if the message or its parts leave no doubt, one with its fields; or None."""
    for part in message.parts:
        if part.type.value in FEEDBACK_TYPES:
            return part
    if message.type.get("report-type") == "feedback-report":
        return next((p for p in message.parts if _FEEDBACK_FIELD.search(p.text[:MAX_BEGINNING])), None)
    if original_part(message) is None or is_from_list(message) or is_reply_or_forward(message):
        return None
    others = (p for p in message.parts if p.type.value not in ORIGINAL_TYPES)
    return next((p for p in others if _FEEDBACK_BLOCK.match(p.text[:MAX_BEGINNING])), None)


def _without_report(message: ParsedMessage) -> Recognition | None:
    """Recognises a complaint that consists only of the original, with or without words."""
    part = original_part(message)
    if part is None:
        return _above_a_copy(message)
    if _is_jmrp(message, part):
        told = message.headers.get(_JMRP_RECIPIENT) or ""
        named = read_recipient(told)
        return complaint(JMRP, part, (named,) if named else (), told, part.inner_headers)
    words = _words_of_complaint(message)
    return complaint(ABUSE_DESK, part, (), words, part.inner_headers) if words else None


def _above_a_copy(message: ParsedMessage) -> Recognition | None:
    """Recognises a complaint by its first words, with the original copied into the text below them."""
    original = original_headers(message)
    words = _words_of_complaint(message) if original is not None else ""
    if not words or not split_text(message.text[:MAX_BEGINNING])[0].lower().lstrip().startswith(words):
        return None
    return complaint(ABUSE_DESK, message.parts[0], (), words, original)


def _is_jmrp(message: ParsedMessage, original: Part) -> bool:
    """Checks for Microsoft's junk mail reporting: "complaint about message from 192.0.2.1", original attached.

    Amazon SES passes complaints on in this form. Later ones have the subject of the original.
    """
    if _JMRP_SUBJECT.search((message.headers.get("subject") or "")[:200]):
        return True
    sender = (message.headers.get("from") or "")[:400]
    return _JMRP_SENDER in sender.lower() and _JMRP_RECIPIENT in original.inner_headers


def _words_of_complaint(message: ParsedMessage) -> str:
    """Returns the words of a complaint such as "This is an email abuse report …"; "" if there are none.

    The sentence is from RFC 5965's examples; others write it without a report.
    """
    if is_from_list(message) or is_reply_or_forward(message):
        return ""
    text = message.text[:MAX_BEGINNING].lower()
    match = _ABUSE_WORDS.search(text) if any(sign in text for sign in _ABUSE_SIGNS) else None
    return match[0] if match else ""


def _addressees(original: Headers | None) -> tuple[MailAddress, ...]:
    """Returns the addressee of the original if it has only one: feedback loops are about mails to one person each."""
    if original is None:
        return ()
    for name in _ADDRESSEE_FIELDS:
        named = only_addressee(original, name)
        if named is not None and not is_redacted(named):
            return (named,)
    return ()


def complaint(
    recognizer: str, part: Part, addresses: tuple[MailAddress, ...], quote: str, original: Headers | None,
    feedback_type: str = ABUSE,
) -> Recognition:
    """Returns a complaint by the people at `addresses`, else by the addressee of the original.

    If that is redacted, the finding has no name. Attribution may identify the person by our return path, or by what we
    wrote into the mail.
    """
    findings = each_once(
        Finding(
            RecipientReport(final_recipient=address), Provenance(recognizer, part.path, quote or address),
            Evidence.REPORT,
        )
        for address in addresses or _addressees(original)
    ) or (Finding(RecipientReport(), Provenance(recognizer, part.path, quote), Evidence.PROSE),)
    return Recognition(Kind.COMPLAINT, findings, sent_message(original), feedback_type)
