"""qmail and its clones: QSBMF, Dan Bernstein's bounce message format.

    Hi. This is the qmail-send program at mail.example.org.
    I'm afraid I wasn't able to deliver your message to the following addresses.
    This is a permanent error; I've given up. Sorry it didn't work out.

    <user@example.org>:
    192.0.2.1 does not like recipient.
    Remote host said: 550 5.1.1 User unknown

    --- Below this line is a copy of the message.

The words of the first paragraph vary; each following paragraph begins with the address in angle brackets and a colon.
"""

import re

from bounce_watcher.parsing.address import parse_address
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_headers, sent_message, split_text
from bounce_watcher.recognition.merging import each_once, kind_of
from bounce_watcher.recognition.prose import MAX_TEXT, finding
from bounce_watcher.recognition.recognizer import Recognition
from bounce_watcher.recognition.signs import looks_like_failure_notice

NAME = "qmail"

_INTRO = re.compile(
    r"^[ \t]*(?:hi\. this is|hi\. the mta program"
    r"|this is the (?:mail delivery agent|machine generated message|deliver program)"
    r"|this is the mail system at host|unfortunately, your mail was not delivered|we're sorry\. there's a problem"
    r"|su mensaje no pudo ser entregado|unable to deliver (?:your )?message to the following|message from )",
    re.IGNORECASE | re.MULTILINE,
)
_PARAGRAPH = re.compile(r"^<([^<>\s]{1,250}@[^<>\s]{1,250})>:?[ \t]*(.*(?:\n(?!<|--).*\S.*)*)", re.MULTILINE)


def recognise(message: ParsedMessage) -> Recognition | None:
    """Paragraphs that begin with "<address>:" below an introduction of the qmail family."""
    text = message.text[:MAX_TEXT]
    if not _INTRO.search(text[:2_000]) or not looks_like_failure_notice(message):
        return None
    notice = split_text(text)[0]
    findings = each_once(
        finding(NAME, "1", address, words)
        for recipient, words in _PARAGRAPH.findall(notice)
        if (address := parse_address(recipient))
    )
    if not findings:
        return None
    return Recognition(kind_of(findings), findings, sent_message(original_headers(message)))
