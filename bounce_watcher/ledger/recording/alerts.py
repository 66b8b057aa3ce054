"""Counts by slots of time, and the alerts that follow from them. All functions work in the caller's transaction.

`policy.guards.outages` and `policy.guards.trouble` say what counts as too many, `policy.guards.quiet` when a mailbox is
too quiet. This module counts, stores and announces it.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, text, update

from bounce_watcher.ledger.db.statements import KEYS, Conflict, Insertion, chunks, columns_of, is_sqlite
from bounce_watcher.ledger.db.tables import ALERT, ENDPOINT, GUARD_COUNT, alert_from_row
from bounce_watcher.ledger.db.types import storable
from bounce_watcher.ledger.recording.batch import queue
from bounce_watcher.model.grounds import Alarm, EndpointGone, Subject, SubjectKind
from bounce_watcher.model.ledger import Alert, AlertKind, Announce, MessageRecord, NoticeType, Occurrence
from bounce_watcher.model.times import timestamp
from bounce_watcher.policy.guards.limits import SLOT
from bounce_watcher.policy.guards.quiet import SPAN, ArrivalRate, Silence, pace_of
from bounce_watcher.policy.guards.spells import (
    SLOTS_A_DAY,
    Spell,
    SpellThreshold,
    Window,
    slot_of,
    spells,
    start_of,
    windows,
)

Counts = Mapping[str, Counter[int]]
"""How many reports of each series came in each slot."""

_DAYS = "days"
"""The series that counts reports by day instead of slot. It shows how long the ledger has been watching."""

_LOCK = 0x626F756E6365  # any number that nobody else on the database uses for a lock
_ADD_COUNTS = Insertion(GUARD_COUNT, columns_of(GUARD_COUNT), Conflict.ADD)
_HOURS = (
    select(GUARD_COUNT.c.series, GUARD_COUNT.c.slot)
    .where(GUARD_COUNT.c.series.in_(KEYS), GUARD_COUNT.c.slot >= bindparam("since"))
    .order_by(GUARD_COUNT.c.series, GUARD_COUNT.c.slot)
)
_SILENCES = (
    select(ALERT.c.subject, ALERT.c.since, ALERT.c.usual, ALERT.c.cleared)
    .where(ALERT.c.series.in_(KEYS), or_(ALERT.c.since >= bindparam("since"), ~ALERT.c.cleared))
)


@dataclass(frozen=True, slots=True)
class Topic:
    """What defines a kind of alert: how counts are judged, and how a spell is described."""

    kind: AlertKind
    window: timedelta
    quiet: timedelta
    limit_of: Callable[[Subject, Window], SpellThreshold | None]
    grounds: Callable[[Subject, Spell], Alarm]
    quote: Callable[[Subject], str | None]


def lock(connection: Connection) -> None:
    """Locks the counts. One writer at a time counts and judges: two would each miss what the other counts. SQLite
    allows only one writer anyway."""
    if not is_sqlite(connection):
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def add(connection: Connection, counts: Counts) -> None:
    _ADD_COUNTS.execute(connection, sorted(
        (series, slot, number) for series, slots in counts.items() for slot, number in slots.items()
    ))


def add_days(connection: Connection, moments: Iterable[datetime]) -> None:
    """Counts each day of these moments once: `days_before` only asks on which days there were any."""
    add(connection, {_DAYS: Counter({slot_of(at) // SLOTS_A_DAY for at in moments})})


def days_before(connection: Connection, slot: int, baseline: timedelta) -> int:
    """Returns on how many days of the baseline before the day of `slot` there were reports."""
    today = slot // SLOTS_A_DAY
    chosen = select(func.count()).where(
        GUARD_COUNT.c.series == _DAYS, GUARD_COUNT.c.slot < today,
        GUARD_COUNT.c.slot >= today - baseline // timedelta(days=1),
    )
    return connection.scalar(chosen) or 0


def counted(connection: Connection, series: str, window: Window) -> int:
    """Returns how many reports of a series a window has."""
    chosen = select(func.sum(GUARD_COUNT.c.number)).where(
        GUARD_COUNT.c.series == series, GUARD_COUNT.c.slot.between(window.first, window.last)
    )
    return int(connection.scalar(chosen) or 0)


def covered_by_others(series: str) -> str:
    """Returns the series for reports that would have been counted in `series` if no other series explained them."""
    return f"covered {series}"


_USUAL = text("""
    SELECT max(total) AS busiest
    FROM (
        SELECT slot, sum(number) OVER (ORDER BY slot RANGE BETWEEN {size} PRECEDING AND CURRENT ROW) AS total
        FROM guard_count
        WHERE series IN (:series, :covered) AND slot >= :since AND slot < :before
    ) AS windows
    GROUP BY slot / {day}
    ORDER BY busiest DESC
    LIMIT 1 OFFSET :skipped
""".replace("{day}", str(SLOTS_A_DAY)))


def usual(connection: Connection, series: str, slot: int, window: timedelta, baseline: timedelta, rank: int) -> int:
    """Returns the busiest window of the `rank`-th busiest day of the baseline before the day of `slot`; 0 if none.

    Includes what was counted beside the series, as `covered_by_others`.
    """
    today = slot // SLOTS_A_DAY * SLOTS_A_DAY
    statement = text(_USUAL.text.replace("{size}", str(window // SLOT - 1)))
    busiest = connection.scalar(statement, {
        "series": series, "covered": covered_by_others(series), "skipped": rank - 1,
        "since": today - baseline // SLOT, "before": today,
    })
    return int(busiest or 0)


@dataclass(frozen=True, slots=True)
class Followed:
    """A spell, its alert, and from when on the spell is longer than was known before (None = it has not grown)."""

    spell: Spell
    alert: Alert
    grown_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a subject: the count of each slot around what was added, and its spells."""

    counts: Counter[int]
    spells: Sequence[Followed]


def watch(
    connection: Connection, topic: Topic, fresh: Mapping[Subject, Counter[int]], first: datetime, last: datetime,
    announce: Announce,
) -> dict[Subject, Seen]:
    """Adds to the counts of a topic's subjects, and raises or extends the alerts that follow. Returns what was seen.

    `first` and `last` are the times of the earliest and the latest report. A subject may have nothing to add: then
    the caller only wants what is known of it.
    """
    if not fresh:
        return {}
    series = {subject: subject.key for subject in fresh}
    add(connection, {series[subject]: added for subject, added in fresh.items()})
    size = topic.window // SLOT
    after = size + 2 * topic.quiet // SLOT  # reports recorded before these late ones may belong to the same spell
    slots = GUARD_COUNT.c.slot.between(slot_of(first) - size, slot_of(last) + after)
    counts: defaultdict[str, Counter[int]] = defaultdict(Counter)
    known: defaultdict[str, list[Followed]] = defaultdict(list)
    for part in chunks(list(series.values())):
        for name, slot, number in connection.execute(select(GUARD_COUNT).where(GUARD_COUNT.c.series.in_(part), slots)):
            counts[name][slot] = number
        for row in connection.execute(select(ALERT).where(ALERT.c.series.in_(part)).order_by(ALERT.c.since)):
            alert = alert_from_row(row)
            known[row.series].append(Followed(_spell_of(alert), alert))
    seen = {}
    for subject, added in fresh.items():
        here, earliest = counts[series[subject]], min(added, default=None)
        grown = [] if earliest is None else [each for each in windows(here, topic.window) if each.last >= earliest]
        spells_now = _follow(connection, topic, subject, grown, known[series[subject]], last, announce)
        seen[subject] = Seen(here, spells_now)
    return seen


def _spell_of(alert: Alert) -> Spell:
    assert alert.ends_at is not None, "only an endpoint's alert has no end in sight"
    limit = SpellThreshold(alert.alarm_from, alert.usual)
    return Spell(alert.since, alert.raised_at, alert.ends_at, alert.count, limit, alert.id, alert.cleared)


def _follow(
    connection: Connection, topic: Topic, subject: Subject, over: Sequence[Window], known: Sequence[Followed],
    until: datetime, announce: Announce,
) -> list[Followed]:
    """Raises or extends the alerts that follow from the windows whose count has grown."""
    by_id = {followed.alert.id: followed for followed in known}
    changed = spells(over, [each.spell for each in known], lambda window: topic.limit_of(subject, window), topic.quiet)
    for spell in changed:
        if spell.known is None:
            begun = replace(spell, raised_at=min(spell.raised_at, until))
            followed = _raise(connection, topic, subject, begun, announce)
        else:
            followed = _grow(connection, topic, subject, spell, by_id[spell.known])
        by_id[followed.alert.id] = followed
    return list(by_id.values())


def _raise(connection: Connection, topic: Topic, subject: Subject, spell: Spell, announce: Announce) -> Followed:
    name = name_of(topic.kind, subject, spell.since)
    alert = Alert(
        id=name, kind=topic.kind, subject=subject, since=spell.since, raised_at=spell.raised_at, ends_at=spell.ends_at,
        cleared=False, count=spell.peak, alarm_from=spell.limit.count, usual=spell.limit.usual,
        grounds=topic.grounds(subject, spell), quote=topic.quote(subject),
    )
    put_new(connection, alert, announce)
    return Followed(replace(spell, known=name), alert, spell.since)


def name_of(kind: AlertKind, about: Subject, since: datetime) -> str:
    """Returns the id of an alert. The same history gives the same alerts."""
    return hashlib.sha256(f"{kind} {about.key} {since.isoformat()}".encode("utf-8", "replace")).hexdigest()[:16]


COUNTED_KINDS = frozenset({AlertKind.OUTAGE, AlertKind.BLOCKS, AlertKind.FORGED, AlertKind.FLOOD})
"""The kinds of alert that follow from counts of reports. They are found by the key of their subject."""


def series_of(kind: AlertKind, subject: Subject) -> str:
    """Returns what alerts are found by: the series of the counts behind the alert, else its kind and subject."""
    return storable(subject.key if kind in COUNTED_KINDS else f"{kind} {subject.key}")


def put_new(connection: Connection, alert: Alert, announce: Announce) -> None:
    about = alert.subject
    connection.execute(insert(ALERT).values(
        series=series_of(alert.kind, about), id=alert.id, kind=alert.kind.value, subject_kind=about.kind.value,
        subject=storable(about.name), subject_reason=about.reason and about.reason.value, subject_ip=about.ip,
        subject_rule=about.rule,
        since=alert.since, raised_at=alert.raised_at, ends_at=alert.ends_at, cleared=alert.cleared, most=alert.count,
        alarm_from=alert.alarm_from, usual=alert.usual, grounds=alert.grounds,
        quote=alert.quote and storable(alert.quote), held=0, released=0, confirmed=0,
    ))
    queue(connection, announce(occurrence(NoticeType.ALERT_RAISED, alert.raised_at, alert)))


def _grow(connection: Connection, topic: Topic, subject: Subject, spell: Spell, before: Followed) -> Followed:
    alert = replace(
        before.alert, since=spell.since, ends_at=spell.ends_at, count=spell.peak, grounds=topic.grounds(subject, spell)
    )
    connection.execute(
        update(ALERT).where(ALERT.c.id == alert.id).values(
            since=alert.since, ends_at=alert.ends_at, most=alert.count, grounds=alert.grounds
        )
    )
    return Followed(spell, alert, before.spell.ends_at if spell.since == before.spell.since else spell.since)


def alert_on(
    kind: AlertKind, subject: Subject, since: datetime, grounds: Alarm, *, quote: str | None = None, count: int = 1
) -> Alert:
    """Returns an alert that does not rest on a number of reports. It has no end time."""
    return Alert(
        id=name_of(kind, subject, since), kind=kind, subject=subject, since=since, raised_at=since, ends_at=None,
        cleared=False, count=count, alarm_from=1, usual=0, grounds=grounds, quote=quote,
    )


def keep(
    connection: Connection, begun: Sequence[Alert], over: Sequence[Alert], now: datetime, announce: Announce
) -> None:
    """Raises the alerts in `begun` and clears those in `over`, each only once, even if another process does the same.
    """
    lock(connection)
    known = {
        row.id: bool(row.cleared) for row in connection.execute(
            select(ALERT.c.id, ALERT.c.cleared).where(ALERT.c.id.in_([alert.id for alert in (*begun, *over)]))
        )
    }
    for alert in begun:
        if alert.id not in known:
            put_new(connection, alert, announce)
    for alert in over:
        if known.get(alert.id) is False:
            clear(connection, alert, now, announce)


def clear(connection: Connection, alert: Alert, at: datetime, announce: Announce) -> None:
    """Marks an alert as over, and announces it."""
    connection.execute(update(ALERT).where(ALERT.c.id == alert.id).values(cleared=True, ends_at=at))
    queue(connection, announce(occurrence(NoticeType.ALERT_CLEARED, at, replace(alert, cleared=True, ends_at=at))))


def occurrence(kind: NoticeType, at: datetime, alert: Alert) -> Occurrence:
    """Returns an alert in the form that targets receive."""
    return Occurrence(kind, at, data={
        "id": alert.id, "alert": alert.kind.value, "subject": alert.subject, "since": timestamp(alert.since),
        "count": alert.count, "alarm_from": alert.alarm_from, "usual": alert.usual, "grounds": alert.grounds,
        "quote": alert.quote, "held": alert.held, "released": alert.released, "confirmed": alert.confirmed,
    })


def watch_endpoints(connection: Connection, now: datetime, announce: Announce) -> None:
    """Keeps an alert for each webhook whose receiver answered 410, until the webhook is enabled again."""
    disabled = {
        row.target: row for row in connection.execute(select(ENDPOINT).where(ENDPOINT.c.disabled_at.is_not(None)))
    }
    told = {
        row.subject: alert_from_row(row) for row in connection.execute(
            select(ALERT).where(ALERT.c.kind == AlertKind.ENDPOINT.value, ~ALERT.c.cleared)
        )
    }
    for target in sorted(disabled.keys() - told.keys()):
        row = disabled[target]
        put_new(connection, alert_on(
            AlertKind.ENDPOINT, Subject(SubjectKind.TARGET, target), row.disabled_at, EndpointGone(target),
            quote=row.disabled_because,
        ), announce)
    for target in sorted(told.keys() - disabled.keys()):
        clear(connection, told[target], now, announce)


def forget_counts(connection: Connection, before: datetime) -> int:
    """Deletes the counts of slots before `before`. Returns how many rows."""
    slot = slot_of(before)
    old = delete(GUARD_COUNT).where(GUARD_COUNT.c.series != _DAYS, GUARD_COUNT.c.slot < slot)
    return connection.execute(old).rowcount


# ── the hours in which mail comes to each mailbox ───────────────────────────────────────────────────────────────────

def add_arrivals(connection: Connection, messages: Iterable[MessageRecord]) -> None:
    """Counts new messages of any kind by mailbox and hour. They are kept as long as the other counts."""
    counts: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for message in messages:
        if message.mailbox:
            hour = message.received_at.replace(minute=0, second=0, microsecond=0)
            counts[Subject(SubjectKind.MAILBOX, message.mailbox).key][slot_of(hour)] += 1
    add(connection, counts)


def paces(connection: Connection, mailboxes: Sequence[str], now: datetime) -> Mapping[str, ArrivalRate]:
    """Returns the rates of the mailboxes that have enough history or a current alert (`policy.guards.quiet`)."""
    subjects = {name: Subject(SubjectKind.MAILBOX, name) for name in mailboxes}
    names = {subject.key: name for name, subject in subjects.items()}
    hours: defaultdict[str, list[datetime]] = defaultdict(list)
    for series, slot in connection.execute(_HOURS, {"keys": list(names), "since": slot_of(now - SPAN)}):
        hours[names[series]].append(start_of(slot))
    told: defaultdict[str, list[Silence]] = defaultdict(list)
    asked = {"keys": [series_of(AlertKind.QUIET, each) for each in subjects.values()], "since": now - SPAN}
    for row in connection.execute(_SILENCES, asked):
        told[row.subject].append(Silence(row.since, row.usual * timedelta(hours=1), row.cleared))
    found = {name: pace_of(hours.get(name, ()), told.get(name, ())) for name in sorted(hours.keys() | told.keys())}
    return {name: pace for name, pace in found.items() if pace is not None}
