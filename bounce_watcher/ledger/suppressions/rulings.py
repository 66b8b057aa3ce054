"""A person's decision on many recipients at once: all that an incident holds, or all that a list shows.

One decision is carried out batch by batch. What is already decided is not found again, so a decision that broke off is
simply started again, and doing it twice has the same result as once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection, Engine, select

from bounce_watcher.ledger.actions import Act, LogEntry
from bounce_watcher.ledger.db.engine import reading, rehearse
from bounce_watcher.ledger.db.query import Choice, FilterField, Query
from bounce_watcher.ledger.db.statements import RecipientKey, key_of
from bounce_watcher.ledger.db.tables import HELD
from bounce_watcher.ledger.db.types import storable
from bounce_watcher.ledger.lists.browse import all_recipients
from bounce_watcher.ledger.naming.names import Names
from bounce_watcher.ledger.recording import alerts, flood, guard
from bounce_watcher.ledger.recording.batch import RecipientBatch
from bounce_watcher.model.address import is_forgotten
from bounce_watcher.model.grounds import Grounds
from bounce_watcher.model.ledger import (
    Actor,
    AlertKind,
    Announce,
    ChangedBy,
    RecipientRecord,
    State,
    Suppression,
)
from bounce_watcher.policy.rulings import Ruling, SkipReason, ruled, why_not_confirmed, why_skipped
from bounce_watcher.policy.settings import PolicySettings

_BATCH = 500
"""How many recipients one transaction decides on, so that nobody waits long for the lock."""

_NO_STATE = "none"


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
    engine: Engine, names: Names, alert: str, ruling: Ruling, wanted: BulkRequest, *, dry_run: bool
) -> Iterator[Ruled]:
    """Releases or puts in force everything that the alert with that id holds now, whatever else holds it too.

    A suppression that is put in force this way is a person's decision: neither the guard nor an undo takes it back.
    Protected recipients are never put in force.
    """
    with reading(engine) as connection:
        chosen = select(HELD.c.stream, HELD.c.recipient_key).where(HELD.c.alert == storable(alert))
        keys = sorted(RecipientKey(*row) for row in connection.execute(chosen))
    work = partial(_rule, alert=alert, ruling=ruling, wanted=wanted)
    row = None if dry_run else LogEntry(names, Act(wanted.by, ruling.value, wanted.subject))
    yield from _in_batches(engine, keys, work, wanted.step, row)


def release_all(
    engine: Engine, names: Names, shown: Query, wanted: BulkRequest, *, dry_run: bool
) -> Iterator[Ruled]:
    """Releases all suppressions that a list of recipients shows under a filter, including held ones.

    Skips recipients who complained, whom a person suppressed, or who are protected, unless `included`.
    """
    found = all_recipients(engine, _standing(shown), wanted.by.at)
    keys = sorted(key_of(each.recipient, each.stream) for each in found)
    row = None if dry_run else LogEntry(names, Act(wanted.by, "release", wanted.subject))
    yield from _in_batches(engine, keys, partial(_release_all, wanted=wanted), wanted.step, row)


def _standing(shown: Query) -> Query:
    """Narrows the filter of a list to recipients with a suppression, in force or held."""
    asked = shown.choices.get(FilterField.STATE, Choice())
    states = tuple(
        state for state in (State.SUPPRESSED.value, State.PENDING.value)
        if (not asked.any_of or state in asked.any_of) and state not in asked.none_of
    )
    return replace(shown, choices={**shown.choices, FilterField.STATE: Choice(states or (_NO_STATE,))})


def _in_batches(
    engine: Engine, keys: Sequence[RecipientKey], work: Callable[[Sequence[RecipientKey], Connection], list[Ruled]],
    step: Callable[[], None] | None, row: LogEntry | None,
) -> Iterator[Ruled]:
    """Does the work batch by batch. Without a `row` in the log it is a rehearsal."""
    for start in range(0, len(keys), _BATCH):
        if step is not None:
            step()
        batch = partial(work, keys[start : start + _BATCH])
        yield from rehearse(engine, batch) if row is None else row.write(engine, batch, _changed)


def _changed(outcomes: Sequence[Ruled]) -> int | None:
    return sum(each.left is None for each in outcomes) or None


def _rule(
    batch: Sequence[RecipientKey], connection: Connection, alert: str, ruling: Ruling, wanted: BulkRequest
) -> list[Ruled]:
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


def _release_all(batch: Sequence[RecipientKey], connection: Connection, wanted: BulkRequest) -> list[Ruled]:
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
