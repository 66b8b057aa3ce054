"""Figures for pages, API and commands: how many bounces there were of what, when and where, and what was sent.

Whole slots come from `report_count`, so months cost no more than their counts. Parts of a slot, and the hours of one
provider or campaign, are counted from the events by an index: a day's worth at most.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    distinct,
    func,
    literal,
    literal_column,
    select,
    text,
)

from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.statements import is_sqlite
from bounce_watcher.ledger.db.tables import (
    EVENT,
    OPT_OUT,
    REPORT_COUNT,
    SENT_COUNT,
    STATE_CHANGE,
    SUPPRESSION,
    event_from_row,
    state_change_from_row,
)
from bounce_watcher.ledger.db.types import storable
from bounce_watcher.ledger.lists.filters import GroupBy
from bounce_watcher.ledger.lists.stock import IS_PENDING, StockTaking
from bounce_watcher.ledger.recording.report_counts import DAY, HOUR, CountScope, slot_of, start_of
from bounce_watcher.ledger.recording.sent import LARGER, sent_by_day
from bounce_watcher.model.ledger import BounceEvent, State, StateChange

_SUPPRESSED = """SELECT {by} AS by, count(DISTINCT recipient_key),
    count(DISTINCT CASE WHEN reason = 'complaint' THEN recipient_key END)
FROM state_change {through}
WHERE state = 'suppressed' AND at >= :since AND at < :until {of_stream}
GROUP BY 1"""
_HAS_SENDING = SENT_COUNT.c.sending != literal_column("''")
"""Written exactly like the partial index: otherwise the planners do not use it."""
_FIRST_SLOT = select(func.min(REPORT_COUNT.c.slot))

_NEWEST_CHANGES = 2000
"""How many of the newest changes are searched for those of one stream."""
_SENT_BEFORE = timedelta(days=31)
"""How far before a time to look for counts of sent mail. Such counts show that mail was counted in the whole time."""


@dataclass(frozen=True, slots=True)
class Of:
    """Which bounces: all, or those of one stream, one type, one reason, some providers or some campaigns."""

    stream: str | None = None
    providers: tuple[str, ...] | None = None
    sendings: tuple[str, ...] | None = None
    type: str | None = None
    reason: str | None = None


ALL = Of()


@dataclass(frozen=True, slots=True)
class Span:
    """`since` <= time < `until`, both aware."""

    since: datetime
    until: datetime

    def back(self, by: timedelta) -> "Span":
        return Span(self.since - by, self.until - by)


Values = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suppressed:
    """How many distinct addresses changed to "suppressed" in a time, by rule or by hand, even if released since.

    `complaints` is how many of them were suppressed for a complaint.
    """

    addresses: int
    complaints: int


@dataclass(frozen=True, slots=True)
class Sent:
    """How many mails of a stream were sent in a time. `covers` is true if mail was already counted when it began."""

    number: int
    covers: bool


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts for `since` <= time < `until`, whole UTC days. Each row holds the values grouped by, and `number`.

    `sent` is what the platform reported as sent in these days, None if it reported nothing. `opt_outs` is how many
    opt-outs came; they are not reports and not in any row.
    """

    since: datetime
    until: datetime
    total: int
    sent: int | None
    rows: Sequence[dict[str, str | int]]
    opt_outs: int = 0


class Figures(StockTaking):
    """Counts reports by time and by group, addresses, sent mail, and what the ledger holds now."""

    def stats(
        self, since: datetime, until: datetime, by: Sequence[GroupBy], stream: str | None = None
    ) -> Stats:
        """Counts reports by group. The days of `since` and `until` count whole. Largest number first, days in order.

        Raises ValueError if `by` has both providers and campaigns: they are counted separately.
        """
        chosen = list(dict.fromkeys(by))
        if {GroupBy.PROVIDER, GroupBy.SENDING} <= set(chosen):
            raise ValueError("providers and sendings are counted apart: ask for one of them at a time")
        parts = [each for each in chosen if each is not GroupBy.DAY]
        span, of = Span(start_of(slot_of(since, DAY), DAY), _up(until, DAY)), Of(stream)
        if GroupBy.DAY in chosen:
            counts = self.slots(span, DAY, of, *parts)
        else:
            counts = {(span.since, values): number for values, number in self.totals(span, of, *parts).items()}
        rows: list[dict[str, str | int]] = []
        for (day, values), number in counts.items():
            told: dict[GroupBy, str] = {GroupBy.DAY: day.date().isoformat(), **dict(zip(parts, values, strict=True))}
            rows.append({**{str(each): told[each] for each in chosen}, "number": number})
        rows.sort(key=lambda row: (str(row.get("day", "")), -int(row["number"]), [str(row[each]) for each in chosen]))
        sent = sum(sent_by_day(self._engine, span.since.date(), span.until.date(), stream).values())
        of_stream = () if stream is None else (OPT_OUT.c.stream == storable(stream),)
        came = select(func.count()).where(OPT_OUT.c.at >= span.since, OPT_OUT.c.at < span.until, *of_stream)
        opt_outs = self._value(came) or 0
        return Stats(span.since, span.until, sum(counts.values()), sent or None, rows, opt_outs)

    def sent_by_day(self, since: date, until: date, stream: str | None = None) -> dict[tuple[date, str], int]:
        """Returns how many mails went to each receiving domain on each day (UTC), `since` <= day < `until`."""
        return sent_by_day(self._engine, since, until, stream)

    def slots(self, span: Span, length: timedelta, of: Of, *parts: GroupBy) -> dict[tuple[datetime, Values], int]:
        """Counts bounces by the start of the slot and by the values of `parts`. The span begins and ends with slots."""
        scope = _scope(length, of, parts)
        columns, number, where = _counted_by(scope, span, of, parts)
        with reading(self._engine) as connection:
            slot: ColumnElement[Any] = _event_hour(connection) if scope is None else REPORT_COUNT.c.slot
            chosen = select(slot, *columns, number).where(*where).group_by(text("1"), *columns).having(number != 0)
            return {
                (_hour(first) if scope is None else start_of(int(first), length), tuple(values)): int(number)
                for first, *values, number in connection.execute(chosen)
            }

    def totals(self, span: Span, of: Of, *parts: GroupBy) -> Counter[Values]:
        """Counts bounces by the values of `parts`; without parts, all of them under (). Any span, to the second."""
        found: Counter[Values] = Counter()
        with reading(self._engine) as connection:
            for length, piece in _pieces(span):
                found.update(_totals(connection, piece, length, of, parts))
        return found

    def top(self, span: Span, length: timedelta, of: Of, part: GroupBy, limit: int) -> tuple[list[str], int]:
        """Returns the values of `part` with the most bounces, and how many values there are. The span begins and ends
        with slots."""
        (column,), number, where = _counted_by(_scope(length, of, (part,)), span, of, (part,))
        if part is GroupBy.SENDING:
            where = [*where, column != ""]  # most mail has none
        chosen = select(column, func.count().over()).where(*where).group_by(column).having(number != 0)
        rows = self._rows(chosen.order_by(number.desc(), column).limit(limit))
        return [name for name, _ in rows], int(rows[0][1]) if rows else 0

    def first_day(self) -> datetime | None:
        """Returns the start of the first day with a bounce; None if there is none."""
        slot = self._value(_FIRST_SLOT.where(REPORT_COUNT.c.scope == CountScope.DAY.value))
        return None if slot is None else start_of(int(slot), DAY)

    def last_at(self, of: Of = ALL) -> datetime | None:
        """Returns when the newest report came, of a provider or a campaign if one is given; None if there is none."""
        chosen = select(func.max(EVENT.c.at))
        if of.providers:
            chosen = chosen.where(EVENT.c.provider == of.providers[0])
        if of.sendings:
            chosen = chosen.where(EVENT.c.sending == of.sendings[0])
        at: datetime | None = self._value(chosen)
        return at

    def first_at(self, sending: str) -> datetime | None:
        """Returns when the first report about a campaign came; None if there is none."""
        chosen = select(func.min(EVENT.c.at)).where(EVENT.c.sending == storable(sending))
        at: datetime | None = self._value(chosen)
        return at

    def days_of(self, sendings: Sequence[str], stream: str | None) -> dict[str, tuple[datetime, datetime]]:
        """Returns for each campaign the first and the last day with a bounce (the starts of these days)."""
        chosen = select(REPORT_COUNT.c.subject, func.min(REPORT_COUNT.c.slot), func.max(REPORT_COUNT.c.slot)).where(
            REPORT_COUNT.c.scope == CountScope.SENDING.value, REPORT_COUNT.c.subject.in_(list(sendings))
        ).group_by(REPORT_COUNT.c.subject)
        if stream is not None:
            chosen = chosen.where(REPORT_COUNT.c.stream == storable(stream))
        return {
            name: (start_of(int(first), DAY), start_of(int(last), DAY)) for name, first, last in self._rows(chosen)
        }

    def newest(self, span: Span, of: Of, limit: int) -> list[BounceEvent]:
        """Returns the newest reports of one provider or campaign."""
        chosen = select(EVENT).where(*_of_events(span, of)).order_by(EVENT.c.at.desc(), EVENT.c.id.desc()).limit(limit)
        return [event_from_row(row) for row in self._rows(chosen)]

    def suppressed(self, span: Span, stream: str | None = None) -> Suppressed:
        return self._suppressed(span, "''", stream).get("", Suppressed(0, 0))

    def suppressed_by_stream(self, span: Span) -> dict[str, int]:
        """Returns for each stream how many distinct addresses changed to "suppressed" in a time."""
        return {stream: found.addresses for stream, found in self._suppressed(span, "stream").items()}

    def _suppressed(self, span: Span, by: str, stream: str | None = None) -> dict[str, Suppressed]:
        """Counts by the value of an SQL expression."""
        values = {"since": span.since, "until": span.until} | ({} if stream is None else {"stream": storable(stream)})
        moments = [bindparam(name, type_=STATE_CHANGE.c.at.type) for name in ("since", "until")]
        with reading(self._engine) as connection:
            told = text(_SUPPRESSED.format(
                by=by, through="INDEXED BY state_change_by_state" if is_sqlite(connection) else "",
                of_stream="" if stream is None else "AND stream = :stream",
            ))
            return {
                str(name): Suppressed(int(addresses), int(complaints))
                for name, addresses, complaints in connection.execute(told.bindparams(*moments), values)
            }

    def suppressed_of(self, sending: str, stream: str) -> int:
        """Returns how many addresses with a bounce of this campaign are suppressed now."""
        about = and_(SUPPRESSION.c.recipient_key == EVENT.c.recipient_key, SUPPRESSION.c.stream == EVENT.c.stream)
        chosen = select(func.count(distinct(EVENT.c.recipient_key))).select_from(EVENT).join(SUPPRESSION, about).where(
            EVENT.c.sending == storable(sending), EVENT.c.stream == storable(stream),
            SUPPRESSION.c.state == State.SUPPRESSED.value,
        )
        return self._value(chosen) or 0

    def held(self) -> int:
        """Returns how many addresses have a held suppression now."""
        chosen = select(func.count(distinct(SUPPRESSION.c.recipient_key))).where(IS_PENDING)
        return self._value(chosen) or 0

    def latest_changes(self, limit: int, stream: str | None = None) -> list[StateChange]:
        """Returns the latest decisions, newest first. For one stream, searches only the newest changes."""
        chosen = select(STATE_CHANGE).order_by(STATE_CHANGE.c.number.desc()).limit(limit)
        with reading(self._engine) as connection:
            if stream is not None:
                last = connection.scalar(select(func.max(STATE_CHANGE.c.number))) or 0
                chosen = chosen.where(
                    STATE_CHANGE.c.number > last - _NEWEST_CHANGES, STATE_CHANGE.c.stream == storable(stream)
                )
            return [state_change_from_row(row) for row in connection.execute(chosen)]

    def sent(self, since: date, until: date) -> dict[str, Sent]:
        """Returns the sent mail by stream, `since` <= day < `until`. Leaves out streams without any counts."""
        inside = func.sum(case((SENT_COUNT.c.day >= since, LARGER), else_=literal(0)))
        chosen = select(SENT_COUNT.c.stream, func.min(SENT_COUNT.c.day), inside).where(
            SENT_COUNT.c.day >= since - _SENT_BEFORE, SENT_COUNT.c.day < until
        ).group_by(SENT_COUNT.c.stream)
        return {stream: Sent(int(number or 0), first <= since) for stream, first, number in self._rows(chosen)}

    def sent_of(self, sendings: Sequence[str], stream: str) -> dict[str, int]:
        """Returns how many mails of these campaigns were ever sent. Leaves out campaigns without any counts."""
        chosen = select(SENT_COUNT.c.sending, func.sum(LARGER)).where(
            _HAS_SENDING, SENT_COUNT.c.sending.in_([storable(each) for each in sendings]),
            SENT_COUNT.c.stream == storable(stream),
        ).group_by(SENT_COUNT.c.sending)
        return {sending: int(number) for sending, number in self._rows(chosen)}


def _pieces(span: Span) -> Iterator[tuple[timedelta | None, Span]]:
    """Splits a span into whole days, whole hours of partial days, and the rest, each with the length of its slots
    (None = the rest)."""
    if span.since >= span.until:
        return
    for length in (DAY, HOUR):
        first, behind = _up(span.since, length), start_of(slot_of(span.until, length), length)
        if first < behind:
            yield length, Span(first, behind)
            yield from _pieces(Span(span.since, first))
            yield from _pieces(Span(behind, span.until))
            return
    yield None, span


def _up(at: datetime, length: timedelta) -> datetime:
    start = start_of(slot_of(at, length), length)
    return start if start == at else start + length


def _totals(
    connection: Connection, span: Span, length: timedelta | None, of: Of, parts: Sequence[GroupBy]
) -> dict[Values, int]:
    scope = _scope(length, of, parts) if length else None
    if scope is CountScope.HOUR and not _keeps_hours(connection, span):
        scope = None
    columns, number, where = _counted_by(scope, span, of, parts)
    chosen = select(*columns, number).where(*where).group_by(*columns).having(number != 0)
    return {tuple(values): int(number) for *values, number in connection.execute(chosen)}


def _keeps_hours(connection: Connection, span: Span) -> bool:
    """Checks whether hourly counts of the span are still there: they are dropped after some weeks."""
    first = connection.scalar(_FIRST_SLOT.where(REPORT_COUNT.c.scope == CountScope.HOUR.value))
    return first is not None and start_of(int(first), HOUR) <= span.since


def _scope(length: timedelta | None, of: Of, parts: Sequence[GroupBy]) -> CountScope | None:
    """Returns the scope that keeps such counts; None if none does, and events must be counted."""
    by_sending = of.sendings is not None or GroupBy.SENDING in parts
    by_provider = of.providers is not None or GroupBy.PROVIDER in parts
    if by_sending and by_provider:
        return None
    if by_sending or by_provider:
        kept = CountScope.SENDING if by_sending else CountScope.PROVIDER
        return kept if length == DAY else None
    return CountScope.DAY if length == DAY else CountScope.HOUR


def _counted_by(
    scope: CountScope | None, span: Span, of: Of, parts: Sequence[GroupBy]
) -> tuple[list[ColumnElement[Any]], ColumnElement[Any], list[ColumnElement[bool]]]:
    """Returns the columns of `parts`, the number of bounces and the conditions: in the counts, or without a scope in
    the events."""
    if scope is None:
        return [_event_column(part) for part in parts], func.count(), _of_events(span, of)
    columns: list[ColumnElement[Any]] = [
        REPORT_COUNT.c.subject if part in (GroupBy.PROVIDER, GroupBy.SENDING) else REPORT_COUNT.c[part.value]
        for part in parts
    ]
    return columns, func.sum(REPORT_COUNT.c.number), _of_tally(scope, span, of)


def _of_tally(scope: CountScope, span: Span, of: Of) -> list[ColumnElement[bool]]:
    subjects = of.providers if of.sendings is None else of.sendings
    where = [
        REPORT_COUNT.c.scope == scope.value, REPORT_COUNT.c.slot >= slot_of(span.since, scope.length),
        REPORT_COUNT.c.slot < slot_of(span.until, scope.length),
    ]
    if subjects is not None:
        where.append(REPORT_COUNT.c.subject.in_([storable(each) for each in subjects]))
    return where + [
        REPORT_COUNT.c[name] == storable(value)
        for name, value in (("stream", of.stream), ("type", of.type), ("reason", of.reason)) if value is not None
    ]


def _event_column(part: GroupBy) -> ColumnElement[Any]:
    column: ColumnElement[Any] = EVENT.c[part.value]
    return func.coalesce(column, "") if part in (GroupBy.REASON, GroupBy.SENDING) else column


def _of_events(span: Span, of: Of) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [EVENT.c.at >= span.since, EVENT.c.at < span.until, EVENT.c.type.is_not(None)]
    for column, subjects in ((EVENT.c.provider, of.providers), (EVENT.c.sending, of.sendings)):
        if subjects is not None:
            where.append(column.in_(list(map(storable, subjects))))
    reason: ColumnElement[Any] = func.coalesce(EVENT.c.reason, "")
    return where + [
        column == storable(value)
        for column, value in ((EVENT.c.stream, of.stream), (EVENT.c.type, of.type), (reason, of.reason))
        if value is not None
    ]


def _event_hour(connection: Connection) -> ColumnElement[str]:
    if is_sqlite(connection):
        return func.strftime("%Y-%m-%d %H", EVENT.c.at)
    return func.to_char(EVENT.c.at, "YYYY-MM-DD HH24")  # the session's zone is UTC


def _hour(told: str) -> datetime:
    return datetime.strptime(told, "%Y-%m-%d %H").replace(tzinfo=UTC)
