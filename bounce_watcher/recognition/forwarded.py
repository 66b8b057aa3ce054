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
from itertools import chain

from bounce_watcher.model.finding import Evidence
from bounce_watcher.parsing.message import ParsedMessage, parse
from bounce_watcher.recognition.prose import MAX_TEXT
from bounce_watcher.recognition.recognizer import Recognition
from bounce_watcher.recognition.signs import is_reply_or_forward

_BAR = re.compile(
    r"\s{0,200}(?:[-_=>* ]{0,40}(?:(?:begin |start of )?(?:forwarded|original) (?:message|mail|e-mail)"
    r"|(?:anfang der )?(?:weitergeleitete|ursprüngliche)n? (?:nachricht|mail|e-mail)|original-?(?:nachricht|mail)"
    r"|(?:début du )?message (?:transféré|réexpédié|d'origine)|(?:inicio del )?mensaje (?:reenviado|original)"
    r"|(?:inizio )?messaggio (?:inoltrato|originale)|mensagem (?:encaminhada|original)"
    r"|(?:begin )?doorgestuurd bericht|oorspronkelijk bericht"
    r"|(?:vidarebefordrat |ursprungligt )(?:brev|meddelande)"
    r"|(?:videresendt|oprindelig|opprinnelig) (?:besked|meddelelse|melding)"
    r"|wiadomość (?:przekazana|oryginalna)|(?:přeposlaná|původní) zpráva|(?:přeposlaný|původní) e-mail"
    r"|továbbított üzenet|eredeti üzenet|(?:välitetty|alkuperäinen) viesti|iletilen mesaj|orijinal mesaj"
    r"|mesaj (?:redirecționat|original)|(?:пересылаемое|пересланное|исходное) сообщение"
    r"|转发(?:的)?邮件|原始邮件|轉寄的郵件|原始郵件|転送(?:された|される)?メッセージ(?:開始)?|元のメッセージ"
    r"|(?:전달된|원본) 메(?:시지|일))"
    r"[-_=>:* ]{0,40}|[-_]{10,80})\n\s{0,200}",
    re.IGNORECASE,
)
"""What mail programs write above a copy: a title in the user's language, or a ruled line."""
_NAMES = {
    "From": (
        "from", "von", "de", "da", "van", "från", "fra", "od", "lähettäjä", "kimden", "gönderen", "feladó",
        "expéditeur", "mittente", "remitente", "от", "от кого", "від", "από", "发件人", "寄件者", "寄件人", "差出人",
        "보낸 사람",
    ),
    "Subject": (
        "subject", "betreff", "objet", "sujet", "asunto", "oggetto", "assunto", "onderwerp", "ämne", "emne", "temat",
        "předmět", "predmet", "aihe", "konu", "tárgy", "subiect", "тема", "θέμα", "主题", "主旨", "件名", "제목",
    ),
    "Date": (
        "date", "sent", "datum", "gesendet", "envoyé", "fecha", "enviado", "enviado el", "data", "inviato", "verzonden",
        "skickat", "dato", "sendt", "wysłano", "odesláno", "elküldve", "lähetetty", "tarih", "дата", "отправлено",
        "日期", "发送时间", "日時", "送信日時", "날짜", "보낸 날짜",
    ),
    "To": (
        "to", "an", "à", "a", "para", "per", "aan", "till", "til", "do", "komu", "vastaanottaja", "kime", "címzett",
        "către", "кому", "προς", "收件人", "收件者", "宛先", "받는 사람",
    ),
    "Return-Path": ("return-path",), "Received": ("received",), "Reply-To": ("reply-to",),
}
"""The fields that mail programs copy, and how they call them in their users' languages."""
_FIELD_OF = {name.casefold(): field for field, names in _NAMES.items() for name in names}
_FIELD = re.compile(
    rf"(?P<quote>>?) {{0,2}}\*?(?P<name>{'|'.join(map(re.escape, chain(*_NAMES.values())))})\*? ?[:：]\*?",
    re.IGNORECASE,
)
MAX_FIELDS = 40  # how many lines of a copied header are read
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
    return parse(_in_english(_QUOTE.sub("", copied) if first["quote"] else copied).encode("utf-8", "replace"))


def _in_english(copied: str) -> str:
    """Returns the copy with the names of its fields as RFC 5322 has them."""
    header, blank, body = copied.partition("\n\n")
    *lines, rest = header.split("\n", MAX_FIELDS)
    return "\n".join([*map(_field_in_english, lines), _field_in_english(rest)]) + blank + body


def _field_in_english(line: str) -> str:
    found = _FIELD.match(line)
    field = _FIELD_OF.get(found["name"].casefold()) if found else None  # İ and ı match an i, and are none
    return f"{field}:{line[found.end() :]}" if found and field else line


def at_second_hand(recognition: Recognition) -> Recognition:
    """Returns `recognition` as what a person says: the fields of a report that somebody has copied prove nothing."""
    findings = tuple(replace(each, evidence=Evidence.PROSE) for each in recognition.findings)
    return replace(recognition, findings=findings)
