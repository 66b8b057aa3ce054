"""The original mail inside a report: whole, its header alone, or copied into the text (RFC 6522 section 3)."""

import re
from functools import lru_cache

from bounce_watcher.model.address import MailAddress
from bounce_watcher.model.finding import SentMessage
from bounce_watcher.parsing.address import MAX_FIELD, first_address
from bounce_watcher.parsing.address_fields import only_address
from bounce_watcher.parsing.headers import Headers
from bounce_watcher.parsing.message import ParsedMessage, Part
from bounce_watcher.parsing.sending_ids import MAX_FEEDBACK_ID, parse_list_id

ORIGINAL_TYPES = frozenset({
    "message/rfc822", "message/global", "message/global-headers", "message/partial",
    "message/rfc822-headers",  # maddy
    "text/rfc822",             # Zoho
    "text/rfc822-headers", "text/rfc822-header",
})

_OF_SENT = ("message-id", "from", "subject", "list-id", "feedback-id")
_HEADINGS = (
    r"below (?:this|the next) line is (?:a copy of the message|the original bounce)",
    r"this is a copy of (?:the|your) (?:message|mail)",
    r"(?:below is )?a copy of (?:the|your) (?:original )?(?:message|mail|email)",
    r"included is a copy of the message header",
    r"(?:the )?(?:header|body)s? of (?:the|your) (?:original )?(?:message|mail)",
    r"the header and top \d+ lines",
    r"original (?:e-?mail|message|mail|text)(?: (?:headers?|info|text|content))?"
    r"(?: (?:as )?(?:follows|attached|below|is attached))?",
    r"(?:mail|message) (?:headers?|text|body) (?:follows?|suppressed)",
    r"(?:un|non-?)(?:sent|delivered|deliverable) (?:message|mail) follows?",
    r"(?:start of )?(?:returned|unsent|bounced) (?:message|e-?mail)(?: follows?)?",
    r"(?:begin )?forwarded (?:message|by)",
    r"here is your returned mail",
    r"your message reads(?: \(in part\))?",
    r"old message",
    r"message non-?deliverable",
    r"(?:der header der |die )?ursprüngliche[nr]? (?:nachricht(?:enkopfzeilen)?|mail|e-mail)",
    r"(?:der header der )?originalnachricht|kopie (?:der|ihrer) nachricht",
    r"en-t[êe]tes de message d'origine|message d'origine|copie (?:du|de votre) message|message original",
    r"(?:encabezados? de )?mensajes? original(?:es)?",
    r"messaggio originale|intestazioni originali del messaggio",
    r"mensagem original|cabeçalhos originais da mensagem",
    r"oorspronkelijke? bericht(?:koppen)?",
    r"ursprungligt meddelande|opp?rinneli[gk]e? mel(?:ding|delelse)|oprindelig meddelelse|alkuperäinen viesti",
    r"oryginalna wiadomość|wiadomość oryginalna|treść wiadomości|původní zpráva|pôvodná správa|eredeti üzenet",
    r"исходн(?:ое|ые)(?: заголовки)? (?:сообщени[ея]|письмо)|копия (?:сообщения|письма)|вихідне повідомлення",
    r"özgün ileti|orijinal mesaj|מקור ההודעה",
    r"(?:以下は)?(?:元|オリジナル|送信元)の?(?:メール|メッセージ)(?:です| ヘッダー)?",
    r"(?:以下是)?原(?:始)?(?:邮件|郵件)(?:内容)?|원본 메시지",
)
"""Headings above the quoted original, with or without rules of hyphens around them."""

_ANY_HEADING = "|".join(_HEADINGS)
_DELIMITER = re.compile(
    rf"^[ \t>]*(?:(?:{_ANY_HEADING})[ \t]*(?:[-=_*|+#~.:：]{{1,80}}[ \t]*)?"
    rf"|[-=_*|+#~]{{1,80}}[ \t:]*(?:{_ANY_HEADING})[^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_HEADER_START = re.compile(
    r"^(?:Return-Path|Received|DKIM-Signature|Message-ID|X-Received|Delivered-To) ?:[^\n]*"
    r"\n(?:[ \t][^\n]*\n){0,20}[A-Za-z][A-Za-z0-9-]{0,60} ?:"
    r"|^(?:From|To|Subject|Date) ?:[^\n]*"
    r"\n(?:(?:From|To|Cc|Subject|Date|Mime-Version|Content-\w{1,20}|Message-Id) ?:[^\n]*\n){3}",
    re.IGNORECASE | re.MULTILINE,
)


def split_text(text: str) -> tuple[str, str]:
    """Returns the notice, and the original that is quoted below it ("" if there is none)."""
    match = _DELIMITER.search(text)
    header = _HEADER_START.search(text, 0, match.start() if match else len(text))
    if header is not None:
        return text[: header.start()], text[header.start() :]
    if match is not None:
        return text[: match.start()], text[match.end() :].lstrip("\n")
    return text, ""


def original_part(message: ParsedMessage) -> Part | None:
    """Returns the part that holds the original or its header; None if there is none."""
    return next((part for part in message.parts if part.type.value in ORIGINAL_TYPES), None)


@lru_cache(maxsize=1)  # needed for every part of a report
def original_headers(message: ParsedMessage) -> Headers | None:
    """Returns the header of the mail that was sent, as far as the report includes it; None if it includes none."""
    part = original_part(message)
    if part is not None:
        headers = part.inner_headers
        # text/rfc822-headers that begin with an empty line, or an original inside another wrapping
        return headers if headers.raw else None
    _, original = split_text(message.text)
    if not original:
        return None
    block, blank, _ = original.lstrip("\n> \t").encode("utf-8", "replace").partition(b"\n\n")
    return Headers(block if blank else block[: block.rfind(b"\n") + 1])  # half a line may hold half an address


def only_addressee(headers: Headers | None, name: str = "to") -> MailAddress | None:
    """Returns the mailbox in the field `name` of the original if it occurs once and names only one; else None."""
    values = headers.get_all_as_written(name) if headers is not None else ()
    return only_address(values[0]) if len(values) == 1 else None


def sent_message(headers: Headers | None) -> SentMessage:
    """Returns what the header of the original says about it."""
    if headers is None:
        return SentMessage()
    told = headers.firsts(_OF_SENT)
    message_id = told.get("message-id", "").partition(">")[0].strip("< \t")
    sender = told.get("from")
    return SentMessage(
        message_id=message_id[:998] or None,
        sender=first_address(sender[:MAX_FIELD]) if sender else None,
        subject=told.get("subject", "")[:998] or None,
        list_id=parse_list_id(told.get("list-id", "")),
        feedback_id=told.get("feedback-id", "")[:MAX_FEEDBACK_ID] or None,
    )
