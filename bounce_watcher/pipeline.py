"""Read this file first: all that happens to one message before anything is stored, as one pure function.

    bytes ─▶ parse ─▶ recognise ─▶ classify ─▶ attribute ─▶ Analysis
             what it   who failed,   what it     whose mail it was,
             holds     whose words   means       how far that is proven

No clock, no disk, no network: the same bytes with the same toolkit always give the same analysis.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from bounce_watcher.attribution.attribute import attribute
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.classify import classify
from bounce_watcher.classification.ruleset import Ruleset
from bounce_watcher.model.address import address_key
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Analysis, Finding, RecipientVerdict
from bounce_watcher.model.message import message_digest
from bounce_watcher.parsing.message import ParsedMessage, parse
from bounce_watcher.recognition import recognise
from bounce_watcher.recognition.merging import weight

_JUDGED = frozenset({Action.FAILED, Action.DELAYED})


@dataclass(frozen=True, slots=True)
class Toolkit:
    """What an analysis rests on besides the message."""

    ruleset: Ruleset
    attribution: AttributionSettings = field(default_factory=AttributionSettings)


def analyse(content: bytes, toolkit: Toolkit) -> Analysis:
    """All that one message says. Total: any bytes give an analysis; an exception is a bug."""
    message = parse(content)
    recognition = recognise(message)
    return Analysis(
        kind=recognition.kind,
        digest=message_digest(message.content),
        recipients=_each_once(_judged(message, finding, toolkit) for finding in recognition.findings),
        sent=recognition.sent,
        feedback_type=recognition.feedback_type,
    )


def _judged(message: ParsedMessage, finding: Finding, toolkit: Toolkit) -> RecipientVerdict:
    is_judged = finding.report.action in _JUDGED
    verdict = classify(finding.report, finding.reporting_mta, toolkit.ruleset) if is_judged else None
    return RecipientVerdict(finding, attribute(message, finding, toolkit.attribution), verdict)


def _each_once(judged: Iterable[RecipientVerdict]) -> tuple[RecipientVerdict, ...]:
    """A token may show that several addresses of a report are one recipient's: the worst of them counts."""
    best: dict[str, RecipientVerdict] = {}
    for each in judged:
        key = address_key(each.attribution.recipient)
        if key not in best or weight(each.finding) > weight(best[key].finding):
            best[key] = each
    return tuple(best.values())
