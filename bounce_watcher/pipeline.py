"""Read this file first: everything that happens to one message before anything is stored, as one pure function.

    bytes ─▶ parse ─▶ recognise ─▶ classify ─▶ attribute ─▶ Analysis
             what it   who failed,   what it     whose mail it was,
             holds     whose words   means       how far that is proven

No clock, no disk, no network: the same bytes with the same toolkit always give the same analysis, provided that
`Toolkit.dkim_key` gives the same answers.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from bounce_watcher.attribution.attribute import attribute, attribute_opt_out, no_key
from bounce_watcher.attribution.authenticity import authenticity
from bounce_watcher.attribution.dkim import KeyOf
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.classify import classify
from bounce_watcher.classification.ruleset import Ruleset
from bounce_watcher.model.address import address_key
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import (
    EVENT_KINDS,
    Analysis,
    Authenticity,
    Finding,
    Kind,
    RecipientVerdict,
    SentMessage,
)
from bounce_watcher.model.message import message_digest
from bounce_watcher.model.optout import OPT_OUT_FEEDBACK
from bounce_watcher.parsing.message import ParsedMessage, parse
from bounce_watcher.parsing.received import client_ip
from bounce_watcher.parsing.returned import only_addressee
from bounce_watcher.recognition import recognise
from bounce_watcher.recognition.recognizer import weight

_JUDGED = frozenset({Action.FAILED, Action.DELAYED})


@dataclass(frozen=True, slots=True)
class Toolkit:
    """What an analysis uses besides the message. `dkim_key` looks up the DKIM keys of our own domains."""

    ruleset: Ruleset
    attribution: AttributionSettings = field(default_factory=AttributionSettings)
    dkim_key: KeyOf = no_key


def analyse(content: bytes, toolkit: Toolkit, at: datetime | None = None, mailbox: str | None = None) -> Analysis:
    """Returns everything that one message says. Total: any bytes give an analysis; an exception is a bug.

    `at` is when the message was received (aware), which decides whether a token has expired; with None the age of
    tokens is not checked. `mailbox` is the name of the configured mailbox that it came to, whose server may say whether
    it is genuine; None = not known.
    """
    return analyse_parsed(parse(content), toolkit, at, mailbox)


def analyse_parsed(
    message: ParsedMessage, toolkit: Toolkit, at: datetime | None = None, mailbox: str | None = None
) -> Analysis:
    """Does the same as `analyse` for a parsed message: a caller who reads on need not decode it again."""
    recognition = recognise(message)
    genuine = authenticity(message.headers, toolkit.attribution.authserv_ids_of(mailbox))
    judged = [_judged(message, each, recognition.sent, genuine, toolkit, at) for each in recognition.findings]
    is_named_otherwise = any(not each.finding.report.recipient and each.attribution.recipient for each in judged)
    is_mail = recognition.kind is Kind.UNSUBSCRIBE
    asks = is_mail or recognition.feedback_type in OPT_OUT_FEEDBACK
    sender = only_addressee(message.headers, "from") if asks else None
    return Analysis(
        kind=recognition.kind,
        digest=message_digest(message.content),
        recipients=_each_once(judged),
        sent=recognition.sent,
        feedback_type=recognition.feedback_type,
        authenticity=genuine,
        unreadable=() if is_named_otherwise else recognition.unreadable,
        sender=sender,
        opt_out=attribute_opt_out(
            message, sender, toolkit.attribution, key_of=toolkit.dkim_key, at=at, genuine=genuine
        ) if is_mail else None,
        client_ip=client_ip(message.headers) if recognition.kind in EVENT_KINDS else None,
    )


def _judged(
    message: ParsedMessage, finding: Finding, sent: SentMessage, genuine: Authenticity, toolkit: Toolkit,
    at: datetime | None,
) -> RecipientVerdict:
    is_judged = finding.report.action in _JUDGED
    verdict = classify(finding.report, finding.reporting_mta, toolkit.ruleset) if is_judged else None
    attribution = attribute(
        message, finding, toolkit.attribution, mail_from=sent.mail_from, key_of=toolkit.dkim_key, at=at,
        genuine=genuine,
    )
    return RecipientVerdict(finding, attribution, verdict)


def _each_once(judged: Iterable[RecipientVerdict]) -> tuple[RecipientVerdict, ...]:
    """Keeps one verdict per recipient: a token may show that several addresses of a report are one recipient's.

    The worst of them counts. A verdict that neither the report nor anything of ours ties to a recipient is left out.
    """
    best: dict[str, RecipientVerdict] = {}
    for each in judged:
        if not each.attribution.recipient:
            continue
        key = address_key(each.attribution.recipient)
        if key not in best or weight(each.finding) > weight(best[key].finding):
            best[key] = each
    return tuple(best.values())
