"""Values as rows. Scripts rely on the field names; times are aware datetimes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from bounce_watcher.model.finding import Analysis, Doubt, RecipientVerdict
from bounce_watcher.model.grounds import Alarm, Excluded, Grounds
from bounce_watcher.model.grounds_json import as_data
from bounce_watcher.model.ledger import BounceEvent, OutboxItem, RecipientRecord, StateChange, Suppression, Tried
from bounce_watcher.model.optout import KeptOptOut
from bounce_watcher.words.grounds import because, doubt, formerly

Row = Mapping[str, object]

EVENT_COLUMNS = ("at", "kind", "recipient", "stream", "bounce_type", "reason", "status", "rule", "counted")
SUPPRESSION_COLUMNS = ("recipient", "stream", "scope", "state", "bounce_type", "reason", "since", "until", "because")
OPT_OUT_COLUMNS = ("id", "at", "by", "recipient", "evidence", "sender", "stream", "done_at", "done_by")
STEP_COLUMNS = ("at", "state", "by", "because")
TRIED_COLUMNS = ("number", "at", "took_ms", "disposition", "next_at", "answer")
OUTBOX_COLUMNS = ("id", "target", "type", "recipient", "state", "attempts", "next_attempt_at", "last_answer")


def analysis_row(source: str, analysis: Analysis) -> Row:
    sent = analysis.sent
    return {
        "source": source,
        "kind": analysis.kind,
        "recipients": [verdict_row(each) for each in analysis.recipients],
        "sent": {
            "message_id": sent.message_id, "from": sent.sender, **_fields(sent, "subject", "list_id", "feedback_id"),
        },
        "feedback_type": analysis.feedback_type,
        "unreadable": list(analysis.unreadable),
    }


def verdict_row(each: RecipientVerdict) -> Row:
    report, verdict, recipient = each.finding.report, each.verdict, each.attribution.recipient
    status = verdict.status if verdict else report.status
    return {
        "recipient": recipient,
        "final_recipient": report.final_recipient if report.final_recipient != recipient else None,
        "forwarded": each.attribution.forwarded,
        "action": report.action,
        "bounce_type": verdict.bounce_type if verdict else None,
        "reason": verdict.reason if verdict else None,
        "status": str(status) if status else None,
        "code": verdict.code if verdict else None,
        "diagnostic": report.diagnostic_code,
        "remote_mta": report.remote_mta,
        "reporting_mta": each.finding.reporting_mta,
        "rule": verdict.rule if verdict else None,
        "confidence": verdict.confidence if verdict else None,
        "recognizer": each.finding.provenance.recognizer,
        "quote": verdict.quote if verdict else each.finding.provenance.quote,
    }


def explained(grounds: Grounds | Alarm | None) -> Row:
    """Returns the grounds: `because` in words, `grounds` as data."""
    if grounds is None:
        return {"because": None, "grounds": None}
    return {"because": because(grounds), "grounds": as_data(grounds)}


def count_of(exclusion: Excluded | None) -> Row:
    """Returns `counted`, which is true or says why not, and `grounds`, the same as data."""
    if exclusion is None:
        return {"counted": True, "grounds": None}
    return {"counted": because(exclusion), "grounds": as_data(exclusion)}


def doubt_text(it: Doubt | None) -> str | None:
    return None if it is None else doubt(it)


def _fields(value: object, *names: str) -> Row:
    return {name: getattr(value, name) for name in names}


def event_row(event: BounceEvent) -> Row:
    """Returns the row of an event; `counted` and `grounds` are those of `count_of`."""
    return {
        **_fields(
            event, "id", "at", "kind", "recipient", "final_recipient", "forwarded", "stream", "action", "bounce_type",
            "reason", "status", "code", "diagnostic", "remote_mta", "reporting_mta", "rule", "confidence", "recognizer",
            "quote", "evidence",
        ),
        "doubt": doubt_text(event.doubt),
        **count_of(event.exclusion),
        **_fields(event, "feedback_type", "sent_message_id", "sending", "mailbox", "source"),
        "formerly": formerly(event.formerly),
        "client_ip": event.client_ip,
    }


def suppression_row(suppression: Suppression) -> Row:
    return {
        **_fields(suppression, "recipient", "stream", "state", "bounce_type", "reason", "since", "until"),
        **explained(suppression.grounds),
        **_fields(suppression, "source", "scope", "status", "diagnostic"),
        "events": list(suppression.events),
    }


def outbox_row(item: OutboxItem) -> Row:
    return _fields(
        item, "id", "target", "type", "recipient", "stream", "sequence", "state", "attempts", "created_at",
        "next_attempt_at", "last_answer",
    )


def tried_row(tried: Tried) -> Row:
    return {
        **_fields(tried, "number", "at"),
        "took_ms": None if tried.took is None else round(tried.took / timedelta(milliseconds=1)),
        **_fields(tried, "disposition", "answer", "next_at"),
    }


def step_row(step: StateChange) -> Row:
    return {**_fields(step, "at", "state", "by"), **explained(step.grounds), **_fields(step, "reason", "until")}


def opt_out_row(kept: KeptOptOut) -> Row:
    return {
        **_fields(kept, "id", "at"),
        **_fields(kept.asked, "by", "recipient", "evidence"),
        "doubt": doubt_text(kept.asked.doubt),
        **_fields(kept.asked, "sender", "stream", "sending"),
        "mailbox": kept.mailbox,
        "message": kept.message_digest,
        **_fields(kept, "done_at", "done_by", "because"),
    }


def with_streams_of(
    records: Sequence[RecipientRecord], opt_outs: Iterable[KeptOptOut], address: str
) -> list[RecipientRecord]:
    """Returns `records`, and an empty record for each stream in which the address opted out but has no record."""
    known = {record.stream for record in records}
    asked = sorted({each.asked.stream for each in opt_outs} - known)
    return [*records, *(RecipientRecord(address, stream) for stream in asked)]


def recipient_row(
    record: RecipientRecord, history: Iterable[BounceEvent], course: Iterable[StateChange], protected: Row | None,
    opt_outs: Iterable[KeptOptOut] = (),
) -> Row:
    """Returns the row of a recipient.

    `history` holds all events of the recipient in this stream, `course` all steps of its state; oldest first.
    `protected` says who protects it; None = nobody. The row includes only `opt_outs` of this stream.
    """
    suppression = record.suppression
    return {
        **_fields(record, "recipient", "stream", "state", "counts"),
        **explained(record.grounds),
        "history": [event_row(event) for event in history],
        "course": [step_row(step) for step in course],
        **_fields(record, "first_event_at", "last_event_at", "released_at", "delivered_at"),
        "suppression": suppression_row(suppression) if suppression else None,
        "protected": protected,
        "opt_outs": [opt_out_row(each) for each in opt_outs if each.asked.stream == record.stream],
    }
