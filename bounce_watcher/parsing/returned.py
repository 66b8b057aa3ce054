"""The original mail inside a report: whole, its header alone, or copied into the text (RFC 6522 section 3)."""

import re
from functools import lru_cache

from bounce_watcher.model.finding import SentMessage
from bounce_watcher.parsing.address import MAX_FIELD, parse_address
from bounce_watcher.parsing.headers import Headers
from bounce_watcher.parsing.message import ParsedMessage, Part

ORIGINAL_TYPES = frozenset({
    "message/rfc822",
    "message/global",
    "message/global-headers",
    "message/rfc822-headers",  # maddy
    "message/partial",
    "text/rfc822",             # Zoho
    "text/rfc822-headers",
    "text/rfc822-header",
})

_OF_SENT = ("message-id", "from", "subject")
_DELIMITER = re.compile(
    r"^[ \t>]*(?:"
    r"-+ ?(?:Below (?:this|the next) line is (?:a copy of the message|the original bounce)"
    r"|This is a copy of (?:the|your) message|Original message|Message header|Unsent message|Returned message"
    r"|The header of the original message|RETURNED MAIL|START OF RETURNED MESSAGE|original mail info|Forwarded message)"
    r"|Original message (?:follows|headers|details|attached)|Below is a copy of the original message"
    r"|Message (?:headers|text) follows?|Included is a copy of the message header"
    r"|-- The header and top|\|-+ ?Message text follows|Here is your returned mail|Your message reads \(in part\)"
    r"|Ursprüngliche Nachricht|Mensaje original|Message d'origine|Messaggio originale|Mensagem original"
    r")[^\n]*$",
    re.IGNORECASE | re.MULTILINE,
)
_HEADER_START = re.compile(
    r"^(?:Return-Path|Received|DKIM-Signature|Message-ID|X-Received|Delivered-To):[^\n]*"
    r"\n(?:[ \t][^\n]*\n){0,20}[A-Za-z][A-Za-z0-9-]{0,60}:",
    re.IGNORECASE | re.MULTILINE,
)


def split_text(text: str) -> tuple[str, str]:
    """The notice, and the original that is quoted below it ("" where there is none)."""
    match = _DELIMITER.search(text)
    header = _HEADER_START.search(text, 0, match.start() if match else len(text))
    if header is not None:
        return text[: header.start()], text[header.start() :]
    if match is not None:
        return text[: match.start()], text[match.end() :].lstrip("\n")
    return text, ""


def original_part(message: ParsedMessage) -> Part | None:
    """The part that holds the original or its header; None where there is none."""
    for part in message.parts:
        if part.type.value in ORIGINAL_TYPES:
            return part
    return None


@lru_cache(maxsize=1)  # every part of a report asks for it
def original_headers(message: ParsedMessage) -> Headers | None:
    """The header of the mail that was sent, as far as the report returns it."""
    part = original_part(message)
    if part is not None:
        headers = part.inner_headers
        # text/rfc822-headers that begin with an empty line, or an original inside another wrapping
        return headers if headers.raw else None
    _, original = split_text(message.text)
    if not original:
        return None
    block = original.lstrip("\n> \t").encode("utf-8", "replace").partition(b"\n\n")[0]
    return Headers(block)


def sent_message(headers: Headers | None) -> SentMessage:
    """What the header of the original tells of it."""
    if headers is None:
        return SentMessage()
    told = headers.firsts(_OF_SENT)
    message_id = told.get("message-id", "").partition(">")[0].strip("< \t")
    sender = told.get("from")
    return SentMessage(
        message_id=message_id[:998] or None,
        sender=parse_address(sender[:MAX_FIELD]) if sender else None,
        subject=told.get("subject", "")[:998] or None,
    )
