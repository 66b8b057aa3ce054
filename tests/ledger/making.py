"""Messages, decisions and notices to feed a ledger with."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import (
    Attempt,
    BounceEvent,
    Decision,
    Disposition,
    History,
    MessageRecord,
    NoticeType,
    Occurrence,
    OutboxItem,
    PageOutcome,
    Step,
)
from bounce_watcher.model.message import pack
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.service.analysis.judging import language_of
from tests.facts import EXCLUDED

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
USER = "user@example.org"
STATES = frozenset({NoticeType.SUPPRESSED, NoticeType.RELEASED})
LEASE = timedelta(minutes=5)

_numbers = count(1)
DELIVERED = Attempt(Disposition.DELIVERED, "204")


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def event_id(digest: str, recipient: str = USER) -> str:
    return f"{digest}/" + hashlib.sha256(recipient.casefold().encode("utf-8", "surrogatepass")).hexdigest()[:16]


def bounce(
    digest: str,
    recipient: str = USER,
    *,
    at: datetime = START,
    reason: Reason | None = Reason.INVALID_RECIPIENT,
    stream: str = "default",
    kind: Kind = Kind.BOUNCE,
    action: Action | None = Action.FAILED,
    diagnostic: str = "550 5.1.1 no such user",
    feedback_type: str | None = None,
) -> BounceEvent:
    return BounceEvent(
        id=event_id(digest, recipient),
        message_digest=digest,
        at=at,
        kind=kind,
        feedback_type=feedback_type,
        recipient=recipient,
        stream=stream,
        action=action,
        bounce_type=reason.bounce_type if reason else None,
        reason=reason,
        status="5.1.1",
        code=550,
        diagnostic=diagnostic,
        rule="common.no-such-user",
        recognizer="rfc3464",
        evidence=Evidence.REPORT,
        sent_message_id=f"{digest}@sender.example",
        mailbox="returns",
        source="returns/INBOX",
    )


def mail(*events: BounceEvent, digest: str | None = None, kind: Kind = Kind.BOUNCE, at: datetime = START,
         source: str = "returns/INBOX") -> MessageRecord:
    """One message with the events given; their digest is its own."""
    name = digest or events[0].message_digest
    received_at = events[0].at if events else at
    content = b"Subject: report\n\n" + name.encode()
    return MessageRecord(name, kind, received_at, source, "returns", len(content), pack(content), events,
                         language=language_of(events, None))


def page(*events: BounceEvent) -> list[MessageRecord]:
    """One message an event."""
    return [mail(event) for event in events]


def decide(event: BounceEvent, history: History) -> Decision:
    """Hard and complaint: suppressed for good. Soft: watched, suppressed for 30 days at the third. Else: noted."""
    if event.kind is Kind.COMPLAINT or event.bounce_type is BounceType.HARD:
        return Decision(Step.SUPPRESS, ByPerson("1 of 1"))
    if event.bounce_type is not BounceType.SOFT or event.kind is not Kind.BOUNCE:
        return Decision(Step.NOTE, ByPerson("never counts"), exclusion=EXCLUDED)
    bounces = len(history.counted) + 1
    if bounces < 3:
        return Decision(Step.WATCH, ByPerson(f"{bounces} of 3"))
    ids = (*(each.event_id for each in history.counted), event.id)
    return Decision(Step.SUPPRESS, ByPerson(f"{bounces} of 3"), until=event.at + timedelta(days=30), events=ids)


@dataclass
class Always:
    """Decides the same whatever comes, and remembers what it was shown."""

    decision: Decision
    shown: list[History] = field(default_factory=list)

    def __call__(self, event: BounceEvent, history: History) -> Decision:
        self.shown.append(history)
        return self.decision


@dataclass
class Platform:
    """Announces to its targets, and remembers what it was told. `now` is when the items are due at first."""

    targets: tuple[str, ...] = ("platform",)
    types: frozenset[NoticeType] = STATES
    now: datetime = START
    told: list[Occurrence] = field(default_factory=list)

    def __call__(self, occurrence: Occurrence) -> Sequence[OutboxItem]:
        self.told.append(occurrence)
        if occurrence.type not in self.types:
            return ()
        return [self._item(occurrence, target) for target in self.targets]

    def _item(self, occurrence: Occurrence, target: str) -> OutboxItem:
        return OutboxItem(
            id=f"msg_{next(_numbers):06d}",
            target=target,
            type=occurrence.type,
            recipient=occurrence.recipient,
            stream=occurrence.stream,
            sequence=occurrence.sequence,
            body='{"data": {}}',
            created_at=self.now,
            next_attempt_at=self.now,
        )


def record(ledger: Ledger, messages: Iterable[MessageRecord], platform: Platform | None = None) -> PageOutcome:
    return ledger.recording.record(list(messages), decide, platform or Platform())


def deliver_all(ledger: Ledger, target: str = "platform", now: datetime = START) -> list[OutboxItem]:
    """Sends what is due until nothing is, in the order in which a sender would."""
    sent: list[OutboxItem] = []
    while items := ledger.outbox.lease(target, now, LEASE, 100):
        for item in items:
            ledger.outbox.conclude([(item, DELIVERED)], now)
        sent += items
    return sent


def retry_at(at: datetime) -> Attempt:
    return Attempt(Disposition.RETRY, "500", next_attempt_at=at)
