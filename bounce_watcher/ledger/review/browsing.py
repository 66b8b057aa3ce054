"""Lists of the groups of unrecognised mail for people. `ledger.review.groups` stores the groups."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    Text,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    type_coerce,
)

from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.paging import Condition, Page, PagePosition, TookTooLong, Walk, looking
from bounce_watcher.ledger.db.query import FACETS_WITHIN, MOST_COUNTED, Choice, Facets, FilterField, Query
from bounce_watcher.ledger.db.statements import KEYS, chunks, is_sqlite
from bounce_watcher.ledger.db.tables import EVENT, MESSAGE, OPT_OUT, REVIEW_GROUP, event_from_row
from bounce_watcher.ledger.db.types import storable
from bounce_watcher.ledger.review.groups import GroupState, ReviewGroup
from bounce_watcher.model.ledger import BounceEvent, Misread
from bounce_watcher.model.times import utc_day

SAID_PAGE = 500
"""How many reports are read at a time. A search may stop after each page."""
LOOKED_AT = 200
"""How many of a group's newest events are read for its providers and codes."""
DAYS = 28
"""How many days are shown as a line, including today."""

_ORDER = (REVIEW_GROUP.c.rank, REVIEW_GROUP.c.recipients, REVIEW_GROUP.c.last_at, REVIEW_GROUP.c.gid)
_GROUPS = select(*_ORDER, *(each for each in REVIEW_GROUP.columns if each not in set(_ORDER)))
_NEWEST = (
    select(EVENT.c.provider, EVENT.c.status, EVENT.c.code).where(EVENT.c.review_group == bindparam("gid"))
    .order_by(EVENT.c.at.desc(), EVENT.c.id.desc()).limit(LOOKED_AT)
)
_COUNTED_IN = {
    EVENT: {Misread.FAILURE}, MESSAGE: {Misread.NOTICE, Misread.LETTER}, OPT_OUT: {Misread.OPT_OUT},
}
KEY_KINDS = (int, int, datetime, str)
"""The types of a page's key."""


def page(engine: Engine, wanted: Query, place: PagePosition, now: datetime | None) -> Page[ReviewGroup]:
    """Returns a page of groups: those that came back first, then by the number of recipients, then newest first.
    Raises TookTooLong.

    With `now`, the groups say how much came on each of the last days.
    """
    with looking(engine) as (connection, limit):
        found = _walk(wanted).page(connection, limit, place)
        rows = tuple(_group(row, *_seen(connection, row.gid)) for row in found.rows)
    return Page(_with_days(engine, rows, now), found.older, found.newer, found.looked_back_to)


def everything(engine: Engine, wanted: Query) -> Iterator[ReviewGroup]:
    """Yields all matching groups, in the order of `page`."""
    for row in _walk(wanted).all(engine):
        with reading(engine) as connection:
            yield _group(row, *_seen(connection, row.gid))


def facets(engine: Engine, wanted: Query) -> Facets | None:
    """Returns the number of groups by state, kind, language and provider; None if counting took too long."""
    walk = _walk(wanted)
    newest = walk.ordered().with_only_columns(REVIEW_GROUP.c.gid, *_COLUMNS.values()).limit(MOST_COUNTED).subquery()
    of_columns = [newest.c[column.key] for column in _COLUMNS.values()]
    counted = select(*of_columns, func.count()).group_by(*of_columns)
    of_providers = (
        select(EVENT.c.provider, func.count(EVENT.c.review_group.distinct()))
        .where(EVENT.c.review_group.in_(select(newest.c.gid))).group_by(EVENT.c.provider)
    )
    try:
        with looking(engine, within=FACETS_WITHIN) as (connection, _):
            rows = connection.execute(counted).all()
            providers = {str(name): int(number) for name, number in connection.execute(of_providers)}
    except TookTooLong:
        return None
    counts: dict[FilterField, Counter[str]] = {by: Counter() for by in _COLUMNS}
    for *values, number in rows:
        for by, value in zip(_COLUMNS, values, strict=True):
            counts[by][value] += number
    total = counts[FilterField.STATE].total()
    return Facets(total, total >= MOST_COUNTED, {**counts, FilterField.PROVIDER: providers})


def group(engine: Engine, gid: str, now: datetime | None) -> ReviewGroup | None:
    with reading(engine) as connection:
        row = connection.execute(_GROUPS.where(REVIEW_GROUP.c.gid == storable(gid))).first()
        found = _group(row, *_seen(connection, row.gid)) if row else None
    return _with_days(engine, [found], now)[0] if found else None


def _with_days(engine: Engine, groups: Sequence[ReviewGroup], now: datetime | None) -> tuple[ReviewGroup, ...]:
    """Adds to the groups how much came on each of the last days; leaves it out if counting took too long."""
    if now is None:
        return tuple(groups)
    since = utc_day(now) - timedelta(days=DAYS - 1)
    counts: dict[tuple[str, str], int] = {}
    try:
        with looking(engine, within=FACETS_WITHIN) as (connection, _):
            for table, kinds in _COUNTED_IN.items():
                gids = [each.gid for each in groups if each.kind in kinds]
                counts.update(_by_day(connection, table, gids, since) if gids else ())
    except TookTooLong:
        return tuple(groups)
    days = [(since + timedelta(days=n)).isoformat() for n in range(DAYS)]
    return tuple(replace(each, days=tuple(counts.get((each.gid, day), 0) for day in days)) for each in groups)


def _by_day(
    connection: Connection, table: Table, gids: Sequence[str], since: date
) -> Iterator[tuple[tuple[str, str], int]]:
    """Yields how many of each group came on each UTC day from `since` on. Reads only an index."""
    at = table.c.received_at if table is MESSAGE else table.c.at
    day: ColumnElement[str] = (
        func.substr(type_coerce(at, Text), 1, 10) if is_sqlite(connection)
        else func.to_char(func.timezone("UTC", at), "YYYY-MM-DD")
    )
    start = datetime.combine(since, datetime.min.time(), UTC)
    counted = select(table.c.review_group, day, func.count()).where(
        table.c.review_group.in_(KEYS), at >= start
    ).group_by(table.c.review_group, literal_column("2"))
    for gid, told, number in connection.execute(counted, {"keys": list(gids)}):
        yield (gid, told), number


@dataclass(frozen=True, slots=True)
class UnreadMail:
    """A message of a group in which no recipient was found."""

    digest: str
    received_at: datetime
    mailbox: str | None
    source: str
    size: int


_MAIL_COLUMNS = (MESSAGE.c.digest, MESSAGE.c.received_at, MESSAGE.c.mailbox, MESSAGE.c.source, MESSAGE.c.size)


def mails(engine: Engine, gid: str, limit: int, *, newest_first: bool = True) -> list[UnreadMail]:
    """Returns up to `limit` messages of a group, the newest or the oldest."""
    order = [each.desc() if newest_first else each.asc() for each in (MESSAGE.c.received_at, MESSAGE.c.digest)]
    chosen = select(*_MAIL_COLUMNS).where(MESSAGE.c.review_group == storable(gid)).order_by(*order).limit(limit)
    with reading(engine) as connection:
        return [UnreadMail(*row) for row in connection.execute(chosen)]


def mail(engine: Engine, gid: str, digest: str) -> UnreadMail | None:
    """Returns one message of a group; None if it is not in the group."""
    chosen = select(*_MAIL_COLUMNS).where(
        MESSAGE.c.digest == storable(digest), MESSAGE.c.review_group == storable(gid)
    )
    with reading(engine) as connection:
        row = connection.execute(chosen).first()
    return UnreadMail(*row) if row else None


def events(engine: Engine, gid: str, limit: int, *, newest_first: bool = True) -> list[BounceEvent]:
    """Returns up to `limit` events of a group, the newest or the oldest."""
    order = [each.desc() if newest_first else each.asc() for each in (EVENT.c.at, EVENT.c.id)]
    chosen = select(EVENT).where(EVENT.c.review_group == storable(gid)).order_by(*order).limit(limit)
    with reading(engine) as connection:
        return [event_from_row(row) for row in connection.execute(chosen)]


_SAID = (
    select(EVENT.c.at, EVENT.c.id, EVENT.c.diagnostic)
    .order_by(EVENT.c.at.desc(), EVENT.c.id.desc()).limit(SAID_PAGE)
)
_NAMED = select(EVENT).where(EVENT.c.id.in_(KEYS))


def said(engine: Engine, since: datetime) -> Iterator[Sequence[tuple[datetime, str, str | None]]]:
    """Yields the diagnostic of every event from `since` on, newest first, in pages: the time, the event's id, the text.
    """
    wanted = _SAID.where(EVENT.c.at >= since)
    place: Condition | None = None
    while True:
        with reading(engine) as connection:
            rows = connection.execute(wanted if place is None else wanted.where(place)).all()
        if rows:
            yield [(at, name, words) for at, name, words in rows]
        if len(rows) < SAID_PAGE:
            return
        place = tuple_(EVENT.c.at, EVENT.c.id) < (rows[-1].at, rows[-1].id)


def named(engine: Engine, ids: Sequence[str]) -> list[BounceEvent]:
    """Returns the events with these ids, newest first."""
    with reading(engine) as connection:
        rows = [row for part in chunks(ids) for row in connection.execute(_NAMED, {"keys": list(part)})]
    return sorted(map(event_from_row, rows), key=lambda event: (event.at, event.id), reverse=True)


def _walk(wanted: Query) -> Walk:
    return Walk(_GROUPS, _ORDER, (), tuple(_conditions(wanted)))


def _conditions(wanted: Query) -> Iterator[Condition]:
    for by, choice in wanted.choices.items():
        if by in _COLUMNS:
            yield from _is(_COLUMNS[by], choice)
        elif by is FilterField.PROVIDER:
            yield from _providers(choice)
    if wanted.since is not None:
        yield REVIEW_GROUP.c.last_at >= wanted.since
    if wanted.until is not None:
        yield REVIEW_GROUP.c.first_at < wanted.until
    for words in wanted.words:
        yield REVIEW_GROUP.c.wording.icontains(storable(words), autoescape=True)


_COLUMNS = {FilterField.KIND: REVIEW_GROUP.c.kind, FilterField.STATE: REVIEW_GROUP.c.state,
            FilterField.LANGUAGE: REVIEW_GROUP.c.language}


def _is(column: ColumnElement[str], choice: Choice) -> Iterator[Condition]:
    if choice.any_of:
        yield column.in_(choice.any_of)
    if choice.none_of:
        yield column.not_in(choice.none_of)


def _providers(choice: Choice) -> Iterator[Condition]:
    def has(names: Iterable[str]) -> Condition:
        return or_(*(
            exists().where(EVENT.c.review_group == REVIEW_GROUP.c.gid, EVENT.c.provider == storable(name))
            for name in names
        ))

    if choice.any_of:
        yield has(choice.any_of)
    if choice.none_of:
        yield ~has(choice.none_of)


def _seen(connection: Connection, gid: str) -> tuple[Counter[str], Counter[str]]:
    """Counts the providers and the codes of a group's newest events."""
    providers: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for provider, status, code in connection.execute(_NEWEST, {"gid": gid}):
        providers[provider] += 1
        codes[status or (str(code) if code else "")] += 1
    codes.pop("", None)
    return providers, codes


def _group(row: Any, providers: Counter[str], codes: Counter[str]) -> ReviewGroup:
    return ReviewGroup(
        row.gid, Misread(row.kind), row.wording, row.language, GroupState(row.state), row.mails, row.recipients,
        row.first_at, row.last_at, row.a_day, row.because, row.decided_at,
        dict(providers.most_common()), dict(codes.most_common()),
    )
