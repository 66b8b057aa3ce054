"""OpenSMTPD before it wrote status parts; today's writes one, without a reply, and the same text beside it.

        Hi!

        This is the MAILER-DAEMON, please DO NOT REPLY to this e-mail.

        An error has occurred while attempting to deliver a message for
        the following list of recipients:

    user@example.org: 550 5.1.1 User unknown

        Below is a copy of the original message:
"""

import re
from dataclasses import replace

from bounce_watcher.model.address import ProseAddress
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Finding
from bounce_watcher.parsing.address import first_address
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_headers, sent_message, split_text
from bounce_watcher.recognition.merging import each_once, kind_of
from bounce_watcher.recognition.prose import MAX_TEXT, finding, is_on_the_sender
from bounce_watcher.recognition.recognizer import Recognition

NAME = "opensmtpd"

_INTRO = re.compile(r"This is the MAILER-DAEMON, please DO NOT REPLY to this e-?mail")
_DELAYED = ("A message is delayed for more than", "only a temporary failure report")
GIVEN_UP = "Envelope expired"
"""The words for a mail that it has given up, which it reports as "delayed for more than 0 seconds"."""
_LINE = re.compile(r"^([^\s:<>]{1,250}@[^\s:<>]{1,250}): (\S.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)


def recognise(message: ParsedMessage) -> Recognition | None:
    """Reads lines of "address: words" that are not indented."""
    text = message.text[:MAX_TEXT]
    if not _INTRO.search(text[:1_000]):
        return None
    notice = split_text(text)[0]
    is_delay = any(words in notice for words in _DELAYED)
    findings = each_once(
        _finding(message, address, words, is_delay=is_delay)
        for recipient, words in _LINE.findall(notice)
        if (address := first_address(recipient))
    )
    return Recognition(kind_of(findings), findings, sent_message(original_headers(message))) if findings else None


def _finding(message: ParsedMessage, address: ProseAddress, words: str, *, is_delay: bool) -> Finding:
    action = Action.DELAYED if is_delay and words != GIVEN_UP else Action.FAILED
    found = finding(NAME, "1", address, words, action)
    stage = "MAIL" if is_on_the_sender(words, address, message, original_headers(message)) else None
    return replace(found, report=replace(found.report, stage=stage))
