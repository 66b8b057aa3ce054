"""The outbox: items are leased, tried and settled; people pause targets, retry items or discard them."""

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
from bounce_watcher.ledger.outbox import backfill, pausing, queue, settled, superseding
from bounce_watcher.ledger.outbox.list_comparison import ListComparison
from bounce_watcher.ledger.outbox.listing import Deliveries
from bounce_watcher.logs import log
from bounce_watcher.model.ledger import Actor, Announce, Attempt, Disposition, OutboxItem, OutboxState

CHOSEN = "chosen deliveries"


class Outbox(Acting):
    """What targets are to be told."""

    def __init__(self, engine: Engine, leases: dict[str, str]) -> None:
        """`leases` maps the ids that this process has leased to their tokens."""
        super().__init__(engine)
        self._leases = leases
        self._lock = threading.Lock()

    def enroll(self, targets: Mapping[str, str]) -> None:
        """Notes the targets in use, name to fingerprint. A target whose fingerprint changed is enabled again."""
        write(self._engine, lambda connection: queue.enroll(connection, targets))

    def lease(
        self, target: str, now: datetime, lease_for: timedelta, limit: int, keeps: Sequence[str] | None = None
    ) -> list[OutboxItem]:
        """Leases up to `limit` items due for `target`: nobody else sends them before `now + lease_for`.

        Returns only the earliest item of each recipient and stream, and none if the endpoint is disabled or paused.
        `keeps` is given for a target that keeps a list, as the streams that the list covers (() = all). Then only the
        newest state of a recipient is leased, and no release while another of its streams or a global suppression still
        holds.
        """
        token = uuid4().hex
        until = now + lease_for
        items = write(self._engine, lambda connection: queue.lease(connection, target, now, until, limit, token, keeps))
        with self._lock:
            self._leases.update((item.id, token) for item in items)
        return items

    def still_wanted(self, items: Sequence[OutboxItem], keeps: Sequence[str] | None) -> list[OutboxItem]:
        """Returns the leased items that no newer state has overtaken since. The others become superseded."""
        with reading(self._engine) as connection:
            overtaken = superseding.overtaken(connection, (item.id for item in items), keeps)
        if overtaken:
            tokens = self._take_tokens([item for item in items if item.id in overtaken])
            write(self._engine, lambda connection: superseding.give_up(connection, tokens))
        return [item for item in items if item.id not in overtaken]

    def conclude(self, outcomes: Sequence[tuple[OutboxItem, Attempt]], now: datetime) -> None:
        """Writes what the tries came to, unless a lease has passed to another sender. GONE disables the endpoint."""
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
        """Ends the leases of items that were not tried: they are due as before."""
        tokens = self._take_tokens(items)
        write(self._engine, lambda connection: queue.give_back(connection, tokens))

    def next_due(self, target: str) -> datetime | None:
        """Returns when `lease` may next have something for `target`. None if nothing waits, or the target is shut."""
        with reading(self._engine) as connection:
            return queue.next_due(connection, target)

    def supersede_stale(self, target: str, now: datetime, keeps: Sequence[str]) -> int:
        """Supersedes the items that a newer state overtook, for a target that keeps a list: see `lease`. Returns how
        many.
        """
        return write(self._engine, lambda connection: superseding.thin(connection, target, now, keeps))

    def list_comparison(self, target: str, streams: Sequence[str], now: datetime) -> ListComparison:
        """Opens a comparison of a target's own list with what it was to be told; see ListComparison. Close it after
        use.
        """
        return ListComparison(self._engine, target, streams, now)

    def backfill(
        self, announce: Announce, now: datetime, *, dry_run: bool = False
    ) -> Iterator[backfill.Announced]:
        """Tells each target the states that it was never told; see `backfill`."""
        return backfill.announce_untold(self._engine, announce, now, dry_run=dry_run)

    def pause(self, target: str, by: Actor) -> bool:
        """Pauses a target: nothing is sent to it until `resume`. Returns False if it is paused already."""
        def work(connection: Connection) -> bool:
            name, note = forget.unnamed(connection, by.name), forget.unnamed(connection, by.note or "")
            return pausing.pause(connection, target, pausing.Pause(by.at, name, note))

        return self._act(Act(by, "pause", target), work, _if_any)

    def resume(self, target: str, by: Actor) -> bool:
        """Resumes a target: what waits is due as before. Returns False if it was not paused."""
        return self._act(Act(by, "resume", target), lambda connection: pausing.resume(connection, target), _if_any)

    def paused(self) -> dict[str, pausing.Pause]:
        """Returns the targets that a person paused."""
        return pausing.paused(self._engine)

    def retry(
        self, by: Actor, *, ids: Sequence[str] = (), target: str | None = None, everything: bool = False,
        state: OutboxState = OutboxState.DEAD, since: datetime | None = None, subject: str | None = None,
    ) -> int:
        """Makes items in `state` due at once: those of `ids`, of `target`, of both, or `everything`.

        With `since` (aware), only those that happened at that time or later. Enables the endpoints of the items found,
        and `target`'s. Returns the number of items that are due now.

        Raises ValueError if nothing is chosen: an empty list of ids must not stand for all.
        """
        if not everything:
            _demand_a_choice(ids, target)
        return self._act(Act(by, "retry", subject or _chosen(ids, target)), lambda connection: queue.retry(
            connection, by.at, ids, target, state, since
        ), int)

    def retry_chosen(self, by: Actor, chosen: Mapping[OutboxState, Sequence[str]], subject: str) -> int:
        """Like `retry`, for ids in several states at once."""
        return self._act(Act(by, "retry", subject), lambda connection: sum(
            queue.retry(connection, by.at, ids, None, state, None) for state, ids in chosen.items()
        ), int)

    def discard(
        self, by: Actor, *, ids: Sequence[str] = (), target: str | None = None, subject: str | None = None
    ) -> int:
        """Gives up on due and dead items: those of `ids`, of `target`, or of both. Returns how many.

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
        """The outbox for people: filtered, in pages, by error."""
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
    """The subject for the log: the only item, the target, or a word for several chosen items."""
    return target or (ids[0] if len(ids) == 1 else CHOSEN)
