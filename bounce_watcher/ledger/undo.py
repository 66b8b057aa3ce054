"""What an incident led to, undone: its events count no more, and what rested on them alone is released."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, bindparam, or_, select, tuple_, update

from bounce_watcher.ledger.books import Announce, Books
from bounce_watcher.ledger.course import Correction, Decide, correct
from bounce_watcher.ledger.engine import reading, rehearse, write
from bounce_watcher.ledger.history import events_of, steps_of
from bounce_watcher.ledger.statements import Key
from bounce_watcher.ledger.tables import EVENT, event_from_row
from bounce_watcher.model.address import address_key
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.ledger import COMPLAINT_REASON, UNDONE, Alert, AlertKind, By, State
from bounce_watcher.model.verdict import BounceType
from bounce_watcher.policy import guard
from bounce_watcher.policy.flood import PROVEN
from bounce_watcher.policy.trouble import provider_of_blocks
from bounce_watcher.policy.words import day, start_of_day

_PAGE = 5000
_PROVEN = [grade.value for grade in Evidence if grade.at_least(PROVEN)]
_BATCH = 200
"""Recipients corrected in one transaction, so that nobody waits long for the lock."""

SET_COUNTED = (
    update(EVENT).where(EVENT.c.id == bindparam("event_id")).values(counted=bindparam("new_counted"))
)


@dataclass(frozen=True, slots=True)
class Incident:
    """Events of `since` <= at <= `until`, narrowed by what is not None of the others.

    `domain` is the recipient's, `provider` the organisation that took the mail, as the guard names it; `wording` is the
    series by which the guard counts what was said alike. With `only_hard` soft bounces and complaints are none of it,
    with `only_unproven` nothing that a token or a signature of ours proves.
    """

    since: datetime
    until: datetime
    domain: str | None = None
    reason: str | None = None
    provider: str | None = None
    wording: str | None = None
    only_hard: bool = False
    only_unproven: bool = False

    @classmethod
    def of(cls, alert: Alert) -> "Incident | None":
        """What an alert is about: the hard bounces of an outage, or all that came of a provider while it blocked us.

        Of a flood it is all unproven reports from the beginning of its first day, those that passed among them.
        None for an alert on what never counts anyway.
        """
        if alert.ends_at is None:
            return None
        if alert.kind is AlertKind.OUTAGE:
            provider = guard.provider_of_series(alert.subject)
            wording = alert.subject if provider is None else None
            return cls(alert.since, alert.ends_at, provider=provider, wording=wording, only_hard=True)
        if alert.kind is AlertKind.FLOOD:
            return cls(start_of_day(alert.since), alert.ends_at, only_unproven=True)  # first came what passed
        if alert.kind is AlertKind.BLOCKS:
            return cls(alert.since, alert.ends_at, provider=provider_of_blocks(alert.subject))
        return None


def words(incident: Incident) -> str:
    """`incident of 14 December 2020 to 15 December 2020 at provider google.com, example.org (invalid_recipient)`."""
    first, last = day(incident.since), day(incident.until)
    when = first if first == last else f"{first} to {last}"
    provider = f"provider {incident.provider}" if incident.provider else None
    places = ", ".join(filter(None, (provider, incident.wording, incident.domain)))
    at = f" at {places}" if places else ""
    return f"incident of {when}{at}" + (f" ({incident.reason})" if incident.reason else "")


@dataclass(frozen=True, slots=True)
class Undone:
    """What becomes of one recipient: `events` of its reports count no more.

    `was` is where it stood before, `state` where it stands afterwards; `released` whether a suppression ended by that,
    `because` why, or why not.
    """

    recipient: str
    stream: str
    events: int
    released: bool
    state: State
    because: str | None
    was: State


def undo(
    engine: Engine, incident: Incident, decide: Decide, announce: Announce, because: str, now: datetime, *,
    dry_run: bool, step: Callable[[], None] | None = None,
) -> Iterator[Undone]:
    """Batch after batch, each its own transaction, committed when its first outcome is given.

    `step` is called before each: what it raises ends the undo there. What was undone before is not found again, so an
    undo that broke off is simply begun anew.
    """
    run = rehearse if dry_run else write
    keys = list(dict.fromkeys(_keys(engine, incident)))
    for start in range(0, len(keys), _BATCH):
        if step is not None:
            step()
        batch = keys[start : start + _BATCH]
        yield from run(engine, partial(
            _undo, batch=batch, incident=incident, decide=decide, announce=announce, because=because, now=now
        ))


def _keys(engine: Engine, incident: Incident) -> Iterator[Key]:
    order = (EVENT.c.at, EVENT.c.id)
    chosen = _chosen(incident).order_by(*order).limit(_PAGE)
    page = chosen
    while True:
        with reading(engine) as connection:
            rows = connection.execute(page).all()
        yield from (Key(row.stream, row.recipient_key) for row in rows if _is_said_alike(row, incident))
        if len(rows) < _PAGE:
            return
        page = chosen.where(tuple_(*order) > (rows[-1].at, rows[-1].id))


def _chosen(incident: Incident) -> Select[Any]:
    """What was said is read only where it is asked for: it is most of a row."""
    few = [EVENT.c.at, EVENT.c.id, EVENT.c.stream, EVENT.c.recipient_key]
    return select(*(few if incident.wording is None else [EVENT])).where(*_belongs(incident))


def _is_said_alike(row: Any, incident: Incident) -> bool:
    return incident.wording is None or guard.wording_series(event_from_row(row)) == incident.wording


def _belongs(incident: Incident) -> list[ColumnElement[bool]]:
    """Events that count, or would if those that stand in their way counted no more."""
    is_complaint = EVENT.c.kind == Kind.COMPLAINT
    found = [
        EVENT.c.at >= incident.since,
        EVENT.c.at <= incident.until,
        or_(EVENT.c.bounce_type.in_((BounceType.HARD, BounceType.SOFT)), is_complaint),
        or_(EVENT.c.counted.is_(None), ~EVENT.c.counted.startswith(UNDONE)),
    ]
    if incident.only_hard:
        found.append(EVENT.c.bounce_type == BounceType.HARD)
    if incident.only_unproven:
        found.append(EVENT.c.evidence.not_in(_PROVEN))
    if incident.provider is not None:
        found.append(EVENT.c.provider == incident.provider)
    if incident.domain is not None:
        domain = address_key(f"@{incident.domain}")
        found.append(EVENT.c.recipient_key.endswith(domain, autoescape=True))
    if incident.reason == COMPLAINT_REASON:
        found.append(is_complaint)
    elif incident.reason is not None:
        found.append(and_(~is_complaint, EVENT.c.reason == incident.reason))
    return found


def _undo(
    connection: Connection, batch: Sequence[Key], incident: Incident, decide: Decide, announce: Announce, because: str,
    now: datetime,
) -> list[Undone]:
    books = Books(connection, {key: key.address for key in batch}, announce, By.UNDO)
    struck = _strike(connection, batch, incident, because)
    events, steps = events_of(connection, batch), steps_of(connection, sorted({key.address for key in batch}))
    outcomes: list[Undone] = []
    counted: list[tuple[str, str | None]] = []
    for key in batch:
        before = books.records[key]
        found = correct(
            before, events.get(key, ()), steps.get(key, ()), decide,
            touched=frozenset(struck.get(key, ())), because=because, now=now, may_suppress=False,
        )
        counted.extend(found.counted)
        _enter(books, key, found)
        after = books.records[key]
        released = before.suppression is not None and after.suppression is None
        outcomes.append(Undone(
            before.recipient, key.stream, len(struck.get(key, ())), released, after.state, after.because,
            before.state,
        ))
    set_counted(connection, counted)
    books.close()
    return outcomes


def _enter(books: Books, key: Key, found: Correction) -> None:
    if found.change is not None:
        books.enter(key, found.change)


def _strike(
    connection: Connection, batch: Sequence[Key], incident: Incident, because: str
) -> dict[Key, list[str]]:
    """Marks the incident's events of these recipients. Returns their ids."""
    chosen = _chosen(incident).where(EVENT.c.recipient_key.in_(sorted({key.address for key in batch})))
    wanted, struck = set(batch), dict[Key, list[str]]()
    for row in connection.execute(chosen):
        if (key := Key(row.stream, row.recipient_key)) in wanted and _is_said_alike(row, incident):
            struck.setdefault(key, []).append(row.id)
    set_counted(connection, [(name, f"{UNDONE}{because}") for names in struck.values() for name in names])
    return struck


def set_counted(connection: Connection, changes: Sequence[tuple[str, str | None]]) -> None:
    if changes:
        connection.execute(SET_COUNTED, [
            {"event_id": name, "new_counted": counted} for name, counted in sorted(changes)
        ])
