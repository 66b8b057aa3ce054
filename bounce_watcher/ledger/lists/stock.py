"""How much of everything the ledger holds right now. Asked for often: each statement reads an index or a few rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, Select, func, literal_column, select, text

from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.statements import KEYS, is_sqlite
from bounce_watcher.ledger.db.tables import ALERT, ENDPOINT, OPT_OUT, OUTBOX, SUPPRESSION
from bounce_watcher.ledger.recording.quota import raw_bytes
from bounce_watcher.ledger.review.optouts import IS_WAITING
from bounce_watcher.model.ledger import AlertKind, OutboxState, State

_IS_PENDING = SUPPRESSION.c.state == literal_column("'pending'")
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


def stock(engine: Engine) -> Stock:
    """Returns the current numbers. Raises TemporaryFailure or PermanentFailure."""
    with reading(engine) as connection:
        total = _number(connection, select(func.count()).select_from(SUPPRESSION))
        pending = _number(connection, select(func.count()).select_from(SUPPRESSION).where(_IS_PENDING))
        current = select(ALERT.c.kind, func.count()).where(~ALERT.c.cleared).group_by(ALERT.c.kind)
        alerts = {AlertKind(kind): number for kind, number in connection.execute(current)}
        waiting = connection.execute(select(func.count(), func.min(OPT_OUT.c.at)).where(IS_WAITING)).one()
        return Stock(
            {State.SUPPRESSED: total - pending, State.PENDING: pending}, alerts, _queues(connection),
            WaitingOptOuts(*waiting), raw_bytes(connection),
        )


def queues(engine: Engine) -> dict[str, Queue]:
    """Returns what is still to be sent, by target. Raises TemporaryFailure or PermanentFailure."""
    with reading(engine) as connection:
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
            due=due[target].rows if target in due else 0,
            oldest_at=written[due[target].first] if target in due else None,
            dead=dead[target].rows if target in dead else 0,
            disabled=target in known and bool(known[target].disabled),
            paused=target in known and bool(known[target].paused),
        )
        for target in known.keys() | due.keys() | dead.keys()
    }


@dataclass(frozen=True, slots=True)
class _Rows:
    """How many rows of one state a target has, and the number of the row written first."""

    rows: int
    first: int


def _by_target(connection: Connection, state: OutboxState) -> dict[str, _Rows]:
    """Counts the rows of a state by target. Left to choose, SQLite would use `outbox_by_state` and read each row for
    its target."""
    through = f"INDEXED BY outbox_{state}" if is_sqlite(connection) else ""
    found = connection.execute(text(_BY_TARGET.format(through=through, state=state.value)))
    return {row.target: _Rows(row.number, row.first) for row in found}


def _number(connection: Connection, count: Select[int]) -> int:
    return connection.scalar(count) or 0
