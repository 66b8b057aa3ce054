"""Challenges: a system holds the mail until its sender proves to be a person."""

import re
from collections.abc import Mapping

from bounce_watcher.model.finding import Kind
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.recognition.answer_words import CHALLENGE
from bounce_watcher.recognition.recognizer import Recognition
from bounce_watcher.recognition.signs import has_daemon_sender, has_failure_subject, is_from_list
from bounce_watcher.recognition.vocabulary import folded, says

_FIELDS = frozenset({
    "x-bluebottle-request", "x-spamarrest-noauth", "x-boxtrapper", "x-choicemail-registration-request", "x-askversion",
    "x-spamazoid-md", "x-tmda-confirm", "x-qconfirm", "x-mailinblack", "x-choicemail-registration-uri",
})  # fmt: skip
_FIELD_VALUES: Mapping[str, tuple[str, ...]] = {
    "x-delivery-agent": ("tmda",), "x-mailer": ("choicemail",), "message-id": ("-tmda-confirm",),
    "content-type": ("mailinblack",), "return-path": ("-challenge@", "@boxbe.com", "spamguard.vanquish.com"),
    "from": ("-challenge@", "@boxbe.com", "@spamarrest.com", "antispam uol"),
}
_SUBJECT = re.compile(
    r"(?:(?:re|aw)\s*:\s*)?(?:please confirm your message|confirmation request for|your email requires verification"
    r"|\[qurb #|spamlion:|unverified email to|please confirm (?:message|mail|delivery))"
    r"|.{0,300}\(verification(?: required)?\)$"
    r"|.{0,300}requires verification verify#"
)

MAX_BEGINNING = 3_000  # how many characters of a text are searched for what a challenge wants


def recognise(message: ParsedMessage) -> Recognition | None:
    """Recognises a challenge by the marks of the systems. Call it before delivery reports: Boxbe's look like those."""
    is_marked = message.headers.has_any(_FIELDS) or message.headers.says_any(_FIELD_VALUES)
    return Recognition(Kind.CHALLENGE) if is_marked and not has_daemon_sender(message) else None


def by_words(message: ParsedMessage) -> Recognition | None:
    """Recognises a challenge by subject and text, in mail that no mail system wrote.

    Many registrations ask the same of a subscriber.
    """
    if is_from_list(message) or has_daemon_sender(message) or has_failure_subject(message):
        return None
    subject = folded((message.headers.get("subject") or "")[:400])
    is_challenge = _SUBJECT.match(subject) or says(f"{subject}\n{folded(message.text[:MAX_BEGINNING])}", CHALLENGE)
    return Recognition(Kind.CHALLENGE) if is_challenge else None
