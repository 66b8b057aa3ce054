"""The stored history under another policy: who would be suppressed now, who not. Nothing is written.

Each recipient's events are taken in the order of their times, with what was done beside the reports. The outage guard
is not run again, for it counts the reports on all recipients together, and here one recipient follows the other at
bounded memory. What it did stays: whom it released is released, and what it struck out counts under no policy. Nobody
is held back by it: a suppression counts from the day on which the policy decided on it. The flood guard is not run
again either: what it held is held here too, and what passed it passes.
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
    """One recipient in one stream: what stands against it, and what would stand under the other policy.

    `took_mail_at` is when it last took mail after the suppression that would stand (or else stands) had begun, as far
    as reports and the platform told; None = never heard of. `events` is how many were gone through.
    """

    recipient: str
    stream: str
    events: int
    now: Suppression | None
    then: Suppression | None
    took_mail_at: datetime | None


def simulate(engine: Engine, decide: Decide, now: datetime, stretch: Stretch = WHOLE) -> Iterator[Simulated]:
    """Everybody of whom something was reported, by address."""
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
    """What a person or a platform suppressed would be so under any policy."""
    if suppression is None or suppression.source is not SuppressionSource.POLICY:
        return None
    return suppression if suppression.state is State.SUPPRESSED else None


def _took_mail(past: Past, since: datetime) -> datetime | None:
    taken = [event.at for event in past.events if event.action in _TAKEN]
    told = [past.delivered_at] if past.delivered_at else []
    return max((at for at in (*taken, *told) if at > since), default=None)
