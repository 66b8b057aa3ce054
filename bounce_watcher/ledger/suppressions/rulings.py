"""A person's decision on many recipients at once: all that an incident holds, or all that a list shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from bounce_watcher.ledger.db.statements import RecipientKey
from bounce_watcher.ledger.recording import alerts, flood, guard
from bounce_watcher.ledger.recording.batch import RecipientBatch
from bounce_watcher.model.address import is_forgotten
from bounce_watcher.model.grounds import Grounds
from bounce_watcher.model.ledger import Actor, AlertKind, Announce, ChangedBy, RecipientRecord, State, Suppression
from bounce_watcher.policy.rulings import Ruling, SkipReason, ruled, why_not_confirmed, why_skipped
from bounce_watcher.policy.settings import PolicySettings


@dataclass(frozen=True, slots=True)
class Ruled:
    """What happens to one recipient in a stream: its state before (`was`) and after (`state`), and why.

    `left` says why the recipient is skipped; None if it is not.
    """

    recipient: str
    stream: str
    reason: str | None
    was: State
    state: State
    grounds: Grounds | None
    left: SkipReason | None = None


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """What a person wants, and who is notified. `included` are reasons for which recipients are otherwise skipped.

    `subject` is the subject in the log. `step` is called before each batch: an exception from it ends the decision
    there.
    """

    by: Actor
    subject: str
    announce: Announce
    policy: PolicySettings
    included: frozenset[SkipReason] = frozenset()
    step: Callable[[], None] | None = None


def rule(
    batch: Sequence[RecipientKey], connection: Connection, alert: str, ruling: Ruling, wanted: BulkRequest
) -> list[Ruled]:
    """Releases or puts in force those of `batch` that the alert still holds."""
    alerts.lock(connection)  # before the locks on recipients, as with any page
    books = _opened(connection, batch, wanted)
    outcomes: list[Ruled] = []
    true: list[Suppression] = []
    for key, holding in guard.holders(connection, batch).items():
        before = books.records[key]
        if before.state is not State.PENDING or all(each.alert != alert for each in holding):
            continue
        left = why_not_confirmed(before, wanted.policy) if ruling is Ruling.CONFIRM else None
        if left is None:
            books.enter(key, ruled(before, ruling, wanted.by.at, wanted.by.note or ""))
            if ruling is Ruling.CONFIRM and before.suppression and holding[0].kind is AlertKind.FLOOD:
                true.append(before.suppression)
        outcomes.append(_ruled(before, books.records[key], left))
    books.close()
    flood.confirmed(connection, true)
    return outcomes


def release_all(batch: Sequence[RecipientKey], connection: Connection, wanted: BulkRequest) -> list[Ruled]:
    """Releases those of `batch` that are still suppressed, in force or held."""
    alerts.lock(connection)
    books = _opened(connection, batch, wanted)
    outcomes: list[Ruled] = []
    for key in batch:
        before = books.records[key]
        if before.suppression is None:  # somebody else was faster
            continue
        left = why_skipped(before, is_forgotten(before.recipient), wanted.policy, wanted.included)
        if left is None:
            books.enter(key, ruled(before, Ruling.RELEASE, wanted.by.at, wanted.by.note or ""))
        outcomes.append(_ruled(before, books.records[key], left))
    books.close()
    return outcomes


def _opened(connection: Connection, batch: Sequence[RecipientKey], wanted: BulkRequest) -> RecipientBatch:
    return RecipientBatch(connection, {key: key.address for key in batch}, wanted.announce, ChangedBy.PERSON)


def _ruled(before: RecipientRecord, after: RecipientRecord, left: SkipReason | None) -> Ruled:
    standing = before.suppression
    return Ruled(
        before.recipient, before.stream, standing.reason if standing else None, before.state, after.state,
        after.grounds, left,
    )
