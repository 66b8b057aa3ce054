"""Automatic mail that is no failure: answers for absent persons and of help desks (RFC 3834), and opt-outs."""

import re

from bounce_watcher.model.fields import EnhancedStatus
from bounce_watcher.model.finding import Kind
from bounce_watcher.parsing.auto_reply import auto_submitted, has_auto_reply_mark
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.recognition.answer_words import ABSENCE, ABSENT_SUBJECTS, ANSWER_SUBJECTS, AWAY, OPT_OUT, RECEIVED
from bounce_watcher.recognition.recognizer import Recognition
from bounce_watcher.recognition.signs import has_daemon_sender, has_failure_subject, has_null_sender, is_from_list
from bounce_watcher.recognition.vocabulary import folded, says

MAX_SUBJECT = 400
MAX_BEGINNING = 1_500
"""How many characters of a subject and of a text are read: an answer says at once what it is."""

MAX_FIRST_WORDS = 400
"""How many characters from the start of a text may say that it is an automatic answer if no mark does."""

_ANSWER_SUBJECTS = tuple(map(folded, ANSWER_SUBJECTS))
_NOTES_SUBJECT = re.compile(r"auto ?: .{1,200} (?:is|am) |[^?]{1,100} is out of the office[^?]*$")
_OPT_OUTS = tuple(map(folded, OPT_OUT))
_ANSWERED = frozenset({"in-reply-to", "references"})
_OF_RULES = frozenset({"x-ms-exchange-inbox-rules-loop", "x-auto-response-suppress"})
_QUOTATION = re.compile(
    r"^[ \t]*>|^.{1,200}(?:wrote|schrieb|écrit|escribió|escreveu|ha scritto)[^\n]{0,60}:[ \t]*$|^-{3,}", re.MULTILINE
)
_REPLY_PREFIX = re.compile(r"(?:re|aw|antw|sv|odp|rv|r|回复|答复)\s?: ?")
_TOKEN = re.compile(r"[ :=_\-]{1,3}(?:me|us|request|from .{1,100}|\S{0,200}[\d@]\S{0,200})")


def answer(message: ParsedMessage) -> Recognition | None:
    """Recognises an automatic answer by its marks or by its subject."""
    return _auto_reply(has_auto_reply_mark(message.headers) or _is_answer_subject(_subject(message)))


def auto_replied(message: ParsedMessage) -> Recognition | None:
    """Recognises Auto-Submitted: auto-replied. Only if a report is unlikely: mail systems write it on those too."""
    return _auto_reply(auto_submitted(message.headers)[0] == "auto-replied")


def by_words(message: ParsedMessage) -> Recognition | None:
    """Recognises an answer without marks by its words, if there is a sign of a machine or of an answer.

    None if a mail system may have written it: a failure may also say that somebody "no longer works here".
    """
    if is_from_list(message) or has_daemon_sender(message) or has_failure_subject(message):
        return None
    is_machine = _is_of_machine(message)
    is_answer = message.headers.has_any(_ANSWERED)
    if not is_machine and not is_answer and not _REPLY_PREFIX.match(_subject(message)):
        return None
    text = message.text[:MAX_BEGINNING]
    if EnhancedStatus.find(text):
        return None
    quotation = _QUOTATION.search(text)
    beginning = folded(text[: quotation.start()] if quotation else text)
    if not is_machine:
        return _auto_reply(says(beginning[:MAX_FIRST_WORDS], ABSENCE if is_answer else AWAY))
    is_absence = says(_subject(message), ABSENT_SUBJECTS) or says(beginning, ABSENCE)
    return _auto_reply(is_absence or says(beginning, RECEIVED))


def opt_out(message: ParsedMessage) -> Recognition | None:
    """Recognises an opt-out: by Apple Mail's field, or by a subject or first line that says nothing else."""
    if "x-apple-unsubscribe" in message.headers or _asks_for_an_end(_subject(message)):
        return Recognition(Kind.UNSUBSCRIBE)
    text = message.text[:MAX_SUBJECT].strip()
    return Recognition(Kind.UNSUBSCRIBE) if _asks_for_an_end(folded(text.partition("\n")[0])) else None


def _auto_reply(is_one: bool) -> Recognition | None:
    return Recognition(Kind.AUTO_REPLY) if is_one else None


def _subject(message: ParsedMessage) -> str:
    return folded((message.headers.get("subject") or "")[:MAX_SUBJECT])


def _is_answer_subject(subject: str) -> bool:
    """ "Out of office: …", "[Auto-Reply] …", "AW: (automatische Antwort) …", "AUTO: Jo is out of the office"."""
    if subject.startswith(_ANSWER_SUBJECTS) or _NOTES_SUBJECT.match(subject):
        return True
    prefix = _REPLY_PREFIX.match(subject)
    bare = subject[prefix.end() :] if prefix else subject
    return bare[:1] in {"[", "(", "【", "*"} and bare[1:].lstrip("* ").startswith(_ANSWER_SUBJECTS)


def _is_of_machine(message: ParsedMessage) -> bool:
    headers = message.headers
    return (
        has_null_sender(message) or headers.has_any(_OF_RULES) or auto_submitted(headers)[0].startswith("auto-")
        or (headers.get("precedence") or "").strip().lower() in {"bulk", "junk"}
    )


def _asks_for_an_end(line: str) -> bool:
    """Checks whether a folded line is only an opt-out, or one with the token of a List-Unsubscribe (RFC 2369, 8058)."""
    prefix = _REPLY_PREFIX.match(line)
    bare = (line[prefix.end() :] if prefix else line).strip(" .!\"'*<>[]()")
    if not bare.startswith(_OPT_OUTS):
        return False
    rests = (bare[len(phrase) :] for phrase in _OPT_OUTS if bare.startswith(phrase))
    return any(not rest or _TOKEN.fullmatch(rest) for rest in rests)
