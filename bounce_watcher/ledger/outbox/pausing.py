"""Targets that a person paused: nothing is sent to them, nothing counts as failed, and items wait."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, select, update

from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.statements import insert_into
from bounce_watcher.ledger.db.tables import ENDPOINT
from bounce_watcher.ledger.db.types import storable


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause: since when (aware), by whom and why."""

    at: datetime
    by: str
    because: str


def pause(connection: Connection, target: str, wanted: Pause) -> bool:
    """Pauses a target. Returns False if it is already paused: then that pause stays."""
    target = storable(target)
    connection.execute(insert_into(connection, ENDPOINT).values(target=target, fingerprint="").on_conflict_do_nothing())
    running = update(ENDPOINT).where(ENDPOINT.c.target == target, ENDPOINT.c.paused_at.is_(None))
    values = {"paused_at": wanted.at, "paused_by": storable(wanted.by), "paused_because": storable(wanted.because)}
    return connection.execute(running.values(values)).rowcount > 0


def resume(connection: Connection, target: str) -> bool:
    """Ends the pause of a target, so that waiting items are sent. Returns False if it was not paused."""
    paused = update(ENDPOINT).where(ENDPOINT.c.target == storable(target), ENDPOINT.c.paused_at.is_not(None))
    ended = paused.values(paused_at=None, paused_by=None, paused_because=None)
    return connection.execute(ended).rowcount > 0


def paused(engine: Engine) -> dict[str, Pause]:
    """Returns the pauses by target."""
    chosen = select(ENDPOINT).where(ENDPOINT.c.paused_at.is_not(None)).order_by(ENDPOINT.c.target)
    with reading(engine) as connection:
        return {
            row.target: Pause(row.paused_at, row.paused_by or "", row.paused_because or "")
            for row in connection.execute(chosen)
        }
