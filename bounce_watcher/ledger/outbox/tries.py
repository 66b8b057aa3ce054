"""The tries of items: the last ones of each, with the answers, and the number of tries by the hour.

Tries are deleted with the content of their item: an answer is as personal as what was sent.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, delete, func, select

from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.statements import Conflict, Insertion, chunks, columns_of
from bounce_watcher.ledger.db.tables import ATTEMPT, TRY_COUNT
from bounce_watcher.ledger.recording.report_counts import HOUR, slot_of
from bounce_watcher.model.ledger import Attempt, Disposition

MOST_KEPT = 20
"""How many tries of one item are kept: the last ones."""

LONGEST = 300
"""How many characters of an answer are kept."""

MS = timedelta(milliseconds=1)
_UNKNOWN = -1
_ADD = Insertion(ATTEMPT, columns_of(ATTEMPT))
_COUNT = Insertion(TRY_COUNT, columns_of(TRY_COUNT), Conflict.ADD)


@dataclass(frozen=True, slots=True)
class Made:
    """A concluded try. `delivery` is the number of the item's row, `number` counts the tries of that item."""

    delivery: int
    number: int
    target: str
    attempt: Attempt


def keep(connection: Connection, made: Sequence[Made], now: datetime) -> None:
    """Stores tries and counts them, in the caller's transaction: two statements, however many tries there are. Deletes
    those beyond `MOST_KEPT`."""
    _ADD.execute(connection, sorted(
        (each.delivery, each.number, now, _ms(each.attempt.took), each.attempt.disposition.value,
         each.attempt.answer[:LONGEST], each.attempt.next_attempt_at)
        for each in made
    ))
    slot = slot_of(now, HOUR)
    counts = Counter((slot, each.target, each.attempt.disposition.value, step_of(each.attempt.took)) for each in made)
    _COUNT.execute(connection, sorted((*place, number) for place, number in counts.items()))
    for each in made:
        if each.number > MOST_KEPT:
            old = ATTEMPT.c.delivery == each.delivery, ATTEMPT.c.number <= each.number - MOST_KEPT
            connection.execute(delete(ATTEMPT).where(*old))


def drop(connection: Connection, deliveries: Sequence[int]) -> None:
    """Deletes all tries of these items, given by number."""
    for part in chunks(deliveries):
        connection.execute(delete(ATTEMPT).where(ATTEMPT.c.delivery.in_(part)))


# ── counted ─────────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Throughput:
    """How many items a target took and did not take recently. `median` and `slow` (95 %) are how long the successful
    tries took.

    They are accurate to a fifth, and None if nothing was taken.
    """

    delivered: int = 0
    failed: int = 0
    median: timedelta | None = None
    slow: timedelta | None = None


def throughput(engine: Engine, now: datetime) -> dict[str, Throughput]:
    """Returns the throughput by target of the last 24 hours, the current one included."""
    columns = TRY_COUNT.c.target, TRY_COUNT.c.disposition, TRY_COUNT.c.step
    first = slot_of(now, HOUR) - 24 + 1
    chosen = select(*columns, func.sum(TRY_COUNT.c.number)).where(TRY_COUNT.c.slot >= first).group_by(*columns)
    taken: dict[str, Counter[int]] = {}
    failed: Counter[str] = Counter()
    with reading(engine) as connection:
        for target, disposition, step, number in connection.execute(chosen):
            steps = taken.setdefault(target, Counter())
            if disposition == Disposition.DELIVERED:
                steps[step] += int(number)
            elif disposition != Disposition.AGAIN:
                failed[target] += int(number)
    return {
        target: Throughput(steps.total(), failed[target], _share(steps, 0.5), _share(steps, 0.95))
        for target, steps in taken.items()
    }


def _share(steps: Mapping[int, int], share: float) -> timedelta | None:
    """Returns how long the given share of the successful tries took at most; None if no duration is known."""
    known = sorted((step, number) for step, number in steps.items() if step != _UNKNOWN)
    needed = share * sum(number for _, number in known)
    so_far = 0
    for step, number in known:
        so_far += number
        if so_far >= needed:
            return round(2 ** ((step + 0.5) / 2)) * MS  # the middle of the step
    return None


def step_of(took: timedelta | None) -> int:
    """Returns the step of a duration. There are two steps to each doubling, and all durations within one are counted
    as one. -1 if the duration is unknown."""
    ms = _ms(took)
    return _UNKNOWN if ms is None else int(2 * math.log2(max(ms, 1)))


def _ms(took: timedelta | None) -> int | None:
    return None if took is None else max(0, round(took / MS))


def forget(connection: Connection, before: datetime) -> int:
    """Deletes the counts of hours before `before`. Returns how many."""
    return connection.execute(delete(TRY_COUNT).where(TRY_COUNT.c.slot < slot_of(before, HOUR))).rowcount
