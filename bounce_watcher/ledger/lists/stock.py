"""How much of everything the ledger holds right now. Asked for often: each statement reads an index or a few rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, literal_column, select, text

from bounce_watcher.ledger.capability import Capability
from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.statements import KEYS, is_sqlite
from bounce_watcher.ledger.db.tables import ALERT, ENDPOINT, OPT_OUT, OUTBOX, SUPPRESSION
from bounce_watcher.ledger.recording.quota import raw_bytes
from bounce_watcher.ledger.review.optouts import IS_WAITING
from bounce_watcher.model.ledger import AlertKind, OutboxState, State

IS_PENDING = SUPPRESSION.c.state == literal_column("'pending'")
"""Written exactly like the partial index: otherwise SQLite does not use it."""

_BY_TARGET = """SELECT target, count(*) AS number, min(number) AS first
FROM outbox {through}
WHERE state = '{state}'
GROUP BY target"""

_WRITTEN = select(OUTBOX.c.number, OUTBOX.c.created_at).where(OUTBOX.c.number.in_(KEYS))
_ENDPOINTS = select(
    ENDPOINT.c.target, ENDPOINT.c.disabled_at.is_not(None).label("disabled"),
    ENDPOINT.c.paused_at.is_not(None).label("paused"),
)


@dataclass(frozen=True, slots=True)
class Queue:
    """What is still to be sent to one target. `oldest_at` is when what the oldest due item reports happened (aware)."""

    due: int = 0
    oldest_at: datetime | None = None
    dead: int = 0
    disabled: bool = False
    paused: bool = False


@dataclass(frozen=True, slots=True)
class WaitingOptOuts:
    """How many opt-outs wait for a person. `oldest_at` is since when the oldest one waits (aware)."""

    number: int = 0
    oldest_at: datetime | None = None


NONE = WaitingOptOuts()


@dataclass(frozen=True, slots=True)
class Stock:
    """Current numbers: `suppressions` in force and pending, current `alerts`, `queues` by target, waiting `opt_outs`.

    `raw_bytes` is how much raw mail is kept, in bytes as stored.
    """

    suppressions: Mapping[State, int]
    alerts: Mapping[AlertKind, int]
    queues: Mapping[str, Queue]
    opt_outs: WaitingOptOuts = NONE
    raw_bytes: int = 0


class StockTaking(Capability):
    """Counts what the ledger holds now. Cheap however large the ledger is."""

    def stock(self) -> Stock:
        """Returns how much of everything there is right now."""
        suppressions = select(func.count()).select_from(SUPPRESSION)
        current = select(ALERT.c.kind, func.count()).where(~ALERT.c.cleared).group_by(ALERT.c.kind)
        opt_outs = select(func.count(), func.min(OPT_OUT.c.at)).where(IS_WAITING)
        with reading(self._engine) as connection:
            total = connection.scalar(suppressions) or 0
            pending = connection.scalar(suppressions.where(IS_PENDING)) or 0
            alerts = {AlertKind(kind): number for kind, number in connection.execute(current)}
            return Stock(
                {State.SUPPRESSED: total - pending, State.PENDING: pending}, alerts, _queues(connection),
                WaitingOptOuts(*connection.execute(opt_outs).one()), raw_bytes(connection),
            )

    def queues(self) -> dict[str, Queue]:
        """Returns what is still to be sent to each target."""
        with reading(self._engine) as connection:
            return _queues(connection)


def _queues(connection: Connection) -> dict[str, Queue]:
    """Returns the queues by target. The oldest item is the one written first, as failed tries raise `next_attempt_at`.
    """
    due, dead = _by_target(connection, OutboxState.DUE), _by_target(connection, OutboxState.DEAD)
    first = [row.first for row in due.values()]
    written = {row.number: row.created_at for row in connection.execute(_WRITTEN, {"keys": first})}
    known = {row.target: row for row in connection.execute(_ENDPOINTS)}
    return {
        target: Queue(
            due=due[target].number if target in due else 0,
            oldest_at=written[due[target].first] if target in due else None,
            dead=dead[target].number if target in dead else 0,
            disabled=target in known and bool(known[target].disabled),
            paused=target in known and bool(known[target].paused),
        )
        for target in known.keys() | due.keys() | dead.keys()
    }


def _by_target(connection: Connection, state: OutboxState) -> dict[str, Row[Any]]:
    """Returns for each target the `number` of its rows of a state, and the number of the `first` one written. Left to
    choose, SQLite would use `outbox_by_state` and read each row for its target."""
    through = f"INDEXED BY outbox_{state}" if is_sqlite(connection) else ""
    found = connection.execute(text(_BY_TARGET.format(through=through, state=state.value)))
    return {row.target: row for row in found}
