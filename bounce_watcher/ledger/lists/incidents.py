"""Incidents for people: alerts by many filters, the recipients that one holds, and how its reports came over time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, literal, select, tuple_

from bounce_watcher.ledger.capability import Capability
from bounce_watcher.ledger.db.paging import Condition, Page, PagePosition, Walk, looking
from bounce_watcher.ledger.db.query import (
    MOST_COUNTED,
    Choice,
    FilterField,
    Query,
    among,
    between,
    chosen_by,
    with_rows,
)
from bounce_watcher.ledger.db.tables import ALERT, GUARD_COUNT, HELD, STATE_CHANGE, SUPPRESSION, alert_from_row
from bounce_watcher.ledger.db.types import storable
from bounce_watcher.ledger.recording import alerts
from bounce_watcher.model.grounds import Grounds, SubjectKind
from bounce_watcher.model.ledger import Alert, AlertKind, State
from bounce_watcher.policy.guards.limits import SLOT
from bounce_watcher.policy.guards.spells import slot_of, start_of

_ORDER = (ALERT.c.since, ALERT.c.id)
_ALERTS = select(*_ORDER, *(column for column in ALERT.columns if column.name not in {"since", "id"}))
_HELD_ORDER = (HELD.c.recipient_key, HELD.c.stream)
_STILL_HELD = and_(
    SUPPRESSION.c.recipient_key == HELD.c.recipient_key, SUPPRESSION.c.stream == HELD.c.stream,
    SUPPRESSION.c.state == State.PENDING.value,
)
_TOLD_AT = (
    select(func.max(STATE_CHANGE.c.at))
    .where(
        STATE_CHANGE.c.recipient_key == HELD.c.recipient_key, STATE_CHANGE.c.stream == HELD.c.stream,
        STATE_CHANGE.c.state == State.SUPPRESSED.value, STATE_CHANGE.c.at >= ALERT.c.since,
    )
    .correlate(HELD, ALERT).scalar_subquery().label("told_at")
)
_HELD = (
    select(*_HELD_ORDER, SUPPRESSION.c.recipient, SUPPRESSION.c.reason, SUPPRESSION.c.since, SUPPRESSION.c.grounds,
           _TOLD_AT)
    .select_from(HELD).join(SUPPRESSION, _STILL_HELD).join(ALERT, ALERT.c.id == HELD.c.alert)
)


@dataclass(frozen=True, slots=True)
class HeldRecipient:
    """A recipient whose suppression an alert holds. `told_at` is when it was suppressed before the alarm; None if not.
    """

    recipient: str
    stream: str
    reason: str | None
    since: datetime
    grounds: Grounds
    told_at: datetime | None


@dataclass(frozen=True, slots=True)
class HeldNumbers:
    """How many recipients are held, and how many of them were suppressed before the alarm. `more` means that there are
    more than were counted."""

    held: int
    told: int
    more: bool


class Incidents(Capability):
    """Lists of incidents. Only reads. What takes too long raises TookTooLong."""

    def open(self, wanted: Query) -> list[Alert]:
        """Returns the current incidents, newest first."""
        chosen = _ALERTS.where(~ALERT.c.cleared, *_conditions(wanted)).order_by(ALERT.c.since.desc(), ALERT.c.id)
        return [alert_from_row(row) for row in self._rows(chosen)]

    def over(self, wanted: Query, place: PagePosition) -> Page[Alert]:
        """Returns a page of the incidents that are over, newest first."""
        with looking(self._engine) as (connection, limit):
            found = _walk(wanted).page(connection, limit, place)
        return with_rows(found, map(alert_from_row, found.rows))

    def all(self, wanted: Query) -> Iterator[Alert]:
        """Yields all incidents: the current ones, then the others."""
        states = wanted.choices.get(FilterField.STATE, Choice())
        if is_asked_for("open", states):
            yield from self.open(wanted)
        if is_asked_for("ended", states):
            yield from map(alert_from_row, _walk(wanted).all(self._engine))

    def outages(self, since: datetime, until: datetime, provider: str | None = None) -> list[Alert]:
        """Returns the outages that overlap a time, oldest first; only those of `provider` if given."""
        chosen = _ALERTS.where(
            ALERT.c.since < until, ALERT.c.ends_at > since, ALERT.c.kind == AlertKind.OUTAGE.value,
            *([_of_providers([provider])] if provider else []),
        )
        return [alert_from_row(row) for row in self._rows(chosen.order_by(*_ORDER))]

    def held(self, alert: str, place: PagePosition) -> Page[HeldRecipient]:
        """Returns a page of the recipients that an alert holds, by address. Pages only go forward: `newer` is never
        set."""
        chosen = _HELD.where(HELD.c.alert == storable(alert)).order_by(*_HELD_ORDER)
        if place.key is not None:
            at = (literal(value, column.type) for value, column in zip(place.key, _HELD_ORDER, strict=True))
            chosen = chosen.where(tuple_(*_HELD_ORDER) > tuple_(*at))
        with looking(self._engine) as (connection, _):
            rows = connection.execute(chosen.limit(place.rows + 1)).all()
        shown = rows[: place.rows]
        older = tuple(shown[-1][:2]) if len(rows) > len(shown) else None
        held = (HeldRecipient(row.recipient, row.stream, row.reason, row.since, row.grounds, row.told_at)
                for row in shown)
        return Page(tuple(held), older)

    def all_held(self, alert: str) -> Iterator[HeldRecipient]:
        """Yields all recipients that an alert holds, by address."""
        place: PagePosition | None = PagePosition(rows=500)
        while place is not None:
            page = self.held(alert, place)
            yield from page.rows
            place = PagePosition(page.older, rows=500) if page.older else None

    def held_numbers(self, alert: str) -> HeldNumbers:
        some = _HELD.where(HELD.c.alert == storable(alert)).limit(MOST_COUNTED + 1).subquery()
        with looking(self._engine) as (connection, _):
            held, told = connection.execute(select(func.count(), func.count(some.c.told_at))).one()
        return HeldNumbers(min(held, MOST_COUNTED), told, held > MOST_COUNTED)

    def course(self, alert: Alert, since: datetime, until: datetime, step: timedelta) -> dict[datetime, int]:
        """Returns how many of an alert's reports came in each `step` of time that had any; {} if they are not counted.
        """
        if alert.kind not in alerts.COUNTED_KINDS:
            return {}
        key = alerts.series_of(alert.kind, alert.subject)
        series = [key, alerts.covered_by_others(key)]
        slots = step // SLOT
        chosen = select(GUARD_COUNT.c.slot, GUARD_COUNT.c.number).where(
            GUARD_COUNT.c.series.in_(series), GUARD_COUNT.c.slot >= slot_of(since), GUARD_COUNT.c.slot < slot_of(until)
        )
        found: dict[datetime, int] = {}
        with looking(self._engine) as (connection, _):
            for slot, number in connection.execute(chosen):
                at = start_of(slot // slots * slots)
                found[at] = found.get(at, 0) + number
        return found


def is_asked_for(value: str, choice: Choice) -> bool:
    return (not choice.any_of or value in choice.any_of) and value not in choice.none_of


def _walk(wanted: Query) -> Walk:
    return Walk(_ALERTS, _ORDER, (), (ALERT.c.cleared, *_conditions(wanted)))


def _conditions(wanted: Query) -> Iterator[Condition]:
    yield from between(ALERT.c.since, wanted)
    for by, choice in wanted.choices.items():
        if by is FilterField.TYPE:
            yield among(ALERT.c.kind, choice)
        elif by is FilterField.PROVIDER:
            yield chosen_by(choice, _of_providers)


def _of_providers(providers: Iterable[str]) -> Condition:
    subjects = ALERT.c.subject.in_([storable(each) for each in providers])
    return and_(ALERT.c.subject_kind == SubjectKind.PROVIDER.value, subjects)
