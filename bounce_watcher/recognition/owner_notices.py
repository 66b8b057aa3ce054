"""What mail systems, and impostors, write to the owner of a mailbox: it is full, mails to it are held back.

Such mail is about failed deliveries, but deliveries *to* us. Thousands of phishing mails have this form, with a button
that leads to a false login. They name senders of "pending" mails, who have not failed.
"""

import re

from bounce_watcher.model.finding import Kind
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_part
from bounce_watcher.recognition.recognizer import Recognition
from bounce_watcher.recognition.vocabulary import folded, says

MAX_BEGINNING = 4_000  # how many characters of a text are read
_REPLY = re.compile(r"\b[45]\d\d[ -](?:#?[45]\.\d{1,3}\.\d{1,3}|[A-Za-z])")
_PHRASES = (
    "delivered to your inbox", "delivered to your mailbox", "pending message", "pending mail", "pending e-mail",
    "pending incoming", "messages pending", "messages are pending", "release message", "release all message",
    "release pending", "release to inbox", "release to your inbox", "retrieve message", "retrieve your message",
    "retrieve pending", "recover message", "recover your message", "view undelivered", "messages on hold",
    "messages were held", "held messages", "in your quarantine", "quarantined messages", "quarantine summary",
    "quarantine report", "your mailbox is almost full", "your mailbox is nearly full", "your mailbox storage",
    "your mailbox quota", "upgrade your mailbox", "upgrade your quota", "increase your quota", "validate your mailbox",
    "validate your account", "validate your e-mail", "validate your email", "keep current password",
    "keep same password", "your password expire", "your password will expire", "ihr postfach ist",
    "zuruckgehaltene nachricht", "votre boite aux lettres est", "messages en attente", "mensajes pendientes",
    "mensagens pendentes", "su buzon esta", "sua caixa de correio esta", "la tua casella", "la sua casella",
    "messaggi in sospeso",
)  # fmt: skip


def recognise(message: ParsedMessage) -> Recognition | None:
    """Recognises mail that is no report on our mail. None if a mail is returned, or a server's reply is quoted."""
    text = message.text[:MAX_BEGINNING]
    if original_part(message) is not None or _REPLY.search(text):
        return None
    return Recognition(Kind.OTHER) if says(folded(text), _PHRASES) else None
