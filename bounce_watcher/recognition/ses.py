"""Amazon SES by way of SNS: bounces, complaints and deliveries as JSON in a mail of "AWS Notifications".

    {"notificationType":"Bounce",
     "bounce":{"bounceType":"Permanent","bounceSubType":"General",
       "bouncedRecipients":[{"emailAddress":"user@example.org","status":"5.1.1","diagnosticCode":"smtp; …"}]},
     "mail":{"messageId":"…","commonHeaders":{…}}}

The JSON may be wrapped once more as the string "Message" of an SNS envelope; as mail its one long line is folded by
"!", line break and blank, and SNS adds a line "--" and how to unsubscribe.
Source: docs.aws.amazon.com/ses/latest/dg/notification-contents.html and event-publishing-retrieving-sns-contents.html.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bounce_watcher.model.address import MailAddress
from bounce_watcher.model.fields import Action, EnhancedStatus, RecipientReport
from bounce_watcher.model.finding import Evidence, Finding, Kind, Provenance, SentMessage
from bounce_watcher.parsing.address import first_address
from bounce_watcher.parsing.address_fields import only_address
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.smtp_reply import one_line
from bounce_watcher.recognition.prose import MAX_WORDS
from bounce_watcher.recognition.recognizer import Recognition, each_once, kind_of

NAME = "ses"

MAX_JSON = 256 * 1024  # how many characters are read: the limit of SNS for one message
MAX_RECIPIENTS = 50  # how many recipients of one message are read: the limit of SES
_FIELDS = frozenset({"x-amz-sns-message-id"})
_MARKS = ('"notificationType"', '"eventType"', '\\"notificationType\\"', '\\"eventType\\"')
_ACTIONS = {
    "Bounce": Action.FAILED, "Reject": Action.FAILED, "DeliveryDelay": Action.DELAYED, "Delivery": Action.DELIVERED,
}
_LISTS = {
    "Bounce": ("bounce", "bouncedRecipients"),
    "DeliveryDelay": ("deliveryDelay", "delayedRecipients"),
    "Complaint": ("complaint", "complainedRecipients"),
}
_CLASSES = ("bounceType", "bounceSubType", "delayType")
_FLAT_LISTS = {"Delivery": ("delivery", "recipients"), "Reject": ("mail", "destination")}


def recognise(message: ParsedMessage) -> Recognition | None:
    """Recognises what the JSON reports. None for any other text."""
    part = message.parts[0]
    if not part.source.startswith(b"{", part.start) and not message.headers.has_any(_FIELDS):
        return None
    text = message.text[:MAX_JSON]
    if not any(mark in text for mark in _MARKS):
        return None
    report = _report(text)
    kind = report.get("notificationType") or report.get("eventType")
    sent = _sent(_table(report, "mail"))
    unread = (_text(each.get("emailAddress")) for each in _recipients(report, str(kind)) if _address(each) is None)
    lost = tuple(filter(None, unread))
    if kind == "Complaint":
        complaint = _table(report, "complaint")
        feedback_type = _text(complaint.get("complaintFeedbackType"), 50).lower() or "abuse"
        return Recognition(Kind.COMPLAINT, each_once(_complaints(report)), sent, feedback_type, lost)
    findings = each_once(_findings(report, str(kind)))
    if not findings and not lost:
        return None
    return Recognition(kind_of(findings) if findings else Kind.BOUNCE, findings, sent, unreadable=lost)


def _report(text: str) -> Mapping[str, Any]:
    """Returns the inner JSON object; empty if it is damaged."""
    unfolded = text.replace("!\n ", "").replace("!\n", "")
    report = _decoded(unfolded.lstrip())
    inner = report.get("Message")
    return _decoded(inner) if isinstance(inner, str) else report


def _decoded(text: str) -> Mapping[str, Any]:
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _findings(report: Mapping[str, Any], kind: str) -> Iterator[Finding]:
    action = _ACTIONS.get(kind)
    if action is None:
        return
    summary = _summary(report, kind)
    for recipient in _recipients(report, kind):
        if address := _address(recipient):
            words = one_line(_text(recipient.get("diagnosticCode"), MAX_WORDS) or summary)
            status = EnhancedStatus.find(_text(recipient.get("status")))
            told = RecipientReport(None, address, action, status, diagnostic_code=words or None)
            yield Finding(told, Provenance(NAME, "1", words or address), Evidence.REPORT)


def _summary(report: Mapping[str, Any], kind: str) -> str:
    """Returns SES's own classes of a failure, or why SES itself refused the mail: then there is nothing else."""
    if kind in _FLAT_LISTS:
        return _text(_table(report, "reject").get("reason"), MAX_WORDS)
    told = _table(report, _LISTS[kind][0])
    return " ".join(f"{key} {_text(told[key])}" for key in _CLASSES if told.get(key))


def _recipients(report: Mapping[str, Any], kind: str) -> list[Any]:
    """Returns the recipients of the report, each as a table; none for another kind of report."""
    if kind in _FLAT_LISTS:
        table, name = _FLAT_LISTS[kind]
        return [{"emailAddress": each} for each in _list(_table(report, table), name)]
    table, name = _LISTS.get(kind, ("", ""))
    return [each for each in _list(_table(report, table), name) if isinstance(each, dict)]


def _complaints(report: Mapping[str, Any]) -> Iterator[Finding]:
    """Yields a finding for each named recipient.

    If there are several, SES does not know who complained: it names all recipients at that provider.
    """
    named = [address for recipient in _recipients(report, "Complaint") if (address := _address(recipient))]
    evidence = Evidence.REPORT if len(named) == 1 else Evidence.PROSE
    for address in named:
        yield Finding(RecipientReport(final_recipient=address), Provenance(NAME, "1", address), evidence)


def _sent(mail: Mapping[str, Any]) -> SentMessage:
    headers = _table(mail, "commonHeaders")
    message_id = _text(headers.get("messageId")) or _text(mail.get("messageId"))
    return SentMessage(
        message_id=message_id.strip("<> ") or None,
        sender=first_address(_text(mail.get("source"))),
        subject=_text(headers.get("subject")) or None,
    )


def _text(value: object, limit: int = 998) -> str:
    """Returns a string of the JSON, cut, without the lone surrogates that JSON allows; "" for anything else."""
    return value[:limit].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _address(recipient: Mapping[str, Any]) -> MailAddress | None:
    return only_address(_text(recipient.get("emailAddress")))


def _table(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _list(value: Mapping[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    return found[:MAX_RECIPIENTS] if isinstance(found, list) else []
