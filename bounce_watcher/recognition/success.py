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
from bounce_watcher.recognition.vocabulary import folded, says, states_failure

NAME = "success"

_DELIVERED = (
    "was successfully delivered", "has been successfully delivered", "successfully delivered to",
    "was delivered to the following", "has been delivered to the following", "delivery has been successful",
    "delivered successfully", "successful delivery notifications", "wurde erfolgreich zugestellt",
    "a ete remis aux destinataires suivants", "se ha entregado correctamente", "foi entregue com exito",
    "e stato consegnato", "успешно доставлено",
)  # fmt: skip
_RELAYED = (
    "relayed to non-dsn-aware mailer", "relayed via non dsn router", "successfully relayed to",
    "was relayed to the following", "has been relayed to the following",
)  # fmt: skip
_SHARED = re.compile(
    r"(?:delivered|relayed) to the following recipient|the following addresses had successful delivery notifications"
)
"""Words of success that would else pass for those that stand above failed addresses."""


def recognise(message: ParsedMessage) -> Recognition | None:
    """Who got the mail. None where the text tells of a failure too: then that counts."""
    if is_reply_or_forward(message) or not (has_daemon_sender(message) or has_null_sender(message)):
        return None
    notice = split_text(message.text[:MAX_TEXT])[0]
    notice = notice[: notice.rfind("\n") + 1]  # half a line may hold half an address
    words = folded(notice)
    action = Action.RELAYED if says(words, _RELAYED) else Action.DELIVERED if says(words, _DELIVERED) else None
    if action is None or states_failure(_SHARED.sub("", words)):
        return None
    original = original_headers(message)
    addresses = without_bystanders(find_addresses(notice), message, original)
    findings = each_once(finding(NAME, "1", address, "", action) for address in addresses)
    return Recognition(Kind.DELIVERED, findings, sent_message(original)) if findings else None
