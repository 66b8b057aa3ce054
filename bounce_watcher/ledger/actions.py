"""The log of actions: who changed what by hand, when and why. It holds no address: a recipient appears by its name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, insert, select, update

from bounce_watcher.ledger.capability import Capability
from bounce_watcher.ledger.db.engine import write
from bounce_watcher.ledger.db.paging import Page, PagePosition, Walk, looking
from bounce_watcher.ledger.db.query import FilterField, Query, among, between, with_rows
from bounce_watcher.ledger.db.tables import ACTION
from bounce_watcher.ledger.db.types import storable
from bounce_watcher.ledger.naming import forget
from bounce_watcher.ledger.naming.names import Names
from bounce_watcher.model.ledger import Actor

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoggedAction:
    """One row of the log. `action` is a verb ("release"), `subject` is what it was done to, `count` is to how many.

    `number` gives the order in which rows were written.
    """

    at: datetime
    actor: str
    action: str
    subject: str
    count: int = 1
    because: str | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Act:
    """An action by hand that is about to be done. `recipient` is set if it concerns one address, else `subject`."""

    by: Actor
    action: str
    subject: str = ""
    recipient: str | None = None


def enter(connection: Connection, names: Names | None, act: Act, count: int = 1) -> int:
    """Writes the log row of an act in the transaction that does the act. Returns the row's number.

    `names` gives the names of recipients. The row shows a recipient by its encrypted name; if the recipient is
    forgotten, by the name of its hash. No text in the row holds the address of a forgotten recipient.
    """
    subject = forget.unnamed(connection, act.subject)
    if act.recipient is not None:
        assert names is not None, "a recipient stands under its name alone"
        subject = names.name(forget.names(connection, {act.recipient}).get(act.recipient, act.recipient))
    note = act.by.note and forget.unnamed(connection, act.by.note)
    number = connection.execute(insert(ACTION).values(
        at=act.by.at, actor=storable(forget.unnamed(connection, act.by.name)), action=act.action,
        subject=storable(subject), count=count, because=note and storable(note),
    )).inserted_primary_key
    assert number is not None
    return int(number[0])


class LogEntry:
    """The log row of an act that takes several transactions. Each transaction adds its own count to the row, so the
    log shows exactly what was done, even if the act breaks off."""

    def __init__(self, names: Names, act: Act) -> None:
        self._names = names
        self._act = act
        self._number: int | None = None

    def write(self, engine: Engine, work: Callable[[Connection], T], counted: Callable[[T], int | None]) -> T:
        """Runs `work` and logs it in one transaction. `counted` turns its result into the number that is added to the
        log; None means that nothing was changed."""
        def both(connection: Connection) -> tuple[T, int | None]:
            outcome = work(connection)
            more = counted(outcome)
            if more is not None and self._number is None:
                return outcome, enter(connection, self._names, self._act, more)
            if more is not None:
                here = update(ACTION).where(ACTION.c.number == self._number)
                connection.execute(here.values(count=ACTION.c.count + more))
            return outcome, self._number

        outcome, self._number = write(engine, both)
        return outcome


class Acting(Capability):
    """A part of the ledger that makes changes at a person's request."""

    @cached_property
    def _names(self) -> Names:
        return Names(self._engine)

    def _act(self, act: Act, work: Callable[[Connection], T], counted: Callable[[T], int | None]) -> T:
        """Does an act by hand and writes its log row, in one transaction. `counted` is as in `LogEntry.write`."""
        return LogEntry(self._names, act).write(self._engine, work, counted)


class ActionLog(Acting):
    """Reads the log of what people did, and adds rows for actions that change nothing else in the ledger."""

    def enter(self, act: Act, count: int = 1) -> None:
        """Logs an action that changes nothing else in the ledger: a test of a target."""
        self._act(act, lambda _: None, lambda _: count)

    def on(self, subject: str, limit: int = 50) -> Sequence[LoggedAction]:
        """Returns what people did to one subject, newest first."""
        return list(map(_logged, self._rows(_NEWEST.where(ACTION.c.subject == storable(subject)).limit(limit))))

    def newest(self, before: int | None = None, limit: int = 50) -> Sequence[LoggedAction]:
        """Returns what people did, newest first. With `before`, only rows with a smaller number."""
        chosen = _NEWEST if before is None else _NEWEST.where(ACTION.c.number < before)
        return list(map(_logged, self._rows(chosen.limit(limit))))

    def page(self, wanted: Query, place: PagePosition) -> Page[LoggedAction]:
        """Returns one page of what people did, newest first."""
        with looking(self._engine) as (connection, limit):
            found = _walk(wanted).page(connection, limit, place)
        return with_rows(found, map(_logged, found.rows))

    def all(self, wanted: Query) -> Iterator[LoggedAction]:
        """Yields everything that matches, newest first."""
        return map(_logged, _walk(wanted).all(self._engine))


_ROWS = select(
    ACTION.c.number, ACTION.c.at, ACTION.c.actor, ACTION.c.action, ACTION.c.subject, ACTION.c.count, ACTION.c.because
)
_NEWEST = _ROWS.order_by(ACTION.c.number.desc())
_COLUMNS: Mapping[FilterField, ColumnElement[Any]] = {
    FilterField.ACTOR: ACTION.c.actor, FilterField.ACTION: ACTION.c.action
}


def _walk(wanted: Query) -> Walk:
    also = [among(_COLUMNS[by], choice) for by, choice in wanted.choices.items()]
    return Walk(_ROWS, (ACTION.c.number,), (), (*also, *between(ACTION.c.at, wanted)))


def _logged(row: Any) -> LoggedAction:
    number, at, actor, action, subject, count, because = row
    return LoggedAction(at, actor, action, subject, count, because, number)
