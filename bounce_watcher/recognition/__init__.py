"""Finds who failed, and in whose words: the recognizers in the order in which they are called."""

from collections.abc import Iterator
from dataclasses import replace

from bounce_watcher.model.finding import Kind
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_part
from bounce_watcher.recognition import (
    arf,
    automatic,
    challenges,
    flufl,
    forwarded,
    list_refusals,
    owner_notices,
    receipts,
    ses,
    standard,
    success,
    xarf,
)
from bounce_watcher.recognition.dialects import dragonfly, exim, opensmtpd, qmail
from bounce_watcher.recognition.notices import grammar
from bounce_watcher.recognition.prose import MAX_WORDS
from bounce_watcher.recognition.recognizer import Recognition, Recognizer
from bounce_watcher.recognition.signs import looks_like_failure_notice, may_be_failure_notice

REPORTS: tuple[Recognizer, ...] = (
    challenges.recognise, standard.recognise, arf.recognise, xarf.recognise, ses.recognise, receipts.recognise,
    list_refusals.recognise,
)
"""Recognizers of unmistakable forms, for every message."""

DIALECTS: tuple[Recognizer, ...] = (exim.recognise, qmail.recognise, dragonfly.recognise, opensmtpd.recognise)
"""Recognizers of the prose of known systems."""

NOTICES: tuple[Recognizer, ...] = (
    standard.unlabelled, standard.wrapped, *DIALECTS, owner_notices.recognise, success.recognise, automatic.answer,
    grammar.recognise, flufl.recognise, grammar.resort, standard.passed_on, grammar.unnamed,
)
"""Recognizers for messages that a mail system wrote: ordinary mail may quote any of these words."""

_ANSWERS: tuple[Recognizer, ...] = (
    automatic.opt_out, automatic.answer, challenges.by_words, automatic.by_words, success.recognise,
)


def passed_on(message: ParsedMessage) -> Recognition | None:
    """Recognises a failure notice that a person forwarded without a word.

    A forward shows neither the return path nor other marks of a mail system: one sign is enough if the text is plain.
    """
    copied = forwarded.forwarded_copy(message)
    if copied is None or not may_be_failure_notice(copied):
        return None
    recognizers = NOTICES if looks_like_failure_notice(copied) else (grammar.by_text,)
    found = next(filter(None, (recognizer(copied) for recognizer in recognizers)), None)
    return forwarded.at_second_hand(found) if found and found.kind in {Kind.BOUNCE, Kind.DELAY} else None


DOUBTFUL: tuple[Recognizer, ...] = (
    *_ANSWERS, passed_on, owner_notices.recognise, grammar.by_text, grammar.by_first_lines, automatic.auto_replied,
)
"""Recognizers for messages of which little but the text says that a mail system wrote them."""

ANSWERS: tuple[Recognizer, ...] = (*_ANSWERS, passed_on, grammar.by_first_lines, automatic.auto_replied)
"""Recognizers for messages that no mail system wrote."""

_MARK_OF_FILTER = "X-SPASIGN: NG"
"""The field of au (KDDI) for a refusal by the recipient's own filter: its text says "User unknown" or nothing at all,
although the address exists."""


def recognise(message: ParsedMessage) -> Recognition:
    """Returns what the message is. Total: mail that no recognizer knows is Kind.OTHER."""
    found = next(filter(None, (recognizer(message) for recognizer in _asked(message))), None)
    return _with_mark(found, message) if found else Recognition(Kind.OTHER)


def answered_by(message: ParsedMessage) -> str | None:
    """Returns the recognizer that decides in `recognise`, as `standard` or `automatic.answer`; None if none does."""
    found = next((recognizer for recognizer in _asked(message) if recognizer(message)), None)
    if found is None:
        return None
    name = f"{found.__module__.rpartition('.')[2]}.{getattr(found, '__name__', '')}"
    return name.removesuffix(".recognise")


def _asked(message: ParsedMessage) -> Iterator[Recognizer]:
    yield from REPORTS
    if message.content_type == "multipart/report" and message.is_cut and original_part(message) is None:
        return  # the part that tells success from failure may be lost: prose must not replace it
    if looks_like_failure_notice(message):
        yield from NOTICES
    else:
        yield from DOUBTFUL if may_be_failure_notice(message) else ANSWERS


def _with_mark(recognition: Recognition, message: ParsedMessage) -> Recognition:
    """Returns `recognition` with the mark of a filter, if the message has it, added to the words on each recipient."""
    name, _, refused = _MARK_OF_FILTER.partition(": ")
    if recognition.kind is not Kind.BOUNCE or (message.headers.get(name) or "").strip() != refused:
        return recognition
    mark, findings = f" ({_MARK_OF_FILTER})", []
    for found in recognition.findings:
        words = ((found.report.diagnostic_code or "")[: MAX_WORDS - len(mark)] + mark).strip()
        findings.append(replace(found, report=replace(found.report, diagnostic_code=words)))
    return replace(recognition, findings=tuple(findings))
