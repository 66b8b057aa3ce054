"""The log of actions: who changed what by hand, when and why. Never an address: a recipient stands under its name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, insert, select, update

from bounce_watcher.ledger.db.engine import reading, write
from bounce_watcher.ledger.db.tables import ACTION
from bounce_watcher.ledger.db.types import storable
from bounce_watcher.ledger.privacy import forget
from bounce_watcher.ledger.privacy.names import Names
from bounce_watcher.model.ledger import Actor

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoggedAction:
    """`action` is a verb ("release"), `subject` what it was done to, `count` to how many.

    `number` is the order of writing.
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
    """What somebody does by hand, before it is done. `recipient` where it is done to one address, else `subject`."""

    by: Actor
    action: str
    subject: str = ""
    recipient: str | None = None


def enter(connection: Connection, names: Names | None, act: Act, count: int = 1) -> int:
    """Writes the row of an act in the transaction that does it. Returns its number. `names` are those of recipients.

    A recipient stands under its encrypted name, under that of the hash where it was forgotten. No text of it holds the
    address of anybody who was forgotten.
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
    """The row of an act that takes several transactions: each counts there what it does, so the log tells no less and
    no more than was done, also where the act breaks off."""

    def __init__(self, names: Names, act: Act) -> None:
        self._names = names
        self._act = act
        self._number: int | None = None

    def write(self, engine: Engine, work: Callable[[Connection], T], counted: Callable[[T], int | None]) -> T:
        """`counted` says how much of what the log counts `work` came to; None where nothing was changed."""
        def both(connection: Connection) -> tuple[T, int | None]:
            outcome = work(connection)
            more = counted(outcome)
            return outcome, self._number if more is None else self._count(connection, more)

        outcome, self._number = write(engine, both)
        return outcome

    def _count(self, connection: Connection, more: int) -> int:
        if self._number is None:
            return enter(connection, self._names, self._act, more)
        here = update(ACTION).where(ACTION.c.number == self._number)
        connection.execute(here.values(count=ACTION.c.count + more))
        return self._number


def page(engine: Engine, before: int | None, limit: int) -> Sequence[LoggedAction]:
    """The newest first; `before` is the number behind which to go on."""
    chosen = select(ACTION).order_by(ACTION.c.number.desc()).limit(limit)
    if before is not None:
        chosen = chosen.where(ACTION.c.number < before)
    return _read(engine, chosen)


def on(engine: Engine, subject: str, limit: int) -> Sequence[LoggedAction]:
    """What was done to one subject, the newest first."""
    chosen = select(ACTION).where(ACTION.c.subject == storable(subject)).order_by(ACTION.c.number.desc()).limit(limit)
    return _read(engine, chosen)


def _read(engine: Engine, chosen: Select[Any]) -> Sequence[LoggedAction]:
    with reading(engine) as connection:
        return [
            LoggedAction(at, actor, action, subject, count, because, number)
            for number, at, actor, action, subject, count, because in connection.execute(chosen)
        ]
