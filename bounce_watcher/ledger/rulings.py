"""Decided by a person on many at once: all that an incident holds back, or all that a list shows.

One decision, carried out batch after batch. What was decided before is not found again, so one that broke off is simply
begun anew, and twice comes to the same as once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial

from sqlalchemy import Connection, Engine, select

from bounce_watcher.ledger import alerts, apply, guard
from bounce_watcher.ledger.apply import Change
from bounce_watcher.ledger.books import Announce, Books
from bounce_watcher.ledger.engine import reading, rehearse, write
from bounce_watcher.ledger.statements import Key
from bounce_watcher.ledger.tables import HELD
from bounce_watcher.ledger.types import storable
from bounce_watcher.model.ledger import By, RecipientRecord, State, SuppressionSource

_BATCH = 500
"""Recipients decided on in one transaction, so that nobody waits long for the lock."""

CONFIRMED = "confirmed by hand: "


class Ruling(StrEnum):
    """What a person decides on those whom an incident holds."""

    RELEASE = "release"
    CONFIRM = "confirm"


class Left(StrEnum):
    """Why one of many is left as it is."""

    COMPLAINT = "complaint"
    BY_HAND = "by hand"      # a person suppressed it
    PROTECTED = "protected"  # who protects it is to be asked
    FORGOTTEN = "forgotten"  # no target knows it by its hash, so none could be told


@dataclass(frozen=True, slots=True)
class Ruled:
    """What becomes of one recipient in a stream: where it stood before, where it stands afterwards, and why.

    `left` tells why nothing becomes of it, None where something does.
    """

    recipient: str
    stream: str
    reason: str | None
    was: State
    state: State
    because: str | None
    left: Left | None = None


def rule(
    engine: Engine, alert: str, ruling: Ruling, announce: Announce, because: str, now: datetime, *, dry_run: bool
) -> Iterator[Ruled]:
    """Releases, or puts in force, all that the alert of that id holds now, whatever else holds it too.

    What is put in force so is a person's decision: neither the guard nor an undo takes it back.
    """
    run = rehearse if dry_run else write
    with reading(engine) as connection:
        chosen = select(HELD.c.stream, HELD.c.recipient_key).where(HELD.c.alert == storable(alert))
        keys = sorted(Key(*row) for row in connection.execute(chosen))
    for start in range(0, len(keys), _BATCH):
        yield from run(engine, partial(
            _rule, batch=keys[start : start + _BATCH], alert=alert, ruling=ruling, announce=announce, because=because,
            now=now,
        ))


def _rule(
    connection: Connection, batch: Sequence[Key], alert: str, ruling: Ruling, announce: Announce, because: str,
    now: datetime,
) -> list[Ruled]:
    alerts.lock(connection)  # before the locks on recipients, as with any page
    books = Books(connection, {key: key.address for key in batch}, announce, By.PERSON)
    results, outcomes = guard.Results(connection), list[Ruled]()
    for key, holding in guard.holders(connection, batch).items():
        before = books.records[key]
        if before.state is not State.PENDING or all(each.alert != alert for each in holding):
            continue
        books.enter(key, _RULINGS[ruling](before, now, because))
        results.note(key, holding, confirmed=ruling is Ruling.CONFIRM)
        outcomes.append(_ruled(before, books.records[key]))
    books.close()
    results.close()
    return outcomes


def _confirm(record: RecipientRecord, now: datetime, because: str) -> Change:
    pending = record.suppression
    if pending is None:
        return Change(record)
    by_hand = replace(record, suppression=replace(pending, source=SuppressionSource.MANUAL))
    return apply.confirm(by_hand, now, f"{CONFIRMED}{because}")


_RULINGS: Mapping[Ruling, Callable[[RecipientRecord, datetime, str], Change]] = {
    Ruling.RELEASE: apply.release, Ruling.CONFIRM: _confirm,
}


def _ruled(before: RecipientRecord, after: RecipientRecord) -> Ruled:
    standing = before.suppression
    return Ruled(
        before.recipient, before.stream, standing.reason if standing else None, before.state, after.state, after.because
    )
