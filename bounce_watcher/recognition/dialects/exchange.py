"""Exchange and Microsoft 365 where the status part is missing or was taken off on the way.

    Delivery has failed to these recipients or groups:

    user@example.org<mailto:user@example.org>
    The email address wasn't found at the destination domain. …

    Diagnostic information for administrators:
    Generating server: host.prod.outlook.com

    user@example.org
    Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup'
"""

import re

from bounce_watcher.parsing.address import find_addresses
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_headers, sent_message, split_text
from bounce_watcher.recognition.merging import each_once, kind_of
from bounce_watcher.recognition.prose import MAX_TEXT, finding, without_bystanders
from bounce_watcher.recognition.recognizer import Recognition

NAME = "exchange"

_HEADING = re.compile(r"Delivery has failed to these recipients or (?:groups|distribution lists):")
_DIAGNOSTICS = re.compile(r"Diagnostic information for administrators:")
_ANSWER = re.compile(
    r"^<?([^\s<>]{1,250}@[^\s<>]{1,250})>?[ \t]*\n(?:Remote Server returned '|#)(.*(?:\n(?!\n).*){0,5})", re.MULTILINE
)


def recognise(message: ParsedMessage) -> Recognition | None:
    """The addresses between the heading and the diagnostics, each with the answer that the diagnostics give."""
    text = message.text[:MAX_TEXT]
    heading = _HEADING.search(text)
    if heading is None:
        return None
    notice = split_text(text)[0]
    diagnostics = _DIAGNOSTICS.search(notice, heading.end())
    told = notice[heading.end() : diagnostics.start() if diagnostics else len(notice)]
    answers = {address.lower(): words.partition("'")[0] for address, words in _ANSWER.findall(notice)}
    original = original_headers(message)
    findings = each_once(
        finding(NAME, "1", address, answers.get(address.lower(), ""))
        for address in without_bystanders(find_addresses(told), message, original)
    )
    return Recognition(kind_of(findings), findings, sent_message(original)) if findings else None
