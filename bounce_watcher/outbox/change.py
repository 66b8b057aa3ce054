"""What a platform is asked to do for one address, and what came of it. Pure."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.model.ledger import COMPLAINT_REASON, NoticeType, OutboxItem, Scope


@dataclass(frozen=True, slots=True)
class Change:
    """One recipient to be stopped (`suppress`) or to be mailed again, with all that the webhook says of it.

    `id` is the outbox item's. `at` (aware) is when it was decided, `until` (aware too) when a suppression ends,
    None = for good.
    """

    id: str
    recipient: str
    stream: str
    suppress: bool
    at: datetime
    sequence: int = 0
    bounce_type: str | None = None
    reason: str | None = None
    status: str | None = None
    diagnostic: str | None = None
    because: str = ""
    until: datetime | None = None
    scope: Scope = Scope.STREAM

    @property
    def is_complaint(self) -> bool:
        return self.reason == COMPLAINT_REASON


def change_of(item: OutboxItem) -> Change:
    """The change that a `recipient.suppressed` or `recipient.released` asks for."""
    document = json.loads(item.body)
    data = document["data"]
    return Change(
        id=item.id,
        recipient=item.recipient or "",
        stream=item.stream or "",
        suppress=item.type is NoticeType.SUPPRESSED,
        at=datetime.fromisoformat(document["timestamp"]),
        sequence=item.sequence,
        bounce_type=data.get("bounce_type"),
        reason=data.get("reason"),
        status=data.get("status"),
        diagnostic=data.get("diagnostic"),
        because=data.get("because") or "",
        until=datetime.fromisoformat(data["until"]) if data.get("until") else None,
        scope=Scope(data.get("scope") or Scope.STREAM),
    )


class Fate(StrEnum):
    """What a platform did with one change."""

    DONE = "done"        # also: it was so already
    REFUSED = "refused"  # for good: a person has to look
    LATER = "later"
    SPLIT = "split"      # the call was refused for something in it: to be sent again in smaller ones


@dataclass(frozen=True, slots=True)
class Outcome:
    """`answer` is one line without secrets or addresses. `wait` is how long the platform asks to be left alone.

    `whole`: it failed as a whole (down, wrong key, too many calls), so others need not be tried now. LATER only.
    Of a check, `status` and `failure` are those of the last reply.
    """

    fate: Fate
    answer: str
    wait: timedelta | None = None
    whole: bool = False
    status: int | None = field(default=None, compare=False)
    failure: BounceWatcherError | None = field(default=None, compare=False)
