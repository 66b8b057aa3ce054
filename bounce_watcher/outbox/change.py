"""The change that a platform is asked to make for one address, as named values too, and its outcome. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.model.ledger import COMPLAINT_REASON, NoticeType, OutboxItem, Scope

MARK = "bounce_watcher: "


@dataclass(frozen=True, slots=True)
class Change:
    """One recipient to suppress (`suppress`) or to mail again, with everything that the webhook says about it.

    `id` is the outbox item's. `at` (aware) is the time of the decision. `until` (aware too) is when a suppression ends,
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

    @property
    def mark(self) -> str:
        """A remark for the entry on a platform's list. Its start, `MARK`, distinguishes our entries from others."""
        return MARK + (self.reason or self.bounce_type or "suppressed")


def change_of(item: OutboxItem) -> Change:
    """Returns the change that a `recipient.suppressed` or `recipient.released` item asks for."""
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

    DONE = "done"        # also if the platform was in that state already
    REFUSED = "refused"  # for good: a person has to look
    LATER = "later"
    SPLIT = "split"      # the call was refused because of something in it: it is sent again in smaller calls


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one change. `answer` is one line without secrets or addresses.

    `wait` is how long the platform asks us to wait. `whole` says that the platform failed as a whole (down, wrong key,
    too many calls), so there is no point in trying other changes now; it goes with LATER only. For a check, `status`
    and `failure` are those of the last reply.
    """

    fate: Fate
    answer: str
    wait: timedelta | None = None
    whole: bool = False
    status: int | None = field(default=None, compare=False)
    failure: BounceWatcherError | None = field(default=None, compare=False)


# ── for an operator's own statements, programs and templates ─────────────────────────────────────────────────────────

Column = str | int | datetime | None

COLUMNS = (
    "id", "at", "action", "recipient", "stream", "scope", "bounce_type", "reason", "status", "diagnostic", "because",
    "until", "sequence",
)
"""The names of the values, in the order of files. `action` is "suppress" or "release"; for the others see `Change`."""


def columns_of(change: Change) -> Mapping[str, Column]:
    """Returns the values by name, in the order of COLUMNS; `at` and `until` are aware, in UTC.

    Replaces NUL and lone surrogates in free text: no database and no UTF-8 can hold them.
    """
    others: dict[str, Column] = {
        "at": change.at.astimezone(UTC),
        "action": "suppress" if change.suppress else "release",
        "scope": change.scope.value,
        "diagnostic": _clean(change.diagnostic) if change.diagnostic else change.diagnostic,
        "because": _clean(change.because),
        "until": change.until.astimezone(UTC) if change.until else None,
    }
    return {name: others[name] if name in others else getattr(change, name) for name in COLUMNS}


def spelled(change: Change) -> Mapping[str, str | int | None]:
    """Returns the same as `columns_of`, with times as text: "2026-11-26T08:30:00Z" (RFC 3339), whole seconds."""
    return {
        name: value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value
        for name, value in columns_of(change).items()
    }


def _clean(text: str) -> str:
    return text.replace("\0", "�").encode("utf-8", "replace").decode()
