"""qmail and all who write as it does (Yahoo, MessageLabs, Haraka, Postfix before 2.3): QSBMF.

    Hi. This is the qmail-send program at mail.example.org.
    I'm afraid I wasn't able to deliver your message to the following addresses.
    This is a permanent error; I've given up. Sorry it didn't work out.

    <user@example.org>:
    192.0.2.1 does not like recipient.
    Remote host said: 550 5.1.1 User unknown

    --- Below this line is a copy of the message.

The words of the first paragraph are everybody's own; the paragraphs that begin with "<address>:" are the form.
"""

import re

from bounce_watcher.parsing.address import first_address
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_headers
from bounce_watcher.recognition.prose import action_told, finding, notice_of
from bounce_watcher.recognition.recognizer import Recognition, recognised

NAME = "qmail"

_PARAGRAPH = re.compile(
    r"^<([^<>\s]{1,250}@[^<>\s]{1,250})>( \([^()\n]{1,400}\))?:(.*(?:\n(?!<(?!<<)|--(?!>))[^\S\n]*\S.*)*)", re.MULTILINE
)


def recognise(message: ParsedMessage) -> Recognition | None:
    """Reads paragraphs that begin with "<address>:", above the copy of the original."""
    notice = notice_of(message)
    action = action_told(message, notice)
    findings = (
        finding(NAME, address, f"{alias} {words}", action)
        for recipient, alias, words in _PARAGRAPH.findall(notice)
        if (address := first_address(recipient))
    )
    return recognised(findings, original_headers(message))
