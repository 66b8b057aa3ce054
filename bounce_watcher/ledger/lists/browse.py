"""Lists for people: events and recipients by many filters at once, newest first, with counts by facet.

A filter may name several values (any of them) and values to leave out. Every list walks down an index.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from heapq import merge
from itertools import islice
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, literal_column, or_, select
from sqlalchemy.sql.selectable import NamedFromClause

from bounce_watcher.ledger.capability import Capability
from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.paging import (
    ENTRIES,
    LOOKED_AROUND,
    LOOKED_UP,
    Condition,
    Page,
    PagePosition,
    TookTooLong,
    ValueCounts,
    Walk,
    looking,
    together,
)
from bounce_watcher.ledger.db.query import (
    COUNTING,
    FACETS_WITHIN,
    MOST_COUNTED,
    Choice,
    Facets,
    FilterField,
    Query,
    among,
    between,
    chosen_by,
    facets,
    with_rows,
)
from bounce_watcher.ledger.db.statements import CHUNK, KEYS
from bounce_watcher.ledger.db.tables import (
    ALERT,
    EVENT,
    HELD,
    RECIPIENT,
    STATE_CHANGE,
    SUPPRESSION,
    alert_from_row,
    event_from_row,
)
from bounce_watcher.ledger.db.types import recipient_key, storable
from bounce_watcher.ledger.lists.incidents import Incidents, is_asked_for
from bounce_watcher.ledger.lists.lists import as_known, events_of
from bounce_watcher.ledger.naming import forget
from bounce_watcher.model.fields import Action
from bounce_watcher.model.grounds import Grounds
from bounce_watcher.model.ledger import Alert, BounceEvent, Scope, State

MOST_OF_A_STATE = 2000
"""How many recipients of each state are counted, as `MOST_COUNTED`."""
FEW = 10_000
"""Up to how many events with a value are read by that value's index rather than by time."""
RECENT = timedelta(days=30)
NO_TYPE = "other"
"""The type of an event that is neither a failure nor a complaint: delays, receipts."""

_TYPE = func.coalesce(EVENT.c.type, literal_column(f"'{NO_TYPE}'"))

_EVENT_COLUMNS: Mapping[FilterField, ColumnElement[Any]] = {
    FilterField.TYPE: _TYPE, FilterField.REASON: EVENT.c.reason, FilterField.PROVIDER: EVENT.c.provider,
    FilterField.STREAM: EVENT.c.stream,
    FilterField.CAMPAIGN: EVENT.c.sending, FilterField.RULE: EVENT.c.rule, FilterField.MAILBOX: EVENT.c.mailbox,
    FilterField.MATCH: EVENT.c.evidence,
    FilterField.CODE: EVENT.c.status,
}
_INDEXED = (FilterField.CAMPAIGN, FilterField.REASON, FilterField.PROVIDER)
"""The filters with an index of their own in the order of time. The index by time itself holds everything that a list is
filtered by, except words and campaigns."""
EVENT_FACETS = (FilterField.TYPE, FilterField.REASON, FilterField.PROVIDER, FilterField.STREAM, FilterField.CODE)

_EVENT_ORDER = (EVENT.c.at, EVENT.c.id)
_EVENT_KEYS = select(*_EVENT_ORDER)

RECIPIENT_FACETS = (FilterField.STATE, FilterField.REASON, FilterField.STREAM)

_LATER = STATE_CHANGE.alias("later")
_IS_LAST = ~exists().where(
    _LATER.c.recipient_key == STATE_CHANGE.c.recipient_key, _LATER.c.stream == STATE_CHANGE.c.stream,
    _LATER.c.number > STATE_CHANGE.c.number,
)
_STEP_ORDER = (STATE_CHANGE.c.at, STATE_CHANGE.c.number)
_STEPS: NamedFromClause | Any = STATE_CHANGE.join(RECIPIENT, and_(
    RECIPIENT.c.recipient_key == STATE_CHANGE.c.recipient_key, RECIPIENT.c.stream == STATE_CHANGE.c.stream
)).outerjoin(SUPPRESSION, and_(
    SUPPRESSION.c.recipient_key == STATE_CHANGE.c.recipient_key, SUPPRESSION.c.stream == STATE_CHANGE.c.stream
))
_STEP_KEYS = select(*_STEP_ORDER)
_STANDING = select(
    STATE_CHANGE.c.number, STATE_CHANGE.c.at, STATE_CHANGE.c.recipient_key, RECIPIENT.c.recipient, RECIPIENT.c.stream,
    RECIPIENT.c.state, RECIPIENT.c.grounds, STATE_CHANGE.c.reason, STATE_CHANGE.c.until, SUPPRESSION.c.scope,
).select_from(_STEPS).where(STATE_CHANGE.c.number.in_(KEYS))
_STEP_COLUMNS: Mapping[FilterField, ColumnElement[Any]] = {
    FilterField.STATE: STATE_CHANGE.c.state, FilterField.REASON: STATE_CHANGE.c.reason,
    FilterField.STREAM: STATE_CHANGE.c.stream,
}
_FACET_COLUMNS = [_STEP_COLUMNS[by].label(by.value) for by in RECIPIENT_FACETS]
_RECENT = (
    select(EVENT.c.recipient_key, EVENT.c.stream, func.count())
    .where(EVENT.c.recipient_key.in_(KEYS), EVENT.c.action == Action.FAILED.value)
    .group_by(EVENT.c.recipient_key, EVENT.c.stream)
)


@dataclass(frozen=True, slots=True)
class RecipientStanding:
    """The state of a recipient in a stream since its last step (`at`, aware), and how many bounces came recently.

    `until` and `reason` are those of the current suppression, if any; `scope` says how far it reaches.
    """

    recipient: str
    stream: str
    state: State
    grounds: Grounds | None
    at: datetime
    reason: str | None
    until: datetime | None
    scope: Scope | None
    bounces: int = 0


class Browsing(Capability):
    """Lists with many filters, in pages. What takes too long raises TookTooLong."""

    @cached_property
    def incidents(self) -> Incidents:
        """Lists of incidents, and of the recipients that one holds."""
        return Incidents(self._engine)

    def event(self, name: str) -> BounceEvent | None:
        """Returns the event with that id; None if there is none."""
        row = self._row(select(EVENT).where(EVENT.c.id == storable(name)))
        return event_from_row(row) if row else None

    def event_page(self, wanted: Query, place: PagePosition) -> Page[BounceEvent]:
        """Returns a page of events, newest first."""
        wanted = as_known(self._engine, wanted)
        with looking(self._engine) as (connection, limit):
            found = _event_walk(wanted, _driving(connection, wanted)).page(connection, limit, place)
            return with_rows(found, events_of(connection, found.rows))

    def all_events(self, wanted: Query) -> Iterator[BounceEvent]:
        """Yields all matching events, newest first."""
        wanted = as_known(self._engine, wanted)
        with reading(self._engine) as connection:
            walk = _event_walk(wanted, _driving(connection, wanted))
        for keys in walk.looks(self._engine, PagePosition(rows=CHUNK)):
            with reading(self._engine) as connection:
                events = list(events_of(connection, keys))
            yield from events

    def event_facets(self, wanted: Query) -> Facets | None:
        """Returns the number of events by type, reason and so on; None if counting took too long."""
        wanted = as_known(self._engine, wanted)
        columns = [_EVENT_COLUMNS[by].label(by.value) for by in EVENT_FACETS]
        try:
            with looking(self._engine, COUNTING, FACETS_WITHIN) as (connection, limit):
                walk = _event_walk(wanted, _driving(connection, wanted))
                return facets(EVENT_FACETS, walk.count(connection, limit, columns, MOST_COUNTED))
        except TookTooLong:
            return None

    def recipient_page(self, wanted: Query, place: PagePosition, now: datetime) -> Page[RecipientStanding]:
        """Returns a page of recipients, the last changed first.

        Each state is a list of its own, which an index gives in the order of time.
        """
        with looking(self._engine) as (connection, limit):
            found = together(_recipient_walks(wanted), connection, limit, place)
        return with_rows(found, self._standing(found.rows, now - RECENT))

    def all_recipients(self, wanted: Query, now: datetime) -> Iterator[RecipientStanding]:
        """Yields all matching recipients, the last changed first."""
        walks = [walk.all(self._engine) for walk in _recipient_walks(wanted)]
        merged = merge(*walks, key=itemgetter(0, 1), reverse=True)
        while rows := list(islice(merged, 500)):
            yield from self._standing(rows, now - RECENT)

    def recipient_facets(self, wanted: Query) -> Facets | None:
        """Returns the number of recipients by state, reason and stream; None if counting took too long."""
        counts: Counter[tuple[Any, ...]] = Counter()
        more = False
        try:
            with looking(self._engine, COUNTING, FACETS_WITHIN) as (connection, limit):
                for walk in _recipient_walks(wanted, select(*_FACET_COLUMNS)):
                    found = walk.count(connection, limit, _FACET_COLUMNS, MOST_OF_A_STATE)
                    counts.update(found.counts)
                    more = more or found.more
        except TookTooLong:
            return None
        return facets(RECIPIENT_FACETS, ValueCounts(counts, more))

    def _standing(self, keys: Sequence[Any], since: datetime) -> Iterator[RecipientStanding]:
        """Yields recipients in the order of `keys`. The keys were searched without their rows, so that nothing is
        joined to rows that are left out."""
        if not keys:
            return
        numbers = [number for _, number in keys]
        with reading(self._engine) as connection:
            by_number = {row.number: row for row in connection.execute(_STANDING, {"keys": numbers})}
            chosen = _RECENT.where(EVENT.c.at >= since)
            counted = connection.execute(chosen, {"keys": sorted({row.recipient_key for row in by_number.values()})})
            bounces = {(address, stream): number for address, stream, number in counted}
        for row in (by_number[number] for number in numbers if number in by_number):
            yield RecipientStanding(
                row.recipient, row.stream, State(row.state), row.grounds, row.at, row.reason, row.until,
                Scope(row.scope) if row.scope else None, bounces.get((row.recipient_key, row.stream), 0),
            )

    def holding(self, address: str) -> dict[str, list[Alert]]:
        """Returns, by stream, the alerts that hold a suppression of an address, oldest first."""
        key = recipient_key(forget.known_as(self._engine, address))
        chosen = select(HELD.c.stream.label("of_stream"), *ALERT.columns).join(ALERT, ALERT.c.id == HELD.c.alert)
        found: dict[str, list[Alert]] = {}
        for row in self._rows(chosen.where(HELD.c.recipient_key == key)):
            found.setdefault(row.of_stream, []).append(alert_from_row(row))
        return {stream: sorted(alerts, key=attrgetter("since")) for stream, alerts in found.items()}


# ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────────

def _event_walk(wanted: Query, driving: FilterField | None = None) -> Walk:
    """Returns the walk down the index of the recipient if one is given, else of `driving`, else of time."""
    through: list[Condition] = []
    choices = dict(wanted.choices)
    if wanted.recipient is not None:
        through.append(EVENT.c.recipient_key == recipient_key(wanted.recipient))
    elif driving is not None:
        through.append(_is_value(driving, choices.pop(driving)))
    also = [_chosen(by, choice) for by, choice in choices.items()]
    also.extend(  # words in the diagnostic or in what a rule quotes of it
        or_(*(column.icontains(storable(words), autoescape=True) for column in (EVENT.c.diagnostic, EVENT.c.quote)))
        for words in wanted.words
    )
    by_entries = (
        driving is None and wanted.recipient is None and not wanted.words and FilterField.CAMPAIGN not in choices
    )
    return Walk(
        _EVENT_KEYS, _EVENT_ORDER, tuple(through), tuple(also), ENTRIES if by_entries else LOOKED_UP, wanted.since,
        wanted.until,
    )


def _driving(connection: Connection, wanted: Query) -> FilterField | None:
    """Returns the filter whose own index to walk: one that is the only filter, or has few events. None = by time."""
    able = [by for by in _INDEXED if wanted.only(by) and not wanted.choices[by].none_of]
    if FilterField.CAMPAIGN in able or not able or wanted.recipient is not None:
        return next(iter(able), None)
    if len(wanted.choices) == 1 and not wanted.words:
        return able[0]
    numbers = {by: _few(connection, by, wanted) for by in able}
    fewest = min(able, key=numbers.__getitem__)
    return fewest if numbers[fewest] <= FEW else None


def _few(connection: Connection, by: FilterField, wanted: Query) -> int:
    """Returns how many events have the value asked for, at most `FEW` + 1.

    Ordered like the index, so that the database is certain to use it.
    """
    some = (
        select(EVENT.c.at).where(_is_value(by, wanted.choices[by]), *between(EVENT.c.at, wanted))
        .order_by(EVENT.c.at.desc()).limit(FEW + 1)
    )
    return connection.scalar(select(func.count()).select_from(some.subquery())) or 0


def _is_value(by: FilterField, choice: Choice) -> Condition:
    return _EVENT_COLUMNS[by] == storable(choice.any_of[0])


def _chosen(by: FilterField, choice: Choice) -> Condition:
    if by is FilterField.DOMAIN:
        return _of_domains(EVENT.c.recipient_key, choice)
    if by is FilterField.CODE:
        return chosen_by(choice, _has_code)
    return among(_EVENT_COLUMNS[by], choice)


def _of_domains(key: ColumnElement[str], choice: Choice) -> Condition:
    """Returns the condition for addresses of a domain, without its subdomains."""
    return chosen_by(choice, lambda domains: or_(*(
        key.endswith(f"@{storable(domain.lower())}", autoescape=True) for domain in domains
    )))


def _has_code(codes: Iterable[str]) -> Condition:
    """Returns the condition for an enhanced code (5.1.1) or a reply code (550)."""
    return or_(*(
        func.coalesce(EVENT.c.code, 0) == int(code) if code.isascii() and code.isdigit() and len(code) < 7
        else func.coalesce(EVENT.c.status, "") == storable(code)
        for code in codes
    ))


# ── recipients ──────────────────────────────────────────────────────────────────────────────────────────────────────

def _recipient_walks(wanted: Query, chosen: Select[Any] = _STEP_KEYS) -> list[Walk]:
    choices = dict(wanted.choices)
    states = choices.pop(FilterField.STATE, Choice())
    also = [_IS_LAST, *(_chosen_step(by, choice) for by, choice in choices.items())]
    return [
        Walk(chosen, _STEP_ORDER, (STATE_CHANGE.c.state == state.value,), tuple(also),
             LOOKED_AROUND if FilterField.PROVIDER in choices else ENTRIES, wanted.since, wanted.until)
        for state in State if is_asked_for(state, states)
    ]


def _chosen_step(by: FilterField, choice: Choice) -> Condition:
    if by is FilterField.DOMAIN:
        return _of_domains(STATE_CHANGE.c.recipient_key, choice)
    if by is FilterField.PROVIDER:
        return chosen_by(choice, _has_provider)
    return among(_STEP_COLUMNS[by], choice)


def _has_provider(providers: Iterable[str]) -> Condition:
    """Returns the condition for recipients with an event of these providers: an address alone does not show its
    provider."""
    named = func.coalesce(EVENT.c.provider, "").in_(list(map(storable, providers)))  # by the recipient's index
    return exists().where(EVENT.c.recipient_key == STATE_CHANGE.c.recipient_key, named)
