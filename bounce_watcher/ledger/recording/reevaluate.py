"""Counts bounces that were too weak, once the platform reports the Message-IDs that prove them.

A bounce that was too weak to count has changed only figures. So it is removed from the ledger and recorded again with
its own time, now proven: the guard, the policy and the platforms see it as if it had been proven from the start.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, select

from bounce_watcher.ledger.db.statements import KEYS, chunks, key_of
from bounce_watcher.ledger.db.tables import EVENT, event_from_row
from bounce_watcher.ledger.db.types import recipient_key, storable
from bounce_watcher.ledger.recording import alerts, report_counts
from bounce_watcher.ledger.recording.batch import RecipientBatch
from bounce_watcher.ledger.recording.record import Decide, record_page
from bounce_watcher.model.grounds import ExclusionKind
from bounce_watcher.model.ledger import Announce, BounceEvent, MessageRecord
from bounce_watcher.model.sending import SentMail
from bounce_watcher.policy.exclusion import WITHIN, is_proven_late
from bounce_watcher.policy.guards.spells import slot_of
from bounce_watcher.policy.guards.trouble import reports_series
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.policy.transitions import taken_out

_WEAK = select(EVENT).where(
    EVENT.c.recipient_key.in_(KEYS), EVENT.c.at >= bindparam("since", type_=EVENT.c.at.type),
    EVENT.c.excluded_kind == ExclusionKind.TOO_WEAK.value, EVENT.c.sent_message_id.is_not(None),
    EVENT.c.doubt.is_(None),
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
        record_page(connection, [_message(event) for event in weak], judge.decide, judge.announce, judge.policy)
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
        books.enter(key, taken_out(books.records[key], event))
    books.close()


def _message(event: BounceEvent) -> MessageRecord:
    """Returns a message that the ledger knows already, so only its event is written."""
    return MessageRecord(
        event.message_digest, event.kind, event.at, event.source or "", event.mailbox, 0, None, (event,)
    )
