"""Undoes what an incident led to: its events no longer count, and what rested only on them is released."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, or_, select

from bounce_watcher.ledger.db.paging import in_pages
from bounce_watcher.ledger.db.statements import RecipientKey
from bounce_watcher.ledger.db.tables import EVENT, event_from_row
from bounce_watcher.ledger.history.replaying import events_of, set_exclusions, steps_of
from bounce_watcher.ledger.recording import alerts
from bounce_watcher.ledger.recording.batch import RecipientBatch
from bounce_watcher.model.address import address_key
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.grounds import Excluded, ExclusionKind, Grounds, Undone
from bounce_watcher.model.ledger import COMPLAINT_REASON, Announce, ChangedBy, State
from bounce_watcher.model.verdict import BounceType
from bounce_watcher.policy.guards import outages
from bounce_watcher.policy.guards.incident import Incident
from bounce_watcher.policy.guards.limits import PROVEN
from bounce_watcher.policy.replay import Decide, correct

_PAGE = 5000
_PROVEN = [grade.value for grade in Evidence if grade.at_least(PROVEN)]


@dataclass(frozen=True, slots=True)
class UndoOutcome:
    """What happens to one recipient. `events` is how many of its events no longer count.

    `was` is the state before, `state` the state after. `released` says whether a suppression ended by this, `grounds`
    why or why not.
    """

    recipient: str
    stream: str
    events: int
    released: bool
    state: State
    grounds: Grounds | None
    was: State


def keys_of(engine: Engine, incident: Incident) -> Iterator[RecipientKey]:
    """Yields the recipient of each event of an incident that is not undone yet."""
    for rows in in_pages(engine, _chosen(incident), (EVENT.c.at, EVENT.c.id), _PAGE):
        yield from (RecipientKey(row.stream, row.recipient_key) for row in rows if _is_said_alike(row, incident))


def _is_said_alike(row: Any, incident: Incident) -> bool:
    return incident.wording is None or outages.wording_subject(event_from_row(row)) == incident.wording


def _chosen(incident: Incident) -> Select[Any]:
    """Returns the query for the incident's events that count, or would count if the events in their way no longer did.
    It reads the texts only if a wording is given: they are most of a row."""
    is_complaint = EVENT.c.kind == Kind.COMPLAINT
    found = [
        EVENT.c.at >= incident.since,
        EVENT.c.at <= incident.until,
        or_(EVENT.c.bounce_type.in_((BounceType.HARD, BounceType.SOFT)), is_complaint),
        or_(EVENT.c.excluded_kind.is_(None), EVENT.c.excluded_kind != ExclusionKind.UNDONE.value),
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
    few = [EVENT.c.at, EVENT.c.id, EVENT.c.stream, EVENT.c.recipient_key]
    return select(*(few if incident.wording is None else [EVENT])).where(*found)


def undo(
    batch: Sequence[RecipientKey], connection: Connection, incident: Incident, decide: Decide, announce: Announce,
    now: datetime,
) -> list[UndoOutcome]:
    """Undoes an incident for these recipients."""
    alerts.lock(connection)  # before the locks on recipients: the end of a hold is counted with its alert
    books = RecipientBatch(connection, {key: key.address for key in batch}, announce, ChangedBy.UNDO)
    struck, cause = _strike(connection, batch, incident), Undone(incident.scene)
    events, steps = events_of(connection, batch), steps_of(connection, sorted({key.address for key in batch}))
    outcomes: list[UndoOutcome] = []
    exclusions: list[tuple[str, Excluded | None]] = []
    for key in batch:
        before = books.records[key]
        found = correct(
            before, events.get(key, ()), steps.get(key, ()), decide,
            touched=frozenset(struck.get(key, ())), cause=cause, now=now, may_suppress=False,
        )
        exclusions.extend(found.exclusions)
        if found.change is not None:
            books.enter(key, found.change)
        after = books.records[key]
        released = before.suppression is not None and after.suppression is None
        outcomes.append(UndoOutcome(
            before.recipient, key.stream, len(struck.get(key, ())), released, after.state, after.grounds,
            before.state,
        ))
    set_exclusions(connection, exclusions)
    books.close()
    return outcomes


def _strike(connection: Connection, batch: Sequence[RecipientKey], incident: Incident) -> dict[RecipientKey, list[str]]:
    """Marks the incident's events of these recipients. Returns their ids."""
    chosen = _chosen(incident).where(EVENT.c.recipient_key.in_(sorted({key.address for key in batch})))
    wanted, struck = set(batch), dict[RecipientKey, list[str]]()
    for row in connection.execute(chosen):
        if (key := RecipientKey(row.stream, row.recipient_key)) in wanted and _is_said_alike(row, incident):
            struck.setdefault(key, []).append(row.id)
    undone = Excluded(ExclusionKind.UNDONE, scene=incident.scene)
    set_exclusions(connection, [(name, undone) for names in struck.values() for name in names])
    return struck
