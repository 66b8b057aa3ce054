"""Notices that a person passed on inside the text, as mail programs do, without a word of their own above it.

    Begin forwarded message:

    > From: Mail Delivery Subsystem <MAILER-DAEMON@mail.example.net>
    > Subject: Returned mail: see transcript for details
    >
    > The original message was received …

What a person says above it makes it that person's mail: about a failure, but no report of one.
"""

import re
from dataclasses import replace

from bounce_watcher.model.finding import Evidence
from bounce_watcher.parsing.message import ParsedMessage, parse
from bounce_watcher.recognition.prose import MAX_TEXT
from bounce_watcher.recognition.recognizer import Recognition
from bounce_watcher.recognition.signs import is_reply_or_forward

_BAR = re.compile(
    r"\s{0,200}[-_=>* ]{0,40}(?:(?:begin |start of )?(?:forwarded|original) (?:message|mail|e-mail)"
    r"|(?:anfang der )?(?:weitergeleitete|ursprüngliche)n? (?:nachricht|mail|e-mail)"
    r"|(?:début du )?message (?:transféré|réexpédié|d'origine)|(?:inicio del )?mensaje (?:reenviado|original)"
    r"|mensagem (?:encaminhada|original)|(?:inizio )?messaggio (?:inoltrato|originale)"
    r"|(?:begin )?doorgestuurd bericht|oorspronkelijk bericht|vidarebefordrat (?:brev|meddelande)"
    r"|videresendt (?:besked|melding)|wiadomość przekazana|пересылаемое сообщение"
    r"|転送(?:された|される)?メッセージ(?:開始)?|转发(?:的)?邮件|轉寄的郵件|전달된 메(?:시지|일))"
    r"[-_=>:* ]{0,40}\n\s{0,200}",
    re.IGNORECASE,
)
_FIELD = re.compile(r"(>?) {0,2}(?:From|To|Date|Sent|Subject|Return-Path|Received|Reply-To) ?:", re.IGNORECASE)
_QUOTE = re.compile(r"^> ?", re.MULTILINE)


def forwarded_copy(message: ParsedMessage) -> ParsedMessage | None:
    """Returns the message that the text of a forward copies, from the header on; None if it copies none."""
    if not is_reply_or_forward(message):
        return None
    text = message.text[:MAX_TEXT]
    bar = _BAR.match(text)
    first = _FIELD.match(text, bar.end()) if bar else None
    if first is None:
        return None
    copied = text[first.start() :]
    return parse((_QUOTE.sub("", copied) if first[1] else copied).encode("utf-8", "replace"))


def at_second_hand(recognition: Recognition) -> Recognition:
    """Returns `recognition` as what a person says: the fields of a report that somebody has copied prove nothing."""
    findings = tuple(replace(each, evidence=Evidence.PROSE) for each in recognition.findings)
    return replace(recognition, findings=findings)
