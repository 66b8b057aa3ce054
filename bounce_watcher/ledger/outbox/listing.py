"""The outbox for people: by many filters, newest first; and what failed, by the answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Select, func, literal_column, select

from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.paging import Condition, Page, PagePosition, Walk, looking
from bounce_watcher.ledger.db.query import MOST_COUNTED, FilterField, Query, among, between, with_rows
from bounce_watcher.ledger.db.statements import chunks
from bounce_watcher.ledger.db.tables import ATTEMPT, ENDPOINT, OUTBOX, item_from_row
from bounce_watcher.ledger.db.types import recipient_key, storable
from bounce_watcher.ledger.naming.forget import known_as
from bounce_watcher.ledger.outbox import tries
from bounce_watcher.ledger.outbox.queue import Pause, paused
from bounce_watcher.ledger.outbox.superseding import IS_OUTDATED
from bounce_watcher.ledger.outbox.tries import Throughput
from bounce_watcher.ledger.recording.batch import STATES_TOLD
from bounce_watcher.model.ledger import Disposition, OutboxItem, OutboxState, Tried

_ORDER = (OUTBOX.c.number,)
_ROWS = select(*_ORDER, *(column for column in OUTBOX.columns if column.name != "number"))
_COLUMNS = {FilterField.STATE: OUTBOX.c.state, FilterField.TARGET: OUTBOX.c.target, FilterField.TYPE: OUTBOX.c.type,
            FilterField.STREAM: OUTBOX.c.stream}
_IS_DEAD = OUTBOX.c.state == literal_column("'dead'")
_IS_FAILING = OUTBOX.c.state == literal_column("'due'")


@dataclass(frozen=True, slots=True)
class Failure:
    """Items for a target that got the same answer. `first_at` and `last_at` are when what they report happened."""

    target: str
    state: OutboxState
    answer: str
    number: int
    first_at: datetime
    last_at: datetime
    next_at: datetime


@dataclass(frozen=True, slots=True)
class Failures:
    """Failures among the first `MOST_COUNTED` items of each state. `more` means that there are others."""

    found: tuple[Failure, ...]
    more: bool


class Deliveries:
    """Lists of items. Only reads. What takes too long raises TookTooLong."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def page(self, wanted: Query, place: PagePosition) -> Page[OutboxItem]:
        """Returns a page of items, the last written first."""
        with looking(self._engine) as (connection, limit):
            found = _walk(wanted, self._engine).page(connection, limit, place)
        return with_rows(found, map(item_from_row, found.rows))

    def all(self, wanted: Query) -> Iterator[OutboxItem]:
        """Yields all matching items, the last written first."""
        return map(item_from_row, _walk(wanted, self._engine).all(self._engine))

    def failures(self) -> Failures:
        """Returns dead letters, and items that wait for another try, by target and answer."""
        found: list[Failure] = []
        more = False
        with looking(self._engine) as (connection, _):
            for state in (_IS_DEAD, _IS_FAILING):
                rows = connection.execute(_by_answer(state)).all()
                more = more or sum(row.number for row in rows) > MOST_COUNTED
                found.extend(
                    Failure(row.target, OutboxState(row.state), row.last_answer or "", row.number, row.first_at,
                            row.last_at, row.next_at)
                    for row in rows if row.tried
                )
        return Failures(tuple(found), more)

    def dead(self, target: str) -> list[OutboxItem]:
        """Returns the dead letters of a target, the first `MOST_COUNTED` that were written."""
        chosen = _ROWS.where(_IS_DEAD, OUTBOX.c.target == storable(target)).order_by(OUTBOX.c.number)
        with looking(self._engine) as (connection, _):
            return [item_from_row(row) for row in connection.execute(chosen.limit(MOST_COUNTED))]

    def replaced(self, ids: Sequence[str]) -> set[str]:
        """Returns which of these ids no retry sends, as a newer state of the recipient is due or was delivered."""
        with looking(self._engine) as (connection, _):
            return {
                name for part in chunks(ids)
                for name in connection.scalars(select(OUTBOX.c.id).where(OUTBOX.c.id.in_(part), IS_OUTDATED))
            }

    def tries(self, item_id: str) -> list[Tried]:
        """Returns the stored tries of one item, the last one first."""
        number = select(OUTBOX.c.number).where(OUTBOX.c.id == storable(item_id)).scalar_subquery()
        chosen = select(ATTEMPT).where(ATTEMPT.c.delivery == number).order_by(ATTEMPT.c.number.desc())
        with reading(self._engine) as connection:
            return [
                Tried(row.number, row.at, None if row.took is None else row.took * tries.MS,
                      Disposition(row.disposition), row.answer, row.next_at)
                for row in connection.execute(chosen)
            ]

    def throughput(self, now: datetime) -> dict[str, Throughput]:
        """Returns how much each target took, and how quickly, in the last 24 hours, the current one included."""
        return tries.throughput(self._engine, now)

    def replaced_by(self, item: OutboxItem) -> str | None:
        """Returns the id of the item with a newer state of the recipient for the same target; None if there is none."""
        if item.recipient is None or item.type not in STATES_TOLD:
            return None
        number = select(OUTBOX.c.number).where(OUTBOX.c.id == item.id).scalar_subquery()
        key = recipient_key(known_as(self._engine, item.recipient))
        chosen = select(OUTBOX.c.id).where(
            OUTBOX.c.recipient_key == key, OUTBOX.c.target == storable(item.target),
            OUTBOX.c.state.in_(list(OutboxState)), OUTBOX.c.type.in_(STATES_TOLD), OUTBOX.c.number + 0 > number,
        ).order_by(OUTBOX.c.number + 0).limit(1)  # "+ 0": otherwise SQLite reads all later rows
        with reading(self._engine) as connection:
            found: str | None = connection.scalar(chosen)
        return found

    def paused(self, ids: Sequence[str], target: str | None) -> dict[str, Pause]:
        """Returns the paused targets: of `target` if given, else of the targets of `ids`, else all."""
        with reading(self._engine) as connection:
            found = paused(connection)
            if target is None and (not ids or not found):
                return found
            asked = {target} if target is not None else {
                name for part in chunks(ids)
                for name in connection.scalars(select(OUTBOX.c.target).where(OUTBOX.c.id.in_(part)).distinct())
            }
        return {name: pause for name, pause in found.items() if name in asked}

    def disabled(self) -> dict[str, tuple[datetime, str]]:
        """Returns the disabled targets: since when, and what they answered."""
        chosen = select(ENDPOINT.c.target, ENDPOINT.c.disabled_at, ENDPOINT.c.disabled_because).where(
            ENDPOINT.c.disabled_at.is_not(None)
        )
        with reading(self._engine) as connection:
            return {target: (at, because or "") for target, at, because in connection.execute(chosen)}


def _by_answer(state: Condition) -> Select[Any]:
    few = select(
        OUTBOX.c.target, OUTBOX.c.state, OUTBOX.c.last_answer, OUTBOX.c.created_at, OUTBOX.c.next_attempt_at,
        (OUTBOX.c.attempts > 0).label("tried"),
    ).where(state).limit(MOST_COUNTED + 1).subquery()
    keys = (few.c.target, few.c.state, few.c.last_answer, few.c.tried)
    return select(
        *keys, func.count().label("number"), func.min(few.c.created_at).label("first_at"),
        func.max(few.c.created_at).label("last_at"), func.min(few.c.next_attempt_at).label("next_at"),
    ).group_by(*keys)


def _walk(wanted: Query, engine: Engine) -> Walk:
    choices = dict(wanted.choices)
    through: list[Condition] = []
    if wanted.recipient is not None:
        through.append(OUTBOX.c.recipient_key == recipient_key(known_as(engine, wanted.recipient)))
    elif (state := wanted.only(FilterField.STATE)) and not choices[FilterField.STATE].none_of:
        through.append(OUTBOX.c.state == state)
        del choices[FilterField.STATE]
    also = [among(_COLUMNS[by], choice) for by, choice in choices.items()]
    return Walk(_ROWS, _ORDER, tuple(through), (*also, *between(OUTBOX.c.created_at, wanted)))
