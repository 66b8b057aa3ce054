"""Complaints: feedback reports by the RFC (5965), and those of feedback loops that write no such part."""

import re

from bounce_watcher.model.fields import FeedbackReport, RecipientReport
from bounce_watcher.model.finding import Evidence, Finding, Kind, Provenance
from bounce_watcher.parsing.address import find_addresses
from bounce_watcher.parsing.feedback_report import FEEDBACK_TYPES, is_redacted, parse_feedback_report
from bounce_watcher.parsing.headers import Headers
from bounce_watcher.parsing.message import ParsedMessage, Part
from bounce_watcher.parsing.returned import original_headers, original_part, sent_message
from bounce_watcher.recognition.merging import each_once
from bounce_watcher.recognition.recognizer import Recognition

NAME = "rfc5965"
JMRP = "jmrp"

_FEEDBACK_FIELD = re.compile(r"^[ \t]*feedback-type[ \t]*:", re.IGNORECASE | re.MULTILINE)
_NOT_OF_A_PERSON = frozenset({"auth-failure", "dmarc", "not-spam"})
"""Reports of machines on authentication (RFC 6591), and the opposite of a complaint (RFC 6430): they speak of whom they
name, and of no other addressee."""
_JMRP_SUBJECT = re.compile(r"complaint about message from", re.IGNORECASE)
_JMRP_RECIPIENT = "x-hmxmroriginalrecipient"


def recognise(message: ParsedMessage) -> Recognition | None:
    """A feedback report, with whom it speaks of where it tells that."""
    part = _feedback_part(message)
    if part is None:
        return _jmrp(message)
    report = parse_feedback_report(part.text)
    original = original_headers(message)
    addresses = report.original_rcpt_to
    if not addresses and report.feedback_type not in _NOT_OF_A_PERSON:
        addresses = _addressees(original)
    findings = each_once(_finding(NAME, part.path, address, _quote(report)) for address in addresses)
    return Recognition(Kind.COMPLAINT, findings, sent_message(original), report.feedback_type)


def _feedback_part(message: ParsedMessage) -> Part | None:
    for part in message.parts:
        if part.content_type in FEEDBACK_TYPES:
            return part
    if message.type.get("report-type") != "feedback-report":
        return None
    return next((p for p in message.parts if _FEEDBACK_FIELD.search(p.text[:10_000])), None)


def _jmrp(message: ParsedMessage) -> Recognition | None:
    """Microsoft's junk mail reporting: "complaint about message from 192.0.2.1", and the original attached."""
    if not _JMRP_SUBJECT.search((message.headers.get("subject") or "")[:200]):
        return None
    part = original_part(message)
    if part is None:
        return None
    original = part.inner_headers
    told = message.headers.get(_JMRP_RECIPIENT) or original.get(_JMRP_RECIPIENT) or ""
    addresses = find_addresses(told, 1) or _addressees(original)
    findings = each_once(_finding(JMRP, part.path, address, told or address) for address in addresses)
    return Recognition(Kind.COMPLAINT, findings, sent_message(original), "abuse")


def _addressees(original: Headers | None) -> tuple[str, ...]:
    """The one addressee of the original: many mails to one person each are what a feedback loop is about."""
    if original is None:
        return ()
    named = [a for a in find_addresses(original.get("to") or "", 2) if not is_redacted(a)]
    return tuple(named) if len(named) == 1 else ()


def _quote(report: FeedbackReport) -> str:
    return f"Feedback-Type: {report.feedback_type}"


def _finding(recognizer: str, path: str, address: str, quote: str) -> Finding:
    return Finding(RecipientReport(final_recipient=address), Provenance(recognizer, path, quote), Evidence.REPORT)
