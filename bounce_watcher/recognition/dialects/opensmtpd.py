"""OpenSMTPD before it wrote status parts; today's writes one, without a reply, and the same text beside it.

        Hi!

        This is the MAILER-DAEMON, please DO NOT REPLY to this e-mail.

        An error has occurred while attempting to deliver a message for
        the following list of recipients:

    user@example.org: 550 5.1.1 User unknown

        Below is a copy of the original message:
"""

import re
from collections.abc import Iterator

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Finding
from bounce_watcher.parsing.address import first_address
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_headers
from bounce_watcher.recognition.prose import finding, is_on_the_sender, notice_of
from bounce_watcher.recognition.recognizer import Recognition, recognised

NAME = "opensmtpd"

_INTRO = re.compile(r"This is the MAILER-DAEMON, please DO NOT REPLY to this e-?mail")
_DELAYED = ("A message is delayed for more than", "only a temporary failure report")
GIVEN_UP = "Envelope expired"
"""The words for a mail that it has given up, which it reports as "delayed for more than 0 seconds"."""
_LINE = re.compile(r"^([^\s:<>]{1,250}@[^\s:<>]{1,250}): (\S.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)


def recognise(message: ParsedMessage) -> Recognition | None:
    """Reads lines of "address: words" that are not indented."""
    return recognised(_findings(message), original_headers(message)) if _INTRO.search(message.text[:1_000]) else None


def _findings(message: ParsedMessage) -> Iterator[Finding]:
    notice = notice_of(message)
    is_delay = any(words in notice for words in _DELAYED)
    for recipient, words in _LINE.findall(notice):
        if address := first_address(recipient):
            action = Action.DELAYED if is_delay and words != GIVEN_UP else Action.FAILED
            is_sender = is_on_the_sender(words, address, message, original_headers(message))
            yield finding(NAME, address, words, action, "MAIL" if is_sender else None)
