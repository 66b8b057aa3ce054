"""Corrects stored verdicts: the same mail, read by other rules than when it came.

That a report came stays on record, and so does how it was read: `formerly` keeps every older verdict.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, update

from bounce_watcher.ledger.db.statements import RecipientKey, key_of
from bounce_watcher.ledger.db.tables import EVENT
from bounce_watcher.ledger.history.replaying import events_of, set_exclusions, steps_of
from bounce_watcher.ledger.recording import alerts, flood, report_counts
from bounce_watcher.ledger.recording.batch import RecipientBatch
from bounce_watcher.ledger.review import groups as review
from bounce_watcher.model.grounds import Excluded, Held, OlderVerdict, Reread
from bounce_watcher.model.ledger import Announce, BounceEvent, ChangedBy, RecipientRecord, State
from bounce_watcher.policy import transitions
from bounce_watcher.policy.guards.flood import exclusion
from bounce_watcher.policy.guards.outages import provider
from bounce_watcher.policy.replay import Decide, correct
from bounce_watcher.policy.settings import PolicySettings

_VERDICT = (
    "kind", "action", "final_recipient", "bounce_type", "reason", "status", "code", "diagnostic", "remote_mta",
    "reporting_mta", "rule", "recognizer", "quote", "feedback_type", "confidence", "forwarded",
)
"""The fields that the rules fill in from a report. How far it is proven, and whose it is, was settled when it came."""

_TELLING = ("kind", "action", "bounce_type", "reason", "rule", "confidence", "forwarded")

_PUT_VERDICT = update(EVENT).where(EVENT.c.id == bindparam("event_id")).values({
    name: bindparam(f"new_{name}", type_=EVENT.c[name].type)
    for name in (*_VERDICT, "formerly", "provider", "type", "review_group")
})


@dataclass(frozen=True, slots=True)
class Revision:
    """An event, and the event that today's rules read from the same report."""

    before: BounceEvent
    after: BounceEvent


@dataclass(frozen=True, slots=True)
class Revised:
    """The result of a revision. `was` and `state` are the recipient's state before and after its batch."""

    revision: Revision
    was: State
    state: State


def differs(before: BounceEvent, after: BounceEvent) -> bool:
    """Checks whether two readings of one report differ in more than their texts."""
    return any(getattr(before, name) != getattr(after, name) for name in _TELLING)


def revise(
    connection: Connection, revisions: Sequence[Revision], decide: Decide, announce: Announce, policy: PolicySettings,
    now: datetime,
) -> list[Revised]:
    """Replaces the old verdicts and decides on the recipients' histories again, in the caller's transaction."""
    alerts.lock(connection)  # before the locks on recipients, as with any page
    names = {key_of(each.before.recipient, each.before.stream): each.before.recipient for each in revisions}
    books = RecipientBatch(connection, names, announce, ChangedBy.RULES)
    was = {key: record.state for key, record in books.records.items()}
    _put_verdicts(connection, revisions, now)
    report_counts.correct(connection, [(each.before, each.after) for each in revisions])
    events, steps = events_of(connection, list(names)), steps_of(connection, sorted({key.address for key in names}))
    touched = frozenset(each.before.id for each in revisions)
    exclusions: list[tuple[str, Excluded | None]] = []
    held: list[tuple[RecipientKey, str]] = []
    gate = flood.Gate(connection, policy, announce, [event for each in events.values() for event in each])
    for key in names:
        found = correct(
            books.records[key], events.get(key, ()), steps.get(key, ()), decide, touched=touched,
            cause=Reread(), now=now, may_suppress=True,
        )
        exclusions.extend(found.exclusions)
        change = found.change
        if change is not None and (refused := _refused(books.records[key], change, events[key], gate)) is not None:
            change, struck, alert = refused
            exclusions.append(struck)
            held.append((key, alert))
        if change is not None:
            books.enter(key, change)
    set_exclusions(connection, dict(exclusions).items())  # the last entry of an event wins: the one that holds it
    review.correct(connection, [(each.before, each.after) for each in revisions])
    books.close()
    gate.close()
    flood.hold(connection, held)
    found_keys = [(each, key_of(each.before.recipient, each.before.stream)) for each in revisions]
    return [Revised(each, was[key], books.records[key].state) for each, key in found_keys]


def _refused(
    record: RecipientRecord, change: transitions.Transition, events: Sequence[BounceEvent], gate: flood.Gate
) -> tuple[transitions.Transition, tuple[str, Excluded], str] | None:
    """Returns what happens to a suppression that may not begin: the transition that holds it, the exclusion that
    strikes out its event, and the id of the alert that holds it.

    None if it may begin, or if none begins.
    """
    wanted = change.record.suppression
    if record.suppression is not None or wanted is None or not wanted.events:
        return None
    event = next(each for each in events if each.id == wanted.events[-1])
    refusal = gate.refuses(event)
    if refusal is None:
        return None
    excluded = exclusion(refusal.over)
    pending = replace(wanted, state=State.PENDING, grounds=Held(wanted.grounds, excluded))
    return transitions.suppress(record, pending), (event.id, excluded), refusal.alert.id


def _put_verdicts(connection: Connection, revisions: Sequence[Revision], now: datetime) -> None:
    connection.execute(_PUT_VERDICT, [
        {
            "event_id": each.before.id,
            "new_formerly": formerly(each.before, now),
            "new_provider": provider(each.after),
            "new_type": each.after.type,
            "new_review_group": review.group_of(each.after),
            **{f"new_{name}": _plain(getattr(each.after, name)) for name in _VERDICT},
        }
        for each in sorted(revisions, key=lambda each: each.before.id)
    ])


def formerly(event: BounceEvent, now: datetime) -> tuple[OlderVerdict, ...]:
    """Returns the older verdicts of an event with its current verdict at the end."""
    verdict = OlderVerdict(
        event.kind, now.date(), event.action, event.bounce_type, event.reason, event.rule or event.recognizer
    )
    return (*event.formerly, verdict)


def withdrawn(event: BounceEvent) -> BounceEvent:
    """Returns an event without a verdict, as today's rules do not find it in its report."""
    return replace(event, action=None, bounce_type=None, reason=None, rule=None, confidence=None)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value
