"""Applies the flood guard in the ledger: counts the suppressions that pass, and holds the others under an alert.

`policy.guards.flood` says what may pass. All work happens under the lock of the counts, so several processes on one
database count together. What passed and what a person confirmed is counted by slots, beside the counts of the outage
guard.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from sqlalchemy import Connection, func, or_, select, update

from bounce_watcher.ledger.db.statements import KEYS, RecipientKey, by_stream, chunks
from bounce_watcher.ledger.db.tables import ALERT, EVENT, GUARD_COUNT, HELD, alert_from_row, event_from_row
from bounce_watcher.ledger.recording import alerts
from bounce_watcher.ledger.recording.batch import add_holds, count_holds
from bounce_watcher.model.ledger import Alert, AlertKind, Announce, BounceEvent, Suppression
from bounce_watcher.policy.guards import flood
from bounce_watcher.policy.guards.flood import SUBJECT, Budget, Over, Passed, is_unproven, source
from bounce_watcher.policy.guards.spells import slot_of
from bounce_watcher.policy.settings import PolicySettings

_PASSED, _CONFIRMED = "unproven passed", "unproven confirmed"
"""Series of counts for all hosts. With the name of a host appended, the series of what that host reported."""

_EVENTS = select(EVENT).where(EVENT.c.id.in_(KEYS))
_HOUR = (GUARD_COUNT.c.slot // flood.SLOTS_AN_HOUR).label("hour")
_BY_HOUR = (
    select(GUARD_COUNT.c.series, _HOUR, func.sum(GUARD_COUNT.c.number))
    .where(GUARD_COUNT.c.series.in_(KEYS)).group_by(GUARD_COUNT.c.series, _HOUR)
)
_IS_FLOOD = ALERT.c.kind == AlertKind.FLOOD.value


@dataclass(frozen=True, slots=True)
class FloodHold:
    """Why a suppression may not pass, and the alert under which it is held."""

    over: Over
    alert: Alert


class Gate:
    """Checks every suppression that follows from an unproven report. For one transaction, under the lock of the counts.

    `events` are the events that may be checked. What their hosts have reported is loaded at the first check.
    """

    def __init__(
        self, connection: Connection, policy: PolicySettings, announce: Announce, events: Iterable[BounceEvent] = ()
    ) -> None:
        self._connection = connection
        self._settings = policy.flood
        self._announce = announce
        self._events = events
        self._alerts: dict[str, Alert] = {}
        self._new: set[str] = set()
        self._counts: defaultdict[str, Counter[int]] = defaultdict(Counter)

    def refuses(self, event: BounceEvent) -> FloodHold | None:
        """Returns why the suppression that follows from `event` may not pass. None means that it passes, and counts it.
        """
        if not (self._settings.enabled and is_unproven(event)):
            return None
        over = self._budget.over(event)
        if over is not None:
            return FloodHold(over, self._alert(event, over))
        self._count(event, 1)
        return None

    def lets_pass(self, suppression: Suppression) -> bool:
        """Checks whether a suppression that something else held may come into force now. If so, counts it."""
        event = self._unproven(suppression)
        if event is None:
            return True
        if self._budget.over(event) is not None:
            return False
        self._count(event, 1)
        return True

    def give_back(self, suppression: Suppression) -> None:
        """Takes back the count of a suppression that passed but is now held by something else: it uses up no cap."""
        event = self._unproven(suppression)
        if event is not None:
            self._count(event, -1)

    def close(self) -> None:
        """Writes the counts of what passed, and the alerts. Call it before the held recipients are counted there."""
        alerts.add(self._connection, self._counts)
        for name, alert in self._alerts.items():
            if name in self._new:
                alerts.put_new(self._connection, alert, self._announce)
            else:
                self._connection.execute(update(ALERT).where(ALERT.c.id == name).values(
                    since=alert.since, ends_at=alert.ends_at, most=alert.count, grounds=alert.grounds, cleared=False,
                ))

    @cached_property
    def _budget(self) -> Budget:
        hosts = sorted({source(event) for event in self._events if is_unproven(event)})
        names = [_PASSED, _CONFIRMED, *(f"{series} {host}" for host in hosts for series in (_PASSED, _CONFIRMED))]
        found: defaultdict[str, Counter[int]] = defaultdict(Counter)
        for part in chunks(names):
            for name, hour, number in self._connection.execute(_BY_HOUR, {"keys": part}):
                found[name][hour] = int(number)
        return Budget(self._settings, Passed(found[_PASSED], found[_CONFIRMED]), {
            host: Passed(found[f"{_PASSED} {host}"], found[f"{_CONFIRMED} {host}"]) for host in hosts
        })

    def _unproven(self, suppression: Suppression) -> BounceEvent | None:
        """Returns the event that led to a suppression if it is unproven."""
        if not (self._settings.enabled and suppression.events):
            return None
        event = _events(self._connection, [suppression]).get(suppression.events[-1])
        return event if event is not None and is_unproven(event) else None

    def _count(self, event: BounceEvent, number: int) -> None:
        self._budget.add(event, number)
        _add_to(self._counts, _PASSED, event, number)

    def _alert(self, event: BounceEvent, over: Over) -> Alert:
        """Returns the alert on the flood that `event` belongs to, with this event included."""
        self._counts[SUBJECT.key][slot_of(event.at)] += 1
        known = self._known(event.at)
        number = known.count + 1 if known else 1
        since = min(known.since, event.at) if known else event.at
        told, end = flood.grounds(number, since, over), event.at + flood.QUIET
        if known is None:
            name = alerts.name_of(AlertKind.FLOOD, SUBJECT, since)
            alert = Alert(name, AlertKind.FLOOD, SUBJECT, since, event.at, end, False, 1, over.limit, over.usual, told)
            self._new.add(name)
        else:
            end = max(known.ends_at or end, end)
            alert = replace(known, since=since, ends_at=end, count=number, cleared=False, grounds=told)
        self._alerts[alert.id] = alert
        return alert

    def _known(self, at: datetime) -> Alert | None:
        for alert in self._alerts.values():
            if alert.since - flood.QUIET <= at and (alert.ends_at is None or at <= alert.ends_at):
                return alert
        row = self._connection.execute(
            select(ALERT).where(
                ALERT.c.series == SUBJECT.key, ALERT.c.since <= at + flood.QUIET, ALERT.c.ends_at >= at,
                or_(~ALERT.c.cleared, ALERT.c.since == at), ALERT.c.id.not_in(list(self._alerts)),
            ).order_by(ALERT.c.since.desc()).limit(1)
        ).first()
        return None if row is None else alert_from_row(row)


def _add_to(counts: defaultdict[str, Counter[int]], series: str, event: BounceEvent, number: int) -> None:
    for name in (series, f"{series} {source(event)}"):
        counts[name][slot_of(event.at)] += number


# ── what is held ────────────────────────────────────────────────────────────────────────────────────────────────────

def _events(connection: Connection, suppressions: Iterable[Suppression]) -> dict[str, BounceEvent]:
    """Returns the events that led to suppressions, by id. A suppression may rest on none."""
    found: dict[str, BounceEvent] = {}
    for part in chunks(sorted({each.events[-1] for each in suppressions if each.events})):
        for row in connection.execute(_EVENTS, {"keys": part}):
            found[row.id] = event_from_row(row)
    return found


def hold(connection: Connection, held: Collection[tuple[RecipientKey, str]]) -> None:
    """Enters the holds, each with the id of its alert, and counts them on the alert."""
    add_holds(connection, held)
    count_holds(connection, held=Counter(alert for _, alert in set(held)))


def confirmed(connection: Connection, suppressions: Collection[Suppression]) -> None:
    """Counts suppressions that a flood held and a person confirmed. That many are then usual, also for their hosts."""
    counts: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for event in _events(connection, suppressions).values():
        _add_to(counts, _CONFIRMED, event, 1)
    alerts.add(connection, counts)


def held_in_flood(connection: Connection, keys: Iterable[RecipientKey]) -> dict[RecipientKey, str]:
    """Returns which of these recipients a flood holds, each with the id of the alert."""
    found: dict[RecipientKey, str] = {}
    for part in by_stream(sorted(keys)):
        rows = connection.execute(
            select(HELD.c.recipient_key, HELD.c.alert).join(ALERT, ALERT.c.id == HELD.c.alert)
            .where(_IS_FLOOD, HELD.c.stream == part["stream"], HELD.c.recipient_key.in_(part["keys"]))
        )
        found.update((RecipientKey(part["stream"], address), alert) for address, alert in rows)
    return found
