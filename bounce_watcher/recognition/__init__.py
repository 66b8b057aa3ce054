"""Who failed, and in whose words: the recognizers in the order in which they are asked."""

from collections.abc import Iterable

from bounce_watcher.model.finding import Kind
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.recognition import arf, automatic, flufl, standard
from bounce_watcher.recognition.dialects import dragonfly, exchange, exim, opensmtpd, qmail
from bounce_watcher.recognition.recognizer import Recognition, Recognizer
from bounce_watcher.recognition.signs import looks_like_failure_notice

REPORTS: tuple[Recognizer, ...] = (
    automatic.challenge,
    standard.recognise,
    arf.recognise,
    automatic.disposition,
)
"""What tells its own form, so that every message may be asked."""

DIALECTS: tuple[Recognizer, ...] = (
    exim.recognise,
    qmail.recognise,
    dragonfly.recognise,
    opensmtpd.recognise,
    exchange.recognise,
)
"""Prose of known systems."""

NOTICES: tuple[Recognizer, ...] = (standard.unlabelled, standard.wrapped, *DIALECTS, automatic.answer, flufl.recognise)
"""Read where a mail system wrote the message: ordinary mail may quote any of these words."""

ANSWERS: tuple[Recognizer, ...] = (automatic.answer, automatic.auto_replied)
"""Read where no mail system wrote the message."""


def recognise(message: ParsedMessage) -> Recognition:
    """What the message is. Total: mail that nobody knows is Kind.OTHER."""
    found = _first(REPORTS, message)
    if found is None and message.is_cut and message.content_type == "multipart/report":
        return Recognition(Kind.OTHER)  # what would tell success from failure is lost: prose must not stand in for it
    if found is None:
        found = _first(NOTICES if looks_like_failure_notice(message) else ANSWERS, message)
    return found or Recognition(Kind.OTHER)


def _first(recognizers: Iterable[Recognizer], message: ParsedMessage) -> Recognition | None:
    return next(filter(None, (recognizer(message) for recognizer in recognizers)), None)
