"""The outbox: items are leased, tried and settled; people pause targets, and retry or discard items."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from uuid import uuid4

from sqlalchemy import Connection, Engine

from bounce_watcher.ledger.actions import Act, Acting
from bounce_watcher.ledger.db.engine import reading, write
from bounce_watcher.ledger.naming import forget
from bounce_watcher.ledger.outbox import backfill, queue, settled, superseding
from bounce_watcher.ledger.outbox.list_comparison import ListComparison
from bounce_watcher.ledger.outbox.listing import Deliveries
from bounce_watcher.logs import log
from bounce_watcher.model.ledger import Actor, Announce, Attempt, Disposition, OutboxItem, OutboxState

CHOSEN = "chosen deliveries"


class Outbox(Acting):
    """The capability for what is still to be sent to targets."""

    def __init__(self, engine: Engine, leases: dict[str, str]) -> None:
        """`leases` maps the ids of items that this process has leased to the tokens of their leases."""
        super().__init__(engine)
        self._leases = leases
        self._lock = threading.Lock()

    def enroll(self, targets: Mapping[str, str]) -> None:
        """Stores the targets in use, name to fingerprint. A target whose fingerprint changed is no longer disabled."""
        write(self._engine, lambda connection: queue.enroll(connection, targets))

    def lease(
        self, target: str, now: datetime, lease_for: timedelta, limit: int, keeps: Sequence[str] | None = None
    ) -> list[OutboxItem]:
        """Leases up to `limit` due items for `target`, which nobody else will send before `now + lease_for`.

        Returns only the earliest item of each recipient and stream, and none if the target is disabled or paused.
        `keeps` is set if the target keeps a list, as the streams that make it up (() = all). Then only the newest state
        of a recipient is leased, and no release while a suppression in another of these streams, or in all streams, is
        in force.
        """
        token = uuid4().hex
        until = now + lease_for
        items = write(self._engine, lambda connection: queue.lease(connection, target, now, until, limit, token, keeps))
        with self._lock:
            self._leases.update((item.id, token) for item in items)
        return items

    def still_wanted(self, items: Sequence[OutboxItem], keeps: Sequence[str] | None) -> list[OutboxItem]:
        """Returns the leased items that no newer state has made pointless since. The others become superseded."""
        with reading(self._engine) as connection:
            overtaken = superseding.overtaken(connection, (item.id for item in items), keeps)
        if overtaken:
            tokens = self._take_tokens([item for item in items if item.id in overtaken])
            write(self._engine, lambda connection: queue.end_leases(connection, tokens, OutboxState.SUPERSEDED))
        return [item for item in items if item.id not in overtaken]

    def conclude(self, outcomes: Sequence[tuple[OutboxItem, Attempt]], now: datetime) -> None:
        """Writes the results of tries, unless a lease has passed to somebody else. GONE disables the target."""
        tokens = self._take_tokens([item for item, _ in outcomes])

        def work(connection: Connection) -> set[str]:
            kept = [(item, replace(attempt, answer=forget.unnamed(connection, attempt.answer)))
                    for item, attempt in outcomes]
            lost = queue.conclude(connection, kept, now, tokens)
            settled.erase(connection)
            return lost

        lost = write(self._engine, work)
        for item, attempt in outcomes:
            if item.id in lost:
                log.warning("lease lost, outcome dropped", action="lease_lost", id=item.id, target=item.target)
            elif attempt.disposition is Disposition.GONE:
                log.warning("endpoint disabled", action="endpoint_disabled", target=item.target, answer=attempt.answer)

    def give_back(self, items: Sequence[OutboxItem]) -> None:
        """Ends the leases of items that were not tried. They are due as before."""
        tokens = self._take_tokens(items)
        write(self._engine, lambda connection: queue.end_leases(connection, tokens, OutboxState.DUE))

    def next_due(self, target: str) -> datetime | None:
        """Returns when `lease` may next have an item for `target`; None while there is none, or the target is disabled
        or paused."""
        with reading(self._engine) as connection:
            return queue.next_due(connection, target)

    def supersede_stale(self, target: str, now: datetime, keeps: Sequence[str]) -> int:
        """Supersedes items that a newer state made pointless for a target that keeps a list (see `lease`). Returns how
        many."""
        return write(self._engine, lambda connection: superseding.thin(connection, target, now, keeps))

    def list_comparison(self, target: str, streams: Sequence[str], now: datetime) -> ListComparison:
        """Returns a `ListComparison` for a target that keeps a list. Close it after use."""
        return ListComparison(self._engine, target, streams, now)

    def backfill(self, announce: Announce, now: datetime, *, dry_run: bool = False) -> Iterator[backfill.Announced]:
        """Announces to each target the states that it was never sent; see `backfill.announce_untold`."""
        return backfill.announce_untold(self._engine, announce, now, dry_run=dry_run)

    def pause(self, target: str, by: Actor) -> bool:
        """Pauses a target: nothing is sent to it until `resume`. Returns False if it is already paused."""
        def work(connection: Connection) -> bool:
            name, note = forget.unnamed(connection, by.name), forget.unnamed(connection, by.note or "")
            return queue.pause(connection, target, queue.Pause(by.at, name, note))

        return self._act(Act(by, "pause", target), work, _if_any)

    def resume(self, target: str, by: Actor) -> bool:
        """Ends a pause. Waiting items are due as before. Returns False if there was no pause."""
        return self._act(Act(by, "resume", target), lambda connection: queue.resume(connection, target), _if_any)

    def paused(self) -> dict[str, queue.Pause]:
        """Returns the targets that a person paused."""
        with reading(self._engine) as connection:
            return queue.paused(connection)

    def retry(
        self, by: Actor, *, ids: Sequence[str] = (), target: str | None = None, everything: bool = False,
        state: OutboxState = OutboxState.DEAD, since: datetime | None = None, subject: str | None = None,
    ) -> int:
        """Makes items in `state` due at once: those in `ids`, of `target`, of both, or `everything`.

        With `since` (aware), only items about what happened at or after it.
        Enables the targets of the items found, and `target`. Returns how many items are due now.
        Raises ValueError if nothing is chosen: an empty list of ids must not mean all.
        """
        if not everything:
            _demand_a_choice(ids, target)
        return self._act(Act(by, "retry", subject or _chosen(ids, target)), lambda connection: queue.retry(
            connection, by.at, ids, target, state, since
        ), int)

    def retry_chosen(self, by: Actor, chosen: Mapping[OutboxState, Sequence[str]], subject: str) -> int:
        """Does the same as `retry`, for ids in several states at once."""
        return self._act(Act(by, "retry", subject), lambda connection: sum(
            queue.retry(connection, by.at, ids, None, state, None) for state, ids in chosen.items()
        ), int)

    def discard(
        self, by: Actor, *, ids: Sequence[str] = (), target: str | None = None, subject: str | None = None
    ) -> int:
        """Discards due and dead items: those in `ids`, of `target`, or of both. Returns how many.

        Raises ValueError if nothing is chosen.
        """
        _demand_a_choice(ids, target)

        def work(connection: Connection) -> int:
            count = queue.discard(connection, ids, target)
            settled.erase(connection)
            return count

        return self._act(Act(by, "discard", subject or _chosen(ids, target)), work, _if_any)

    @cached_property
    def deliveries(self) -> Deliveries:
        """The lists of the outbox for people."""
        return Deliveries(self._engine)

    def _take_tokens(self, items: Sequence[OutboxItem]) -> dict[str, str]:
        with self._lock:
            return {item.id: self._leases.pop(item.id, "") for item in items}


def _demand_a_choice(ids: Sequence[str], target: str | None) -> None:
    if not ids and target is None:
        raise ValueError("neither ids nor a target")


def _if_any(changed: int) -> int | None:
    return int(changed) or None


def _chosen(ids: Sequence[str], target: str | None) -> str:
    """Returns the subject in the log: the target, the single item, or `CHOSEN`."""
    return target or (ids[0] if len(ids) == 1 else CHOSEN)
