"""Receipts (RFC 8098), and refusals in the form of receipts."""

import re
from dataclasses import replace

from bounce_watcher.model.address import address_key
from bounce_watcher.model.finding import Finding, Kind, SentMessage
from bounce_watcher.parsing.address import find_addresses
from bounce_watcher.parsing.auto_reply import auto_submitted
from bounce_watcher.parsing.delivery_status import DISPOSITION_TYPES, DispositionReport, parse_disposition
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import only_addressee, original_headers, sent_message
from bounce_watcher.recognition.prose import finding, notice_of, reported, without_bystanders
from bounce_watcher.recognition.recognizer import Recognition

REJECT = "sieve-reject"

_RECEIPT = "disposition-notification"
_FIELD = re.compile(r"^[ \t]*disposition[ \t]*:", re.IGNORECASE | re.MULTILINE)
_REJECTED = re.compile(
    r"automatically rejected|was (?:rejected|refused) by (?:sieve|the recipient)|rejected by a? ?sieve", re.IGNORECASE
)

MAX_FIELDS = 10_000
"""How many characters of a part are searched for the fields of a receipt that has lost its type."""


def recognise(message: ParsedMessage) -> Recognition | None:
    """Recognises a receipt. A refusal in this form ("… was automatically rejected": Dovecot, Cyrus) is a failure."""
    part = next((p for p in message.parts if p.type.value in DISPOSITION_TYPES), None)
    if part is None and message.type.get("report-type") == _RECEIPT:
        part = next((p for p in message.parts if _FIELD.search(p.text[:MAX_FIELDS])), message.parts[-1])
    if part is None:
        return None
    report = parse_disposition(part.text)
    original = original_headers(message)
    sent = sent_message(original)
    if sent.message_id is None:
        sent = replace(sent, message_id=report.original_message_id)
    return _rejection(message, report, sent) or Recognition(Kind.DISPOSITION, (), sent)


def _rejection(message: ParsedMessage, report: DispositionReport, sent: SentMessage) -> Recognition | None:
    if report.disposition == "displayed":
        return None
    notice = notice_of(message)
    is_refusal = "rejected" in (report.disposition, auto_submitted(message.headers)[1])
    if not is_refusal and not _REJECTED.search(notice):
        return None
    notice = report.failure or notice
    address = report.original_recipient or report.final_recipient
    found = reported(REJECT, address, notice) if address else _on_refuser(message, notice)
    return Recognition(Kind.BOUNCE, (found,), sent) if found else None


def _on_refuser(message: ParsedMessage, notice: str) -> Finding | None:
    """Finds who refused by the text or To if Final-Recipient is a session id (Cyrus keeps the recipient private)."""
    original = original_headers(message)
    addressee = only_addressee(original)
    named = without_bystanders(find_addresses(notice, 5), message, original)
    if len(named) == 1 and (addressee is None or address_key(addressee) != address_key(named[0])):
        return finding(REJECT, named[0], notice)
    return reported(REJECT, addressee, notice) if addressee else None
