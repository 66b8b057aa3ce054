"""Reports of success in prose: systems before RFC 3464, and reports that have lost their status part."""

import re

from bounce_watcher.model.fields import Action
from bounce_watcher.parsing.address import find_addresses
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_headers
from bounce_watcher.recognition.prose import finding, notice_of, without_bystanders
from bounce_watcher.recognition.recognizer import Recognition, recognised
from bounce_watcher.recognition.signs import has_daemon_sender, has_null_sender, is_reply_or_forward
from bounce_watcher.recognition.vocabulary import folded, states_success

NAME = "success"

_REFUSAL = re.compile(r"(?<![\w.])[45]\d\d [45]\.\d{1,3}\.\d{1,3}\b")


def recognise(message: ParsedMessage) -> Recognition | None:
    """Recognises who got the mail. None if the text also reports a failure, which then counts."""
    if is_reply_or_forward(message) or not (has_daemon_sender(message) or has_null_sender(message)):
        return None
    notice = notice_of(message)
    notice = notice[: notice.rfind("\n") + 1]  # half a line may hold half an address
    words = folded(notice)
    if not states_success(words) or _REFUSAL.search(words):
        return None
    action = Action.RELAYED if "relayed" in words else Action.DELIVERED
    original = original_headers(message)
    addresses = without_bystanders(find_addresses(notice), message, original)
    return recognised((finding(NAME, address, "", action) for address in addresses), original)
