"""Ends alerts: decides on what outages held back, and tells the targets that heard of an alert that it is over. Ends
the wait for an alarm that did not come (`policy.guards.waits`).

Time does not decide on what a flood holds. Its alert is over when a person or later reports have decided on all of it.

Works by a given `now`, the clock's time for polled mail. What a page touches is settled with that page already, with
the same result: an alert ends at its `ends_at`, and a wait a `wait` after the report, no matter when somebody looks.
All functions work in the caller's transaction.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, exists, literal_column, select

from bounce_watcher.ledger.db.statements import RecipientKey
from bounce_watcher.ledger.db.tables import ALERT, HELD, SUPPRESSION, alert_from_row
from bounce_watcher.ledger.recording import alerts, flood, guard
from bounce_watcher.ledger.recording.batch import RecipientBatch
from bounce_watcher.ledger.recording.record import load_counted
from bounce_watcher.model.ledger import AlertKind, Announce, ChangedBy
from bounce_watcher.policy.holding import wait_ended
from bounce_watcher.policy.replay import history_at
from bounce_watcher.policy.settings import PolicySettings

_BATCH = 500
"""How many recipients one transaction decides on, so that nobody waits long for the lock."""

_other = HELD.alias("other")
_later = ALERT.alias("later")

# A waiting recipient is pending, but no alert holds it. If the alarm comes, the outage holds it like all others.
_WAIT = select(SUPPRESSION.c.stream, SUPPRESSION.c.recipient_key, SUPPRESSION.c.recipient).where(
    SUPPRESSION.c.state == literal_column("'pending'"),  # a literal: otherwise the partial index is not used
    ~exists().where(HELD.c.recipient_key == SUPPRESSION.c.recipient_key, HELD.c.stream == SUPPRESSION.c.stream),
).order_by(SUPPRESSION.c.since).limit(_BATCH)


def settle(connection: Connection, now: datetime, announce: Announce, policy: PolicySettings) -> int:
    """Decides on what was held only by outages that are over by `now`. Returns on how many recipients."""
    over = (
        select(HELD.c.stream, HELD.c.recipient_key)
        .join(ALERT, ALERT.c.id == HELD.c.alert)
        .where(
            ALERT.c.kind == AlertKind.OUTAGE.value, ~ALERT.c.cleared, ALERT.c.ends_at <= now,
            ~exists().where(
                _other.c.recipient_key == HELD.c.recipient_key, _other.c.stream == HELD.c.stream,
                _later.c.id == _other.c.alert, _later.c.ends_at > now,
            ),
        )
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


def clear(connection: Connection, now: datetime, announce: Announce) -> None:
    """Marks the alerts as over that have ended by `now` and hold nobody, and raises and clears those on webhooks."""
    alerts.lock(connection)
    over = select(ALERT).where(
        ~ALERT.c.cleared, ALERT.c.ends_at <= now, ~exists().where(HELD.c.alert == ALERT.c.id)
    ).order_by(ALERT.c.ends_at, ALERT.c.id)
    for row in connection.execute(over).all():
        alerts.clear(connection, alert_from_row(row), row.ends_at, announce)
    alerts.watch_endpoints(connection, now, announce)


def end_waits(connection: Connection, now: datetime, wait: timedelta, announce: Announce) -> int:
    """Puts suppressions in force that have waited for an alarm long enough by `now`. Returns how many."""
    alerts.lock(connection)  # otherwise an alarm could begin to hold them in between
    waiting = connection.execute(_WAIT.where(SUPPRESSION.c.since <= now - wait))
    names = {RecipientKey(row.stream, row.recipient_key): row.recipient for row in waiting}
    if not names:
        return 0
    books = RecipientBatch(connection, names, announce, ChangedBy.GUARD)
    for key, record in list(books.records.items()):
        books.enter(key, wait_ended(record, now, wait))
    books.close()
    return len(names)
