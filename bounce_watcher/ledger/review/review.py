"""What waits for a person: unrecognised mail, grouped by wording, and opt-outs. `groups` and `optouts` store them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    Text,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    type_coerce,
    update,
)

from bounce_watcher.ledger.actions import Act, Acting
from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.paging import Condition, Page, PagePosition, TookTooLong, ValueCounts, Walk, looking
from bounce_watcher.ledger.db.query import (
    FACETS_WITHIN,
    MOST_COUNTED,
    Choice,
    Facets,
    FilterField,
    Query,
    among,
    chosen_by,
    facets,
    with_rows,
)
from bounce_watcher.ledger.db.statements import KEYS, chunks, is_sqlite
from bounce_watcher.ledger.db.tables import EVENT, MESSAGE, OPT_OUT, REVIEW_GROUP, event_from_row
from bounce_watcher.ledger.db.types import recipient_key, storable
from bounce_watcher.ledger.naming import forget
from bounce_watcher.ledger.review.groups import OPT_OUTS, GroupState, ReviewGroup, count_opt_outs, lock_opt_outs
from bounce_watcher.ledger.review.optouts import IS_WAITING
from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.ledger import FAILED_RECIPIENTS, Actor, BounceEvent, Misread
from bounce_watcher.model.optout import AskedBy, KeptOptOut, OptOut
from bounce_watcher.model.times import utc_day

SAID_PAGE = 500
"""How many reports are read at a time. A search may stop after each page."""
LOOKED_AT = 200
"""How many of a group's newest events are read for its providers and codes."""
DAYS = 28
"""How many days are shown as a line, including today."""
MOST_OF_ONE = 50
"""How many opt-outs of one address are shown: the latest."""
KEY_KINDS, OPT_OUT_KEY_KINDS = (int, int, datetime, str), (datetime, str)
"""The types of a page's key."""

_ORDER = (REVIEW_GROUP.c.rank, REVIEW_GROUP.c.recipients, REVIEW_GROUP.c.last_at, REVIEW_GROUP.c.gid)
_GROUPS = select(*_ORDER, *(each for each in REVIEW_GROUP.columns if each not in set(_ORDER)))
_NEWEST = (
    select(EVENT.c.provider, EVENT.c.status, EVENT.c.code).where(EVENT.c.review_group == bindparam("gid"))
    .order_by(EVENT.c.at.desc(), EVENT.c.id.desc()).limit(LOOKED_AT)
)
_COUNTED_IN = {
    EVENT: FAILED_RECIPIENTS, MESSAGE: {Misread.NOTICE, Misread.LETTER}, OPT_OUT: {Misread.OPT_OUT},
}
_COLUMNS = {FilterField.KIND: REVIEW_GROUP.c.kind, FilterField.STATE: REVIEW_GROUP.c.state,
            FilterField.LANGUAGE: REVIEW_GROUP.c.language}
_MAIL_COLUMNS = (MESSAGE.c.digest, MESSAGE.c.received_at, MESSAGE.c.mailbox, MESSAGE.c.source, MESSAGE.c.size)
_OPT_OUT_ORDER = (OPT_OUT.c.at, OPT_OUT.c.id)
_OPT_OUT_ROWS = select(*_OPT_OUT_ORDER, *(each for each in OPT_OUT.columns if each not in set(_OPT_OUT_ORDER)))


@dataclass(frozen=True, slots=True)
class UnreadMail:
    """A message of a group in which no recipient was found."""

    digest: str
    received_at: datetime
    mailbox: str | None
    source: str
    size: int


class Review(Acting):
    """The capability for what waits for a person: unrecognised mail, grouped by wording, and opt-outs."""

    # ── groups ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def page(self, wanted: Query, place: PagePosition, now: datetime | None = None) -> Page[ReviewGroup]:
        """Returns a page of groups: those that came back first, then by the number of recipients, then newest first.
        Raises TookTooLong.

        With `now`, the groups say how much came on each of the last days.
        """
        with looking(self._engine) as (connection, limit):
            found = _walk(wanted).page(connection, limit, place)
            rows = [_group(connection, row) for row in found.rows]
        return with_rows(found, self._with_days(rows, now))

    def groups(self, wanted: Query) -> Iterator[ReviewGroup]:
        """Yields all matching groups, in the order of `page`."""
        for row in _walk(wanted).all(self._engine):
            with reading(self._engine) as connection:
                yield _group(connection, row)

    def facets(self, wanted: Query) -> Facets | None:
        """Returns the number of groups by state, kind, language and provider; None if counting took too long."""
        ordered = _walk(wanted).ordered()
        newest = ordered.with_only_columns(REVIEW_GROUP.c.gid, *_COLUMNS.values()).limit(MOST_COUNTED).subquery()
        of_columns = [newest.c[column.key] for column in _COLUMNS.values()]
        counted = select(*of_columns, func.count()).group_by(*of_columns)
        of_providers = (
            select(EVENT.c.provider, func.count(EVENT.c.review_group.distinct()))
            .where(EVENT.c.review_group.in_(select(newest.c.gid))).group_by(EVENT.c.provider)
        )
        try:
            with looking(self._engine, within=FACETS_WITHIN) as (connection, _):
                rows = connection.execute(counted).all()
                providers = {str(name): int(number) for name, number in connection.execute(of_providers)}
        except TookTooLong:
            return None
        counts = Counter({tuple(values): int(number) for *values, number in rows})
        found = facets(tuple(_COLUMNS), ValueCounts(counts, counts.total() >= MOST_COUNTED))
        return replace(found, counts={**found.counts, FilterField.PROVIDER: providers})

    def group(self, gid: str, now: datetime | None = None) -> ReviewGroup | None:
        """Returns the group with that id, None if there is none. With `now`, it has the counts of its last days."""
        with reading(self._engine) as connection:
            row = connection.execute(_GROUPS.where(REVIEW_GROUP.c.gid == storable(gid))).first()
            found = _group(connection, row) if row else None
        return self._with_days([found], now)[0] if found else None

    def _with_days(self, groups: Sequence[ReviewGroup], now: datetime | None) -> Sequence[ReviewGroup]:
        """Adds to the groups how much came on each of the last days; leaves it out if counting took too long."""
        if now is None:
            return groups
        since = utc_day(now) - timedelta(days=DAYS - 1)
        counts: dict[tuple[str, str], int] = {}
        try:
            with looking(self._engine, within=FACETS_WITHIN) as (connection, _):
                for table, kinds in _COUNTED_IN.items():
                    gids = [each.gid for each in groups if each.kind in kinds]
                    counts.update(_by_day(connection, table, gids, since) if gids else ())
        except TookTooLong:
            return groups
        days = [(since + timedelta(days=n)).isoformat() for n in range(DAYS)]
        return [replace(each, days=tuple(counts.get((each.gid, day), 0) for day in days)) for each in groups]

    def events(self, gid: str, limit: int, *, newest_first: bool = True) -> list[BounceEvent]:
        """Returns up to `limit` events of a group, the newest or the oldest."""
        order = [each.desc() if newest_first else each.asc() for each in (EVENT.c.at, EVENT.c.id)]
        chosen = select(EVENT).where(EVENT.c.review_group == storable(gid)).order_by(*order).limit(limit)
        return [event_from_row(row) for row in self._rows(chosen)]

    def mails(self, gid: str, limit: int, *, newest_first: bool = True) -> list[UnreadMail]:
        """Returns up to `limit` messages of a group in which no recipient was found, the newest or the oldest."""
        order = [each.desc() if newest_first else each.asc() for each in (MESSAGE.c.received_at, MESSAGE.c.digest)]
        chosen = select(*_MAIL_COLUMNS).where(MESSAGE.c.review_group == storable(gid)).order_by(*order).limit(limit)
        return [UnreadMail(*row) for row in self._rows(chosen)]

    def mail(self, gid: str, digest: str) -> UnreadMail | None:
        """Returns one message of a group in which no recipient was found; None if it is not in the group."""
        chosen = select(*_MAIL_COLUMNS).where(
            MESSAGE.c.digest == storable(digest), MESSAGE.c.review_group == storable(gid)
        )
        row = self._row(chosen)
        return UnreadMail(*row) if row else None

    def said(self, since: datetime) -> Iterator[Sequence[tuple[datetime, str, str | None]]]:
        """Yields the diagnostic of every event from `since` on, newest first, in pages: the time, the event's id, the
        text."""
        order = (EVENT.c.at, EVENT.c.id)
        wanted = (
            select(*order, EVENT.c.diagnostic).where(EVENT.c.at >= since)
            .order_by(*(each.desc() for each in order)).limit(SAID_PAGE)
        )
        page = wanted
        while True:
            rows = self._rows(page)
            if rows:
                yield [(at, name, words) for at, name, words in rows]
            if len(rows) < SAID_PAGE:
                return
            page = wanted.where(tuple_(*order) < (rows[-1].at, rows[-1].id))

    def events_named(self, ids: Sequence[str]) -> list[BounceEvent]:
        """Returns the events with these ids, newest first."""
        named = select(EVENT).where(EVENT.c.id.in_(KEYS))
        with reading(self._engine) as connection:
            rows = [row for part in chunks(ids) for row in connection.execute(named, {"keys": list(part)})]
        return sorted(map(event_from_row, rows), key=lambda event: (event.at, event.id), reverse=True)

    def set_aside(self, gid: str, a_day: int | None, by: Actor) -> bool:
        """Sets a group aside until more than `a_day` come on one UTC day (None = for good). Returns False if there is
        no such group."""
        return self._decide(gid, GroupState.ASIDE, by, "set aside", a_day=a_day)

    def note_rule(self, gid: str, rule: str, by: Actor) -> bool:
        """Records that the rule with that id was saved for a group. Returns False if there is no such group."""
        return self._decide(gid, GroupState.DRAFTED, by, f"saved the rule {rule}", because=f"{rule}: ")

    def take_up(self, gid: str, by: Actor) -> bool:
        """Makes a group that was dealt with wait for a person again. Returns False if there is no such group."""
        return self._decide(gid, GroupState.NEW, by, "taken up again")

    def _decide(
        self, gid: str, state: GroupState, by: Actor, action: str, *, a_day: int | None = None, because: str = ""
    ) -> bool:
        def work(connection: Connection) -> int | None:
            note = storable(because + forget.unnamed(connection, by.note or ""))
            here = update(REVIEW_GROUP).where(
                REVIEW_GROUP.c.gid == storable(gid), REVIEW_GROUP.c.gid != OPT_OUTS
            )
            decided = here.values(state=state.value, rank=0, a_day=a_day, because=note, decided_at=by.at)
            mails: int | None = connection.scalar(decided.returning(REVIEW_GROUP.c.mails))
            return mails

        return self._act(Act(by, action, gid), work, lambda mails: mails) is not None

    # ── opt-outs ────────────────────────────────────────────────────────────────────────────────────────────────────

    def opt_out_page(self, place: PagePosition, *, done: bool = False) -> Page[KeptOptOut]:
        """Returns a page of the waiting or the settled opt-outs, newest first. Raises TookTooLong."""
        with looking(self._engine) as (connection, limit):
            found = _opt_out_walk(done=done).page(connection, limit, place)
        return with_rows(found, map(_kept, found.rows))

    def opt_outs(self, *, done: bool = False) -> Iterator[KeptOptOut]:
        """Yields all waiting or all settled opt-outs, newest first."""
        return map(_kept, _opt_out_walk(done=done).all(self._engine))

    def opt_out(self, name: str) -> KeptOptOut | None:
        """Returns the opt-out with that id; None if there is none."""
        row = self._row(_OPT_OUT_ROWS.where(OPT_OUT.c.id == storable(name)))
        return _kept(row) if row else None

    def opt_outs_of(self, address: str) -> list[KeptOptOut]:
        """Returns the opt-outs that name an address as the recipient, and those that it sent itself, newest first."""
        key = recipient_key(forget.known_as(self._engine, address))
        sent = and_(OPT_OUT.c.sender_key == key, OPT_OUT.c.by == AskedBy.MAIL.value)
        chosen = _OPT_OUT_ROWS.where(or_(OPT_OUT.c.recipient_key == key, sent))
        newest = chosen.order_by(*(each.desc() for each in _OPT_OUT_ORDER)).limit(MOST_OF_ONE)
        return [_kept(row) for row in self._rows(newest)]

    def settle_opt_outs(
        self, ids: Sequence[str], by: Actor, *, recipient: str | None = None, is_done: bool = True
    ) -> int:
        """Marks opt-outs as dealt with, or as waiting again if not `is_done`. Returns how many were changed.

        The log names `recipient` if they are all of one, else their group.
        """
        def work(connection: Connection) -> int:
            name, note = (each and storable(forget.unnamed(connection, each)) for each in (by.name, by.note))
            done = {"done_at": by.at, "done_by": name, "because": note}
            values = {**done, "review_group": None} if is_done else {**dict.fromkeys(done), "review_group": OPT_OUTS}
            before = OPT_OUT.c.done_at.is_(None) if is_done else OPT_OUT.c.done_at.is_not(None)
            lock_opt_outs(connection, by.at)
            count = sum(
                connection.execute(update(OPT_OUT).where(OPT_OUT.c.id.in_(part), before).values(values)).rowcount
                for part in chunks(sorted(set(map(storable, ids))))
            )
            count_opt_outs(connection)
            return count

        action = "opt-out done" if is_done else "opt-out up"
        return self._act(Act(by, action, OPT_OUTS, recipient), work, lambda changed: changed or None)


def _walk(wanted: Query) -> Walk:
    return Walk(_GROUPS, _ORDER, (), tuple(_conditions(wanted)))


def _conditions(wanted: Query) -> Iterator[Condition]:
    for by, choice in wanted.choices.items():
        if by in _COLUMNS and choice != Choice():
            yield among(_COLUMNS[by], choice)
        elif by is FilterField.PROVIDER and choice != Choice():
            yield chosen_by(choice, _has_provider)
    if wanted.since is not None:
        yield REVIEW_GROUP.c.last_at >= wanted.since
    if wanted.until is not None:
        yield REVIEW_GROUP.c.first_at < wanted.until
    for words in wanted.words:
        yield REVIEW_GROUP.c.wording.icontains(storable(words), autoescape=True)


def _has_provider(names: Iterable[str]) -> Condition:
    return or_(*(
        exists().where(EVENT.c.review_group == REVIEW_GROUP.c.gid, EVENT.c.provider == storable(name))
        for name in names
    ))


def _group(connection: Connection, row: Any) -> ReviewGroup:
    """Returns a group with the providers and the codes of its newest events."""
    providers: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for provider, status, code in connection.execute(_NEWEST, {"gid": row.gid}):
        providers[provider] += 1
        codes[status or (str(code) if code else "")] += 1
    codes.pop("", None)
    return ReviewGroup(
        row.gid, Misread(row.kind), row.wording, row.language, GroupState(row.state), row.mails, row.recipients,
        row.first_at, row.last_at, row.a_day, row.because, row.decided_at,
        dict(providers.most_common()), dict(codes.most_common()),
    )


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


def _opt_out_walk(*, done: bool) -> Walk:
    return Walk(_OPT_OUT_ROWS, _OPT_OUT_ORDER, (OPT_OUT.c.done_at.is_not(None) if done else IS_WAITING,))


def _kept(row: Any) -> KeptOptOut:
    asked = OptOut(
        AskedBy(row.by), row.stream, row.sender, row.recipient, Evidence(row.evidence) if row.evidence else None,
        row.doubt, row.sending,
    )
    return KeptOptOut(
        row.id, row.message_digest, row.at, asked, row.mailbox, row.source, row.done_at, row.done_by, row.because
    )
