"""Ends alerts: decides on what outages held back, and tells the targets that heard of an alert that it is over.

Time does not decide on what a flood holds. Its alert is over when a person or later reports have decided on all of it.

Works by a given `now`, the clock's time for polled mail. What a page touches is settled with that page already, with
the same result: an alert ends at its `ends_at`, no matter when somebody looks.
"""

from datetime import datetime

from sqlalchemy import Connection, Engine, Exists, exists, select

from bounce_watcher.ledger.db.engine import write
from bounce_watcher.ledger.db.statements import RecipientKey
from bounce_watcher.ledger.db.tables import ALERT, HELD, alert_from_row
from bounce_watcher.ledger.recording import alerts, flood, guard
from bounce_watcher.ledger.recording.batch import RecipientBatch
from bounce_watcher.ledger.recording.record import load_counted
from bounce_watcher.model.ledger import AlertKind, Announce, ChangedBy
from bounce_watcher.policy.replay import history_at
from bounce_watcher.policy.settings import PolicySettings

_BATCH = 500
"""How many recipients one transaction decides on, so that nobody waits long for the lock."""

_IS_OUTAGE = ALERT.c.kind == AlertKind.OUTAGE.value
_other = HELD.alias("other")
_later = ALERT.alias("later")


def settle(engine: Engine, now: datetime, announce: Announce, policy: PolicySettings) -> int:
    """Ends the alerts that are over by `now`. Returns how many recipients were decided on."""
    count = 0
    while settled := write(engine, lambda connection: _settle_batch(connection, now, announce, policy)):
        count += settled
    write(engine, lambda connection: _clear(connection, now, announce))
    return count


def _settle_batch(connection: Connection, now: datetime, announce: Announce, policy: PolicySettings) -> int:
    over = (
        select(HELD.c.stream, HELD.c.recipient_key)
        .join(ALERT, ALERT.c.id == HELD.c.alert)
        .where(_IS_OUTAGE, ~ALERT.c.cleared, ALERT.c.ends_at <= now, ~_held_longer(now))
        .distinct()
        .limit(_BATCH)
    )
    keys = [RecipientKey(*row) for row in connection.execute(over)]
    if not keys:
        return 0
    alerts.lock(connection)
    books = RecipientBatch(connection, {key: key.address for key in keys}, announce, ChangedBy.GUARD)
    counted = load_counted(connection, books.records)
    gate = flood.Gate(connection, policy, announce)
    results = guard.Results(connection, gate)
    for key, holding in guard.holders(connection, keys).items():
        record = books.records[key]
        books.enter(key, results.settle(key, record, holding, history_at(record, counted[key], now).counted))
    books.close()
    gate.close()
    results.close()
    return len(keys)


def _held_longer(now: datetime) -> Exists:
    return exists().where(
        _other.c.recipient_key == HELD.c.recipient_key, _other.c.stream == HELD.c.stream,
        _later.c.id == _other.c.alert, _later.c.ends_at > now,
    )


def _clear(connection: Connection, now: datetime, announce: Announce) -> None:
    alerts.lock(connection)
    over = select(ALERT).where(
        ~ALERT.c.cleared, ALERT.c.ends_at <= now, ~exists().where(HELD.c.alert == ALERT.c.id)
    ).order_by(ALERT.c.ends_at, ALERT.c.id)
    for row in connection.execute(over).all():
        alert = alert_from_row(row)
        alerts.clear(connection, alert, row.ends_at, announce)
    alerts.watch_endpoints(connection, now, announce)
