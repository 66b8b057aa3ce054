"""Reports of success in prose: systems before RFC 3464, and reports that have lost their status part."""

import re

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Kind
from bounce_watcher.parsing.address import find_addresses
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_headers, sent_message, split_text
from bounce_watcher.recognition.merging import each_once
from bounce_watcher.recognition.prose import MAX_TEXT, finding, without_bystanders
from bounce_watcher.recognition.recognizer import Recognition
from bounce_watcher.recognition.signs import has_daemon_sender, has_null_sender, is_reply_or_forward
from bounce_watcher.recognition.vocabulary import folded, states_success

NAME = "success"

_REFUSAL = re.compile(r"(?<![\w.])[45]\d\d [45]\.\d{1,3}\.\d{1,3}\b")


def recognise(message: ParsedMessage) -> Recognition | None:
    """Recognises who got the mail. None if the text also reports a failure, which then counts."""
    if is_reply_or_forward(message) or not (has_daemon_sender(message) or has_null_sender(message)):
        return None
    notice = split_text(message.text[:MAX_TEXT])[0]
    notice = notice[: notice.rfind("\n") + 1]  # half a line may hold half an address
    words = folded(notice)
    if not states_success(words) or _REFUSAL.search(words):
        return None
    action = Action.RELAYED if "relayed" in words else Action.DELIVERED
    original = original_headers(message)
    addresses = without_bystanders(find_addresses(notice), message, original)
    findings = each_once(finding(NAME, "1", address, "", action) for address in addresses)
    return Recognition(Kind.DELIVERED, findings, sent_message(original)) if findings else None
