"""Turns an analysed message into what is recorded and where the mail is filed. Pure, except for its callers."""

import hashlib
from collections.abc import Iterator, Sequence

from bounce_watcher.model.address import address_key
from bounce_watcher.model.fields import Action, RecipientReport
from bounce_watcher.model.finding import (
    EVENT_KINDS,
    Analysis,
    Attribution,
    Evidence,
    Finding,
    Kind,
    Provenance,
    RecipientVerdict,
)
from bounce_watcher.model.ledger import ABUSE, DEFAULT_STREAM, BounceEvent, MessageRecord, Misread, Unread
from bounce_watcher.model.message import Destination, RawMessage
from bounce_watcher.model.optout import OPT_OUT_FEEDBACK, AskedBy, OptOut
from bounce_watcher.model.verdict import BounceType
from bounce_watcher.parsing.delivery_status import MAX_RECIPIENTS
from bounce_watcher.parsing.message import ParsedMessage, parse
from bounce_watcher.policy import masking
from bounce_watcher.policy.language import language
from bounce_watcher.recognition.signs import looks_like_failure_notice, may_be_failure_notice

_TELLING = 4
"""The least number of constant characters for a subject to be telling."""


def event_id(message_digest: str, recipient: str) -> str:
    """Names an event: the same mail read again gives the same id, whatever its UID. 32 hex digits."""
    return hashlib.sha256(f"{message_digest}\0{address_key(recipient)}".encode()).hexdigest()[:32]


def message_record(
    raw: RawMessage, analysis: Analysis, packed: bytes | None, message: ParsedMessage | None = None
) -> MessageRecord:
    """Returns what the ledger keeps of one message. Only the kinds that report on recipients make events.

    A complaint that names nobody makes an event without a recipient: the ledger may know who got that Message-ID.
    `message` is `raw` as parsed for the analysis. If None, it is parsed here when its text is needed.
    """
    events: tuple[BounceEvent, ...] = ()
    says_nothing = not (analysis.recipients or _asks(analysis)) and destination(analysis) is Destination.REVIEW
    is_unread = says_nothing or bool(analysis.unreadable)
    if analysis.kind in EVENT_KINDS:
        events = tuple(_event(raw, analysis, each) for each in analysis.recipients)
    if analysis.kind is Kind.COMPLAINT and not events and analysis.sent.message_id:
        events = (_event(raw, analysis, nobody(analysis)),)
    unread = _unread(message or parse(raw.content), analysis) if is_unread else None
    return MessageRecord(
        digest=analysis.digest,
        kind=analysis.kind,
        received_at=raw.received_at,
        source=raw.source,
        mailbox=raw.mailbox,
        size=raw.size or len(raw.content),
        packed=packed,
        events=events,
        unread=unread,
        language=language_of(events, unread),
        opt_outs=tuple(_opt_outs(raw, analysis)),
    )


def language_of(events: Sequence[BounceEvent], unread: Unread | None) -> str | None:
    """Returns the language of text that was not understood, or only guessed at.

    This runs here because CLD2 is C++, which hostile mail may break, and this process may be broken.
    """
    if unread is not None:
        return language(unread.wording)
    lost = next((event for event in events if Misread.of(event)), None)
    return language(masking.wording(lost.diagnostic or lost.quote or "", lost.recipient)) if lost else None


def _asks(analysis: Analysis) -> AskedBy | None:
    """Returns how a message asks for no more mail, None if it does not."""
    if analysis.kind is Kind.UNSUBSCRIBE:
        return AskedBy.MAIL
    return AskedBy.FEEDBACK_REPORT if analysis.feedback_type in OPT_OUT_FEEDBACK else None


def _opt_outs(raw: RawMessage, analysis: Analysis) -> Iterator[OptOut]:
    """Yields one opt-out for each recipient that a feedback report names, else one for the whole mail or report."""
    by = _asks(analysis)
    if by is None:
        return
    named = [each.attribution for each in analysis.recipients]
    for each in named or [analysis.opt_out or nobody(analysis).attribution]:
        yield OptOut(
            by, each.stream or raw.stream or DEFAULT_STREAM, analysis.sender, each.recipient or None,
            each.evidence if each.recipient else None, each.doubt, each.sending,
        )


def _unread(message: ParsedMessage, analysis: Analysis) -> Unread:
    """Describes an unrecognised mail by its masked wording.

    A mail system's mail is grouped by all its text, other mail by its subject, as answers to one mailing share it.
    """
    subject = message.headers.get("subject") or ""
    words = masking.wording(subject, "")
    looks_so = looks_like_failure_notice(message) or may_be_failure_notice(message)
    kind = Misread.NOTICE if looks_so or analysis.kind in EVENT_KINDS else Misread.LETTER
    if analysis.unreadable:
        kind = Misread.ADDRESS
    if kind is not Misread.LETTER or len(masking.longest_constant(words)) < _TELLING:
        words = masking.wording(f"{subject} {message.text}", "")
    return Unread(kind, words)


def nobody(analysis: Analysis) -> RecipientVerdict:
    """Returns a placeholder for the recipient of a complaint that names none."""
    finding = Finding(RecipientReport(), Provenance("message-id", "", ""), Evidence.PROSE)
    return RecipientVerdict(finding, Attribution("", Evidence.PROSE, doubt=analysis.authenticity.failure), None)


def _event(raw: RawMessage, analysis: Analysis, each: RecipientVerdict) -> BounceEvent:
    report, verdict, attribution = each.finding.report, each.verdict, each.attribution
    status = verdict.status if verdict else report.status
    return BounceEvent(
        id=event_id(analysis.digest, attribution.recipient),
        message_digest=analysis.digest,
        at=raw.received_at,
        kind=analysis.kind,
        recipient=attribution.recipient,
        stream=attribution.stream or raw.stream or DEFAULT_STREAM,
        action=report.action,
        final_recipient=report.final_recipient if report.final_recipient != attribution.recipient else None,
        bounce_type=verdict.bounce_type if verdict else None,
        reason=verdict.reason if verdict else None,
        status=str(status) if status else None,
        code=verdict.code if verdict else None,
        diagnostic=report.diagnostic_code,
        remote_mta=report.remote_mta,
        reporting_mta=each.finding.reporting_mta,
        rule=verdict.rule if verdict else None,
        recognizer=each.finding.provenance.recognizer,
        quote=verdict.quote if verdict else each.finding.provenance.quote,
        evidence=attribution.evidence,
        doubt=attribution.doubt,
        feedback_type=analysis.feedback_type,
        sent_message_id=analysis.sent.message_id,
        sending=attribution.sending,
        mailbox=raw.mailbox,
        source=raw.source,
        client_ip=analysis.client_ip,
        confidence=verdict.confidence if verdict else None,
        forwarded=attribution.forwarded,
    )


def destination(analysis: Analysis) -> Destination:
    """Returns where the mail is filed. What nobody understood, and what asks for no more mail, goes to review."""
    # genuine feedback that is no complaint need not name a recipient
    must_name = analysis.feedback_type in {None, ABUSE} or analysis.authenticity.failure is not None
    names_nobody = analysis.kind in EVENT_KINDS and must_name and not analysis.recipients
    needs_person = (
        analysis.kind is Kind.OTHER or analysis.unreadable or names_nobody or _asks(analysis)
        or len(analysis.recipients) >= MAX_RECIPIENTS  # it may name more recipients than were read
        or any(map(_needs_review, analysis.recipients))
    )
    return Destination.REVIEW if needs_person else Destination.PROCESSED


def _needs_review(each: RecipientVerdict) -> bool:
    """Checks for a failure whose words tell nothing, or a report that is forged or mixed up."""
    undetermined = each.bounce_type is BounceType.UNDETERMINED and each.finding.report.action is Action.FAILED
    return undetermined or each.attribution.doubt is not None
