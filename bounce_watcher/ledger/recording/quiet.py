"""The hours in which mail came to each mailbox, and what `policy.guards.quiet` concludes from them.

Kept by the hour, in the table of the counts that reveal outages, and for as long as those.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, bindparam, or_, select

from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.statements import KEYS, Conflict, Insertion, columns_of
from bounce_watcher.ledger.db.tables import ALERT, GUARD_COUNT
from bounce_watcher.ledger.recording.alerts import series_of
from bounce_watcher.model.grounds import Subject, SubjectKind
from bounce_watcher.model.ledger import AlertKind, MessageRecord
from bounce_watcher.policy.guards.quiet import SPAN, ArrivalRate, Silence, pace_of
from bounce_watcher.policy.guards.spells import slot_of, start_of

_HOUR = timedelta(hours=1)
_ADD = Insertion(GUARD_COUNT, columns_of(GUARD_COUNT), Conflict.ADD)
_HOURS = (
    select(GUARD_COUNT.c.series, GUARD_COUNT.c.slot)
    .where(GUARD_COUNT.c.series.in_(KEYS), GUARD_COUNT.c.slot >= bindparam("since"))
    .order_by(GUARD_COUNT.c.series, GUARD_COUNT.c.slot)
)
_TOLD = (
    select(ALERT.c.subject, ALERT.c.since, ALERT.c.usual, ALERT.c.cleared)
    .where(ALERT.c.series.in_(KEYS), or_(ALERT.c.since >= bindparam("since"), ~ALERT.c.cleared))
)


def _series(mailbox: str) -> str:
    return Subject(SubjectKind.MAILBOX, mailbox).key


def add(connection: Connection, messages: Iterable[MessageRecord]) -> None:
    """Counts new messages of any kind, in the caller's transaction."""
    counts = Counter(
        (_series(message.mailbox), slot_of(message.received_at.replace(minute=0, second=0, microsecond=0)))
        for message in messages if message.mailbox
    )
    _ADD.execute(connection, sorted((*place, number) for place, number in counts.items()))


def paces(engine: Engine, mailboxes: Sequence[str], now: datetime) -> Mapping[str, ArrivalRate]:
    """Returns the rates of the mailboxes that have enough history or a current alert."""
    with reading(engine) as connection:
        hours, told = _hours(connection, mailboxes, now), _told(connection, mailboxes, now)
    found = {name: pace_of(hours.get(name, ()), told.get(name, ())) for name in sorted(hours.keys() | told.keys())}
    return {name: pace for name, pace in found.items() if pace is not None}


def _hours(connection: Connection, mailboxes: Sequence[str], now: datetime) -> Mapping[str, Sequence[datetime]]:
    """Returns the hours with mail of each mailbox."""
    found: defaultdict[str, list[datetime]] = defaultdict(list)
    names = {_series(name): name for name in mailboxes}
    for series, slot in connection.execute(_HOURS, {"keys": list(names), "since": slot_of(now - SPAN)}):
        found[names[series]].append(start_of(slot))
    return found


def _told(connection: Connection, mailboxes: Sequence[str], now: datetime) -> Mapping[str, Sequence[Silence]]:
    """Returns the recent and the current alerts of each mailbox."""
    found: defaultdict[str, list[Silence]] = defaultdict(list)
    series = [series_of(AlertKind.QUIET, Subject(SubjectKind.MAILBOX, name)) for name in mailboxes]
    asked = {"keys": series, "since": now - SPAN}
    for row in connection.execute(_TOLD, asked):
        found[row.subject].append(Silence(row.since, row.usual * _HOUR, row.cleared))
    return found
