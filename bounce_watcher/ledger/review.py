"""What was not recognised, grouped by what it says: kept with each page, looked through by people.

A group is the failures whose words are the same but for addresses, hosts, dates, ids and numbers (`policy.masking`).
Its row is written in the transaction that writes its events, and counts what is kept of them.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from bounce_watcher.ledger.browse import FACETS_WITHIN, MOST_COUNTED, By, Choice, Facets, Query
from bounce_watcher.ledger.engine import reading, write
from bounce_watcher.ledger.paging import Condition, Page, Place, TookTooLong, Walk, looking
from bounce_watcher.ledger.statements import KEYS, chunks, insert_into
from bounce_watcher.ledger.tables import EVENT, REVIEW_GROUP, event_from_row
from bounce_watcher.ledger.types import FORGOTTEN, recipient_key, storable
from bounce_watcher.model.ledger import BounceEvent, EventType
from bounce_watcher.policy import masking
from bounce_watcher.policy.words import utc_day

SAID_PAGE = 500
"""Reports that are read at a time: what looks through them may stop behind each."""
LOOKED_AT = 200
"""Of a group, the newest events that tell its providers and codes."""
_DIGITS = 16


class GroupState(StrEnum):
    NEW = "new"
    BACK = "back"          # it came again after somebody had dealt with it
    DRAFTED = "drafted"    # a rule was saved for it
    RULED = "ruled"        # rules of today recognise all of it
    ASIDE = "aside"


OPEN = (GroupState.NEW, GroupState.BACK)
"""What waits for a person."""


@dataclass(frozen=True, slots=True)
class Group:
    """`a_day`, `because` and `decided_at` (aware) are those of the last decision on it.

    `providers` and `codes` are counted in its newest `LOOKED_AT` events. The code is the enhanced one, or the reply's.
    """

    gid: str
    wording: str
    state: GroupState
    mails: int
    recipients: int
    first_at: datetime
    last_at: datetime
    a_day: int | None = None
    because: str | None = None
    decided_at: datetime | None = None
    providers: Mapping[str, int] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)


# ── kept ────────────────────────────────────────────────────────────────────────────────────────────────────────────

def wording_of(event: BounceEvent) -> str:
    """What it says but for what varies: the server's words, or else those that it was recognised by."""
    return storable(masking.wording(event.diagnostic or event.quote or "", event.recipient))


def group_of(event: BounceEvent) -> str | None:
    """The group of a failure that was not recognised; None of all else, and of those of whom nothing is kept."""
    if event.type is not EventType.UNDETERMINED or event.recipient.startswith(FORGOTTEN):
        return None
    return _gid(wording_of(event))


def _gid(wording: str) -> str:
    return hashlib.sha256(wording.encode()).hexdigest()[:_DIGITS]


@dataclass(slots=True)
class _More:
    """What a page adds to a group."""

    wording: str
    times: list[datetime] = field(default_factory=list)
    by_recipient: Counter[str] = field(default_factory=Counter)


_DEALT_WITH = (GroupState.DRAFTED.value, GroupState.RULED.value)
_COMES_BACK = {"state": GroupState.BACK.value, "rank": 1}
_OF_RECIPIENTS = (
    select(EVENT.c.review_group, EVENT.c.recipient_key, func.count())
    .where(EVENT.c.review_group == bindparam("gid"), EVENT.c.recipient_key.in_(KEYS))
    .group_by(EVENT.c.review_group, EVENT.c.recipient_key)
)
_WITH_LIMIT = select(REVIEW_GROUP.c.gid, REVIEW_GROUP.c.a_day).where(
    REVIEW_GROUP.c.gid.in_(KEYS), REVIEW_GROUP.c.state == GroupState.ASIDE.value, REVIEW_GROUP.c.a_day.is_not(None)
).order_by(REVIEW_GROUP.c.gid)
_ON_DAY = select(func.count()).where(
    EVENT.c.review_group == bindparam("gid"), EVENT.c.at >= bindparam("since"), EVENT.c.at < bindparam("until")
)
_ADD_RECIPIENTS = update(REVIEW_GROUP).where(REVIEW_GROUP.c.gid == bindparam("of_gid")).values(
    recipients=REVIEW_GROUP.c.recipients + bindparam("more")
)


def add(connection: Connection, events: Iterable[BounceEvent]) -> None:
    """Enters new events, which stand in their table already, in the caller's transaction."""
    found: dict[str, _More] = {}
    for event in events:
        gid = group_of(event)
        if gid is not None:
            more = found.setdefault(gid, _More(wording_of(event)))
            more.times.append(event.at)
            more.by_recipient[recipient_key(event.recipient)] += 1
    if not found:
        return
    for part in chunks(sorted(found)):
        _put(connection, {gid: found[gid] for gid in part})
        _bring_back(connection, part, found)
    connection.execute(_ADD_RECIPIENTS, [
        {"of_gid": gid, "more": _fresh(connection, gid, found[gid])} for gid in sorted(found)
    ])


def _put(connection: Connection, found: Mapping[str, _More]) -> None:
    """Locks the rows in the order of their keys: two writers wait for each other at most once."""
    insertion = insert_into(connection, REVIEW_GROUP).values([
        {
            "gid": gid, "wording": more.wording, "state": GroupState.NEW.value, "rank": 0, "mails": len(more.times),
            "recipients": 0, "first_at": min(more.times), "last_at": max(more.times),
        }
        for gid, more in found.items()
    ])
    old, new = REVIEW_GROUP.c, insertion.excluded
    comes_back = and_(old.state.in_(_DEALT_WITH), new.last_at > old.decided_at)
    connection.execute(insertion.on_conflict_do_update(index_elements=["gid"], set_={
        "mails": old.mails + new.mails,
        "first_at": case((new.first_at < old.first_at, new.first_at), else_=old.first_at),
        "last_at": case((new.last_at > old.last_at, new.last_at), else_=old.last_at),
        **{name: case((comes_back, value), else_=old[name]) for name, value in _COMES_BACK.items()},
    }))


def _bring_back(connection: Connection, gids: Sequence[str], found: Mapping[str, _More]) -> None:
    """What was set aside until it comes more often, and does."""
    for gid, a_day in connection.execute(_WITH_LIMIT, {"keys": list(gids)}).all():
        days = {datetime.combine(utc_day(at), datetime.min.time(), UTC) for at in found[gid].times}
        counts = (
            connection.scalar(_ON_DAY, {"gid": gid, "since": since, "until": since + timedelta(days=1)})
            for since in sorted(days)
        )
        if any((count or 0) > a_day for count in counts):
            connection.execute(update(REVIEW_GROUP).where(REVIEW_GROUP.c.gid == gid).values(**_COMES_BACK))


def _fresh(connection: Connection, gid: str, more: _More) -> int:
    """How many recipients the group had no report of before: those that have no more than this page brings."""
    return sum(
        number == more.by_recipient[key]
        for part in chunks(sorted(more.by_recipient))
        for _, key, number in connection.execute(_OF_RECIPIENTS, {"gid": gid, "keys": list(part)})
    )


def correct(connection: Connection, changed: Sequence[tuple[BounceEvent, BounceEvent]]) -> None:
    """Enters events that read otherwise now, and stand so in their table: each before and after."""
    moved = [(group_of(before), after) for before, after in changed if group_of(before) != group_of(after)]
    add(connection, [after for _, after in moved])
    recount(connection, {gid for gid, _ in moved if gid is not None}, by_rules=True)


_LOCKED = select(REVIEW_GROUP.c.gid, REVIEW_GROUP.c.state).where(REVIEW_GROUP.c.gid.in_(KEYS)).order_by(
    REVIEW_GROUP.c.gid
).with_for_update()
_COUNTED = (
    select(EVENT.c.review_group, func.count(), func.count(EVENT.c.recipient_key.distinct()), func.min(EVENT.c.at),
           func.max(EVENT.c.at))
    .where(EVENT.c.review_group.in_(KEYS)).group_by(EVENT.c.review_group)
)
_PUT_COUNTS = update(REVIEW_GROUP).where(REVIEW_GROUP.c.gid == bindparam("of_gid")).values(
    mails=bindparam("number"), recipients=bindparam("people"), first_at=bindparam("oldest"),
    last_at=bindparam("newest"),
)


def recount(connection: Connection, gids: Collection[str], *, by_rules: bool = False) -> None:
    """Counts groups anew that have lost events. One without any goes, unless something was decided on it.

    With `by_rules` it is today's rules that recognise them.
    """
    for part in chunks(sorted(gids)):
        states = {gid: GroupState(state) for gid, state in connection.execute(_LOCKED, {"keys": list(part)})}
        counted = connection.execute(_COUNTED, {"keys": list(part)}).all()
        if counted:
            connection.execute(_PUT_COUNTS, [
                {"of_gid": gid, "number": number, "people": people, "oldest": oldest, "newest": newest}
                for gid, number, people, oldest, newest in counted
            ])
        empty = states.keys() - {row[0] for row in counted}
        if empty:
            _empty(connection, {gid: states[gid] for gid in sorted(empty)}, by_rules=by_rules)


def _empty(connection: Connection, states: Mapping[str, GroupState], *, by_rules: bool) -> None:
    ruled = [gid for gid, state in states.items() if by_rules and state is not GroupState.ASIDE]
    gone = [gid for gid, state in states.items() if state in OPEN and not by_rules]
    kept = [gid for gid in states if gid not in {*ruled, *gone}]
    none_left = {"mails": 0, "recipients": 0}
    by_rule = {**none_left, "state": GroupState.RULED.value, "rank": 0, "decided_at": REVIEW_GROUP.c.last_at}
    connection.execute(delete(REVIEW_GROUP).where(REVIEW_GROUP.c.gid.in_(gone)))
    connection.execute(update(REVIEW_GROUP).where(REVIEW_GROUP.c.gid.in_(ruled)).values(by_rule))
    connection.execute(update(REVIEW_GROUP).where(REVIEW_GROUP.c.gid.in_(kept)).values(none_left))


# ── decided ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def set_aside(engine: Engine, gid: str, a_day: int | None, because: str, now: datetime) -> bool:
    """Until more than `a_day` come on one day of UTC, None = for good. False where there is no such group."""
    return _decide(engine, gid, GroupState.ASIDE, a_day, because, now)


def note_rule(engine: Engine, gid: str, because: str, now: datetime) -> bool:
    """That a rule was saved for a group. False where there is no such group."""
    return _decide(engine, gid, GroupState.DRAFTED, None, because, now)


def take_up(engine: Engine, gid: str, because: str, now: datetime) -> bool:
    """Puts it among what waits for a person. False where there is no such group."""
    return _decide(engine, gid, GroupState.NEW, None, because, now)


def _decide(engine: Engine, gid: str, state: GroupState, a_day: int | None, because: str, now: datetime) -> bool:
    put = update(REVIEW_GROUP).where(REVIEW_GROUP.c.gid == storable(gid)).values(
        state=state.value, rank=0, a_day=a_day, because=storable(because), decided_at=now
    )
    return write(engine, lambda connection: connection.execute(put).rowcount) == 1


# ── looked at ───────────────────────────────────────────────────────────────────────────────────────────────────────

_ORDER = (REVIEW_GROUP.c.rank, REVIEW_GROUP.c.recipients, REVIEW_GROUP.c.last_at, REVIEW_GROUP.c.gid)
_GROUPS = select(*_ORDER, *(each for each in REVIEW_GROUP.columns if each not in set(_ORDER)))
_NEWEST = (
    select(EVENT.c.provider, EVENT.c.status, EVENT.c.code).where(EVENT.c.review_group == bindparam("gid"))
    .order_by(EVENT.c.at.desc(), EVENT.c.id.desc()).limit(LOOKED_AT)
)
_IS_OPEN = REVIEW_GROUP.c.state.in_([literal_column(f"'{each.value}'") for each in OPEN])
"""Written out, no parameter: only so do the planners see that the partial index fits."""
KEY_KINDS = (int, int, datetime, str)
"""The types of a page's key."""


def page(engine: Engine, wanted: Query, place: Place) -> Page[Group]:
    """What came back first, then what touches most recipients, the newest first. Raises TookTooLong."""
    with looking(engine) as (connection, limit):
        found = _walk(wanted).page(connection, limit, place)
        rows = tuple(_group(row, *_seen(connection, row.gid)) for row in found.rows)
    return Page(rows, found.older, found.newer, found.looked_back_to)


def everything(engine: Engine, wanted: Query) -> Iterator[Group]:
    """Any number, in that order."""
    for row in _walk(wanted).all(engine):
        with reading(engine) as connection:
            yield _group(row, *_seen(connection, row.gid))


def facets(engine: Engine, wanted: Query) -> Facets | None:
    """How many by state; None where counting took too long."""
    walk = _walk(wanted)
    newest = walk.ordered(*walk.also).with_only_columns(REVIEW_GROUP.c.state).limit(MOST_COUNTED + 1).subquery()
    try:
        with looking(engine, FACETS_WITHIN) as (connection, _):
            rows = connection.execute(select(newest.c.state, func.count()).group_by(newest.c.state)).all()
    except TookTooLong:
        return None
    counts = {str(state): int(number) for state, number in rows}
    total = sum(counts.values())
    return Facets(min(total, MOST_COUNTED), total > MOST_COUNTED, {By.STATE: counts})


def group(engine: Engine, gid: str) -> Group | None:
    with reading(engine) as connection:
        row = connection.execute(_GROUPS.where(REVIEW_GROUP.c.gid == storable(gid))).first()
        return _group(row, *_seen(connection, row.gid)) if row else None


def events(engine: Engine, gid: str, limit: int, *, newest_first: bool = True) -> list[BounceEvent]:
    """Some of a group, from one end of it."""
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
    """What servers said in every report since then, the newest first, in pages: when, the event's id, and the words."""
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
    """The events of these ids, the newest first."""
    with reading(engine) as connection:
        rows = [row for part in chunks(ids) for row in connection.execute(_NAMED, {"keys": list(part)})]
    return sorted(map(event_from_row, rows), key=lambda event: (event.at, event.id), reverse=True)


def count_open(connection: Connection, most: int) -> int:
    """How many groups wait for a person, `most` of them at most."""
    waiting = select(REVIEW_GROUP.c.gid).where(_IS_OPEN).limit(most)
    return connection.scalar(select(func.count()).select_from(waiting.subquery())) or 0


def _walk(wanted: Query) -> Walk:
    return Walk(_GROUPS, _ORDER, (), tuple(_conditions(wanted)))


def _conditions(wanted: Query) -> Iterator[Condition]:
    for by, choice in wanted.choices.items():
        if by is By.STATE:
            yield from _states(choice)
        elif by is By.PROVIDER:
            yield from _providers(choice)
    if wanted.since is not None:
        yield REVIEW_GROUP.c.last_at >= wanted.since
    if wanted.until is not None:
        yield REVIEW_GROUP.c.first_at < wanted.until
    for words in wanted.words:
        yield REVIEW_GROUP.c.wording.icontains(storable(words), autoescape=True)


def _states(choice: Choice) -> Iterator[Condition]:
    if choice.any_of:
        yield REVIEW_GROUP.c.state.in_(choice.any_of)
    if choice.none_of:
        yield REVIEW_GROUP.c.state.not_in(choice.none_of)


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
    """Providers and codes of its newest events, the most first."""
    providers: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for provider, status, code in connection.execute(_NEWEST, {"gid": gid}):
        providers[provider] += 1
        codes[status or (str(code) if code else "")] += 1
    codes.pop("", None)
    return providers, codes


def _group(row: Any, providers: Counter[str], codes: Counter[str]) -> Group:
    return Group(
        row.gid, row.wording, GroupState(row.state), row.mails, row.recipients, row.first_at, row.last_at, row.a_day,
        row.because, row.decided_at, dict(providers.most_common()), dict(codes.most_common()),
    )
