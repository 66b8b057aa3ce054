"""Events of one recipient and a ledger in miniature that replays them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import (
    BounceEvent,
    CountedBounce,
    Decision,
    History,
    RecipientRecord,
    State,
    Step,
    Suppression,
    SuppressionSource,
)
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.settings import PolicySettings

RECIPIENT = "user@example.org"
_ids = count(1)


def march(day: int, hour: int = 12) -> datetime:
    """March 2026 in UTC; days above 31 run on into April and further."""
    return datetime(2026, 3, 1, hour, tzinfo=UTC) + timedelta(days=day - 1)


def failure(reason: Reason, at: datetime, **changes: object) -> BounceEvent:
    plain = BounceEvent(
        id=f"event-{next(_ids)}", message_digest="d", at=at, kind=Kind.BOUNCE, recipient=RECIPIENT, stream="news",
        action=Action.FAILED, bounce_type=reason.bounce_type, reason=reason, evidence=Evidence.REPORT,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields by name, checked by the dataclass


def complaint(at: datetime, feedback_type: str | None = "abuse", **changes: object) -> BounceEvent:
    plain = BounceEvent(
        id=f"event-{next(_ids)}", message_digest="d", at=at, kind=Kind.COMPLAINT, recipient=RECIPIENT, stream="news",
        evidence=Evidence.REPORT, feedback_type=feedback_type,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields by name, checked by the dataclass


def counted(event: BounceEvent) -> CountedBounce:
    return CountedBounce.of(event)


def history(
    *earlier: BounceEvent, suppression: Suppression | None = None, released_at: datetime | None = None
) -> History:
    record = RecipientRecord(RECIPIENT, "news", suppression=suppression, released_at=released_at)
    return History(record, tuple(counted(event) for event in earlier))


def suppression(since: datetime, until: datetime | None, state: State = State.SUPPRESSED) -> Suppression:
    return Suppression(
        RECIPIENT, "news", state, "mailbox_full", since, ByPerson("3 of 3"), SuppressionSource.POLICY, until=until
    )


def replay(events: Iterable[BounceEvent], settings: PolicySettings) -> tuple[RecipientRecord, list[Decision]]:
    """What stands after all `events`, and the decision on each."""
    past = history()
    decisions = []
    for event in events:
        decision = decide(event, past, settings)
        decisions.append(decision)
        past = _after(past, event, decision)
    return past.record, decisions


def _after(past: History, event: BounceEvent, decision: Decision) -> History:
    record = past.record
    if decision.step is Step.SUPPRESS:
        since = record.suppression.since if record.suppression else event.at
        record = replace(record, state=State.SUPPRESSED, suppression=suppression(since, decision.until))
    elif decision.step is Step.WATCH:
        record = replace(record, state=State.WATCHING)
    added = (counted(event),) if decision.exclusion is None else ()
    return History(record, past.counted + added)
