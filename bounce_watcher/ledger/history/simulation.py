"""Simulates another policy on the stored history: who would be suppressed now, and who not. Nothing is written.

Each recipient's events are replayed by time, with the steps that did not come from reports. The outage guard does not
run again: it counts the reports on all recipients together, but here recipients follow one another in bounded memory.
What it did stays: whom it released is released, and what it struck out counts under no policy. It holds nobody here: a
suppression counts from the day on which the policy decided on it. The flood guard does not run again either: what it
held is held here too, and what passed it passes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from bounce_watcher.ledger.history.replaying import WHOLE, Past, Stretch, pasts
from bounce_watcher.model.fields import Action
from bounce_watcher.model.ledger import RecipientRecord, State, Suppression, SuppressionSource
from bounce_watcher.policy.replay import Decide, Replay, go_through

_TAKEN = frozenset({Action.DELIVERED, Action.RELAYED, Action.EXPANDED})


@dataclass(frozen=True, slots=True)
class Simulated:
    """One recipient in one stream: its suppression `now`, and `then`, the one under the other policy.

    `took_mail_at` is when it last took mail after the beginning of the suppression under the other policy (else the
    current one), as far as reports and the platform show; None = unknown. `events` is how many were replayed.
    """

    recipient: str
    stream: str
    events: int
    now: Suppression | None
    then: Suppression | None
    took_mail_at: datetime | None


def simulate(engine: Engine, decide: Decide, now: datetime, stretch: Stretch = WHOLE) -> Iterator[Simulated]:
    """Yields the result for everybody with events, by address."""
    return (_simulated(past, decide, now) for past in pasts(engine, stretch))


def _simulated(past: Past, decide: Decide, now: datetime) -> Simulated:
    recipient = past.events[0].recipient
    replay = Replay(RecipientRecord(recipient, past.key.stream, protected=past.protected))
    for _ in go_through(replay, past.events, past.steps, decide):
        pass
    replay.until(now)
    then, standing = _by_policy(replay.record.suppression), _by_policy(past.standing)
    measured = then or standing
    took = _took_mail(past, measured.since) if measured else None
    return Simulated(recipient, past.key.stream, len(past.events), standing, then, took)


def _by_policy(suppression: Suppression | None) -> Suppression | None:
    """Returns the suppression if it is in force and comes from the policy, else None: what a person or a platform
    suppressed would be suppressed under any policy."""
    if suppression is None or suppression.source is not SuppressionSource.POLICY:
        return None
    return suppression if suppression.state is State.SUPPRESSED else None


def _took_mail(past: Past, since: datetime) -> datetime | None:
    taken = [event.at for event in past.events if event.action in _TAKEN]
    told = [past.delivered_at] if past.delivered_at else []
    return max((at for at in (*taken, *told) if at > since), default=None)
