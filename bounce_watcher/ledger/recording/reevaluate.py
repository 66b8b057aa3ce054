"""What a platform reports changes what bounces count.

What counted before a delivery counts no longer (`policy.deliveries`). Message-IDs prove bounces that were too weak to
count. Such a bounce has changed only figures, so it is removed from the ledger and recorded again with its own time,
now proven: the guard, the policy and the platforms see it as if it had been proven from the start.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select

from bounce_watcher.ledger.db.statements import KEYS, RecipientKey, by_stream, chunks, key_of
from bounce_watcher.ledger.db.tables import EVENT, RECIPIENT, event_from_row
from bounce_watcher.ledger.db.types import recipient_key, storable
from bounce_watcher.ledger.recording import alerts, report_counts
from bounce_watcher.ledger.recording.batch import RecipientBatch
from bounce_watcher.ledger.recording.flood import held_in_flood
from bounce_watcher.ledger.recording.record import Decide, load_counted, record_page
from bounce_watcher.model.grounds import ExclusionKind
from bounce_watcher.model.ledger import Announce, BounceEvent, ChangedBy, MessageRecord, State
from bounce_watcher.model.sending import DeliveredOutcome, Delivery, SentMail
from bounce_watcher.policy import transitions
from bounce_watcher.policy.exclusion import WITHIN, is_proven_late
from bounce_watcher.policy.guards.spells import slot_of
from bounce_watcher.policy.guards.trouble import reports_series
from bounce_watcher.policy.settings import PolicySettings

_WEAK = select(EVENT).where(
    EVENT.c.recipient_key.in_(KEYS), EVENT.c.at >= bindparam("since", type_=EVENT.c.at.type),
    EVENT.c.excluded_kind == ExclusionKind.TOO_WEAK.value, EVENT.c.sent_message_id.is_not(None),
    EVENT.c.doubt.is_(None),
)

_ON_RECORD = select(RECIPIENT.c.recipient_key, RECIPIENT.c.recipient, RECIPIENT.c.delivered_at).where(
    RECIPIENT.c.stream == bindparam("stream"), RECIPIENT.c.recipient_key.in_(KEYS)
)


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """How bounces are decided on, and how the result is announced."""

    decide: Decide
    announce: Announce
    policy: PolicySettings


def take_up(connection: Connection, mails: Sequence[SentMail], judge: DecisionContext) -> int:
    """Records the bounces again that these mails, already in the ledger, prove. Returns how many."""
    weak = list(_weak(connection, mails, judge.policy))
    if weak:
        alerts.lock(connection)  # before the locks on recipients, as with any page
        _take_out(connection, weak, judge)
        known = [  # the ledger knows these messages already, so only their events are written
            MessageRecord(each.message_digest, each.kind, each.at, each.source or "", each.mailbox, 0, None, (each,))
            for each in weak
        ]
        record_page(connection, known, judge.decide, judge.announce, judge.policy)
    return len(weak)


def _weak(connection: Connection, mails: Sequence[SentMail], policy: PolicySettings) -> Iterator[BounceEvent]:
    sent = {(storable(mail.message_id), recipient_key(mail.recipient)): mail.at for mail in mails}
    if not sent:
        return
    since = min(sent.values()) - WITHIN
    for part in chunks(sorted({address for _, address in sent})):
        for row in connection.execute(_WEAK, {"keys": part, "since": since}):
            at, event = sent.get((row.sent_message_id, row.recipient_key)), event_from_row(row)
            if at and is_proven_late(event, at, policy):
                yield event


def _take_out(connection: Connection, weak: Sequence[BounceEvent], judge: DecisionContext) -> None:
    connection.execute(delete(EVENT).where(EVENT.c.id == bindparam("of_id")), [
        {"of_id": name} for name in sorted(event.id for event in weak)
    ])
    report_counts.take_back(connection, weak)
    if judge.policy.alerts.enabled:
        reports: defaultdict[str, Counter[int]] = defaultdict(Counter)
        for event in weak:
            if series := reports_series(event):
                reports[series][slot_of(event.at)] -= 1
        alerts.add(connection, reports)
    names = {key_of(event.recipient, event.stream): event.recipient for event in weak}
    books = RecipientBatch(connection, names, judge.announce)
    for event in weak:
        key = key_of(event.recipient, event.stream)
        books.enter(key, transitions.taken_out(books.records[key], event))
    books.close()


# ── deliveries ──────────────────────────────────────────────────────────────────────────────────────────────────────

def deliver(connection: Connection, deliveries: Iterable[Delivery], announce: Announce) -> DeliveredOutcome:
    """Enters deliveries that are later than those known. Keeps nothing about a recipient without any report."""
    latest: dict[RecipientKey, datetime] = {}
    for delivery in deliveries:
        key = key_of(delivery.recipient, delivery.stream)
        latest[key] = max(delivery.at, latest.get(key, delivery.at))
    later: dict[RecipientKey, str] = {}
    for part in by_stream(sorted(latest)):
        for address, name, delivered_at in connection.execute(_ON_RECORD, part):
            key = RecipientKey(part["stream"], address)
            if delivered_at is None or delivered_at < latest[key]:
                later[key] = name
    alerts.lock(connection)  # before the locks on recipients: the end of a hold is counted with its alert
    books = RecipientBatch(connection, later, announce, ChangedBy.PLATFORM)
    against = load_counted(connection, books.records)
    held = held_in_flood(connection, (key for key, record in books.records.items() if record.state is State.PENDING))
    for key, record in list(books.records.items()):
        books.enter(key, transitions.release_expired(record, latest[key]))
    before = dict(books.records)
    for key, record in before.items():
        books.enter(key, transitions.apply_delivery(record, latest[key], against.get(key, ()), is_unproven=key in held))
    books.close()
    return DeliveredOutcome(
        reset=sum(books.records[key] is not record for key, record in before.items()),
        released=sum(record.suppression is not None and not books.records[key].suppression
                     for key, record in before.items()),
    )
