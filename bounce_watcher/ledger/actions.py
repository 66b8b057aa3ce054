"""The log of actions: who changed what by hand, when and why. Never an address: a recipient stands under its name."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, insert, select

from bounce_watcher.ledger.engine import reading, write
from bounce_watcher.ledger.tables import ACTION
from bounce_watcher.ledger.types import storable


@dataclass(frozen=True, slots=True)
class Action:
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


def put(engine: Engine, done: Action) -> None:
    write(engine, lambda connection: enter(connection, done))


def enter(connection: Connection, done: Action) -> None:
    """In the transaction of what was done."""
    connection.execute(insert(ACTION).values(
        at=done.at, actor=storable(done.actor), action=done.action, subject=storable(done.subject), count=done.count,
        because=done.because and storable(done.because),
    ))


def page(engine: Engine, before: int | None, limit: int) -> Sequence[Action]:
    """The newest first; `before` is the number behind which to go on."""
    chosen = select(ACTION).order_by(ACTION.c.number.desc()).limit(limit)
    if before is not None:
        chosen = chosen.where(ACTION.c.number < before)
    return _read(engine, chosen)


def on(engine: Engine, subject: str, limit: int) -> Sequence[Action]:
    """What was done to one subject, the newest first."""
    chosen = select(ACTION).where(ACTION.c.subject == storable(subject)).order_by(ACTION.c.number.desc()).limit(limit)
    return _read(engine, chosen)


def _read(engine: Engine, chosen: Select[Any]) -> Sequence[Action]:
    with reading(engine) as connection:
        return [
            Action(at, actor, action, subject, count, because, number)
            for number, at, actor, action, subject, count, because in connection.execute(chosen)
        ]
