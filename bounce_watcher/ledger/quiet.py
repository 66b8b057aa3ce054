"""Whether mail has stopped coming to a mailbox: held against the longest pause that was usual there of late.

Kept by the hour, as counts are by which outages are seen, and as long as these. What was usual when an alert was raised
stands with it and holds until mail comes: else a long silence would end by itself, once the days before are forgotten.
Any mail ends it. Such a silence is not what the next one is held against, or one mail that a person sends to try the
way would make days of silence usual for a month.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import Connection, Engine, bindparam, or_, select

from bounce_watcher.ledger.alerts import series_of
from bounce_watcher.ledger.engine import reading
from bounce_watcher.ledger.statements import KEYS, Conflict, Insertion, columns_of
from bounce_watcher.ledger.tables import ALERT, SLOT_COUNT
from bounce_watcher.model.grounds import Subject, SubjectKind
from bounce_watcher.model.ledger import AlertKind, MessageRecord
from bounce_watcher.policy.spells import slot_of, start_of

SPAN = timedelta(days=30)
"""So far it is looked back."""
HISTORY, FEWEST = timedelta(days=14), 20
"""From the first to the last mail, and hours with mail: with less nobody knows what is usual."""
TIMES, SHORTEST = 1.5, timedelta(hours=12)
"""A pause is unusual from so many times the longest usual one on, and never below so long."""

_HOUR = timedelta(hours=1)
_ADD = Insertion(SLOT_COUNT, columns_of(SLOT_COUNT), Conflict.ADD)
_HOURS = (
    select(SLOT_COUNT.c.series, SLOT_COUNT.c.slot)
    .where(SLOT_COUNT.c.series.in_(KEYS), SLOT_COUNT.c.slot >= bindparam("since"))
    .order_by(SLOT_COUNT.c.series, SLOT_COUNT.c.slot)
)
_TOLD = (
    select(ALERT.c.subject, ALERT.c.since, ALERT.c.usual, ALERT.c.cleared)
    .where(ALERT.c.series.in_(KEYS), or_(ALERT.c.since >= bindparam("since"), ~ALERT.c.cleared))
)


@dataclass(frozen=True, slots=True)
class _Told:
    """An alert: the silence that began at `since`, held against pauses of `usual`."""

    since: datetime
    usual: timedelta
    cleared: bool


@dataclass(frozen=True, slots=True)
class Pace:
    """How mail comes to a mailbox: when the hour of the newest ended (aware), and the longest usual pause."""

    last_at: datetime
    longest: timedelta

    @property
    def unusual_from(self) -> timedelta:
        return max(SHORTEST, self.longest * TIMES)

    def is_quiet(self, now: datetime) -> bool:
        return now - self.last_at > self.unusual_from


def _series(mailbox: str) -> str:
    return Subject(SubjectKind.MAILBOX, mailbox).key


def add(connection: Connection, messages: Iterable[MessageRecord]) -> None:
    """Counts new messages, whatever they are, in the caller's transaction."""
    counts = Counter(
        (_series(message.mailbox), slot_of(message.received_at.replace(minute=0, second=0, microsecond=0)))
        for message in messages if message.mailbox
    )
    _ADD.execute(connection, sorted((*place, number) for place, number in counts.items()))


def paces(engine: Engine, mailboxes: Sequence[str], now: datetime) -> Mapping[str, Pace]:
    """Of those of which enough is known, or an alert is under way."""
    with reading(engine) as connection:
        hours, told = _hours(connection, mailboxes, now), _told(connection, mailboxes, now)
    found = {name: _pace(hours.get(name, ()), told.get(name, ())) for name in sorted(hours.keys() | told.keys())}
    return {name: pace for name, pace in found.items() if pace is not None}


def _hours(connection: Connection, mailboxes: Sequence[str], now: datetime) -> Mapping[str, Sequence[datetime]]:
    """The hours with mail."""
    found: defaultdict[str, list[datetime]] = defaultdict(list)
    names = {_series(name): name for name in mailboxes}
    for series, slot in connection.execute(_HOURS, {"keys": list(names), "since": slot_of(now - SPAN)}):
        found[names[series]].append(start_of(slot))
    return found


def _told(connection: Connection, mailboxes: Sequence[str], now: datetime) -> Mapping[str, Sequence[_Told]]:
    """The alerts of late and those under way."""
    found: defaultdict[str, list[_Told]] = defaultdict(list)
    series = [series_of(AlertKind.QUIET, Subject(SubjectKind.MAILBOX, name)) for name in mailboxes]
    asked = {"keys": series, "since": now - SPAN}
    for row in connection.execute(_TOLD, asked):
        found[row.subject].append(_Told(row.since, row.usual * _HOUR, row.cleared))
    return found


def _pace(busy: Sequence[datetime], told: Sequence[_Told]) -> Pace | None:
    for alert in told:
        if not alert.cleared and (not busy or busy[-1] < alert.since):
            return Pace(alert.since, alert.usual)
    if len(busy) < FEWEST or busy[-1] - busy[0] < HISTORY:
        return None
    return Pace(busy[-1] + _HOUR, _usual(busy, {alert.since for alert in told}))


def _usual(busy: Sequence[datetime], told: Set[datetime]) -> timedelta:
    """The longest pause; of those that alerts were raised on the longest is left out, as nothing like it was met."""
    pauses = [(later - earlier, earlier + _HOUR in told) for earlier, later in pairwise(busy)]
    repeated = sorted(length for length, is_told in pauses if is_told)[:-1]
    return max([*repeated, *(length for length, is_told in pauses if not is_told)])
