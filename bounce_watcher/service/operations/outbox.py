"""What a person does about what targets are told: send again, discard, pause a target and resume it, try it."""

from abc import abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from bounce_watcher.ledger.db.query import MOST_COUNTED
from bounce_watcher.ledger.lists.filters import OutboxFilter
from bounce_watcher.ledger.lists.stock import Queue
from bounce_watcher.ledger.outbox.bodies import NO_BODY
from bounce_watcher.ledger.outbox.pausing import Pause
from bounce_watcher.model.ledger import Actor, Attempt, OutboxItem, OutboxState
from bounce_watcher.outbox.opening import Receiver, channel_to
from bounce_watcher.service.operations.operation import Operation, digest

# ── items ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ItemOutline:
    """Items that would change, and how many by state and by target: of a whole target `at_most` so many, as only some
    were looked at. `replaced` are chosen too and become superseded instead, as a newer state stands behind them.

    Of the targets `paused` are sent nothing just now, `disabled` wanted no more and are used again by a retry.
    """

    items: Sequence[OutboxItem]
    numbers: Mapping[OutboxState, int]
    targets: Mapping[str, int]
    replaced: Sequence[OutboxItem]
    at_most: bool
    paused: Mapping[str, Pause]
    disabled: frozenset[str]
    seen: str

    @property
    def count(self) -> int:
        return sum(self.numbers.values())


@dataclass(frozen=True, slots=True)
class ItemOperation(Operation[ItemOutline, int]):
    """On items of the outbox: on `items` as they were looked up, else on those of `ids`, of `target`, or of both.

    `named` is what the log calls several that were picked out.
    """

    states: ClassVar[tuple[OutboxState, ...]]
    """Those out of which a person may do so."""
    usual: ClassVar[tuple[OutboxState, ...]]
    """Those that are meant where nobody says."""

    ids: Sequence[str] = ()
    target: str | None = None
    items: Sequence[OutboxItem] = ()
    named: str | None = None

    @abstractmethod
    def parted(self, found: Sequence[OutboxItem]) -> tuple[Sequence[OutboxItem], Sequence[OutboxItem]]:
        """Of these what would change, and what a newer state has replaced."""

    @abstractmethod
    def matching(self, by: Actor) -> Iterator[OutboxItem]:
        """All that would change, any number, in the order of writing."""

    def preview(self, by: Actor) -> ItemOutline:
        """Of a whole target some of what it was given up for stand for all. Raises TookTooLong."""
        deliveries = self.ledger.outbox.deliveries
        found = self.items or deliveries.dead(self.target or "")
        items, replaced = self.parted(found)
        numbers: Mapping[OutboxState, int] = Counter(item.state for item in items)
        at_most = False
        if not self.items and (len(found) == MOST_COUNTED or OutboxState.DUE in self.usual):
            numbers, at_most = self._waiting(), True
        targets = self._targets(items, replaced, sum(numbers.values()))
        paused = {name: pause for name, pause in self.ledger.outbox.paused().items() if name in targets}
        disabled = deliveries.disabled().keys() & targets.keys()
        seen = digest((
            type(self).__name__, self.named or self.target, sorted(numbers.items()), sorted(targets.items()), paused,
            sorted(disabled), *((item.id, item.state) for item in (*items, *replaced)),
        ))
        return ItemOutline(items, numbers, targets, replaced, at_most, paused, frozenset(disabled), seen)

    def _waiting(self) -> Mapping[OutboxState, int]:
        queue = self.ledger.figures.queues().get(self.target or "", Queue())
        numbers = {OutboxState.DEAD: queue.dead, OutboxState.DUE: queue.due}
        return {state: many for state, many in numbers.items() if many and state in self.usual}

    def _targets(
        self, items: Sequence[OutboxItem], replaced: Sequence[OutboxItem], count: int
    ) -> Mapping[str, int]:
        """How many of each target; 0 for those that just what is `replaced` is for."""
        if self.target is not None:
            return {self.target: count}
        numbers = Counter(item.target for item in items)
        return {target: numbers[target] for target in sorted({item.target for item in (*items, *replaced)})}

    def paused(self) -> Mapping[str, Pause]:
        """Targets of what is chosen that are sent nothing just now."""
        return self.ledger.outbox.deliveries.paused(self.ids, self.target)


@dataclass(frozen=True, slots=True)
class Retry(ItemOperation):
    """Makes items due at once, their tries counted anew; their targets are used again, whatever they answered before.

    A target that a person paused stays so. Of those not looked up just what is in `state`, and happened `since` then
    (aware); of `everything` where neither ids nor a target are named.
    """

    states = (OutboxState.DEAD, OutboxState.DUE, OutboxState.DELIVERED)
    usual = (OutboxState.DEAD,)

    state: OutboxState = OutboxState.DEAD
    since: datetime | None = None
    everything: bool = False

    def parted(self, found: Sequence[OutboxItem]) -> tuple[Sequence[OutboxItem], Sequence[OutboxItem]]:
        whole = [item for item in found if item.body != NO_BODY]
        replaced = self.ledger.outbox.deliveries.replaced([item.id for item in whole])
        return ([item for item in whole if item.id not in replaced], [item for item in whole if item.id in replaced])

    def matching(self, by: Actor) -> Iterator[OutboxItem]:
        wanted = OutboxFilter(self.state, self.target, since=self.since, retried_at=by.at)
        return (item for item in self.ledger.lists.outbox(wanted) if not self.ids or item.id in self.ids)

    def carry_out(self, by: Actor) -> int:
        """Returns how many are due now. Raises ValueError where nothing is chosen."""
        if not self.items:
            return self.ledger.outbox.retry(
                by, ids=self.ids, target=self.target, everything=self.everything, state=self.state, since=self.since
            )
        ids: defaultdict[OutboxState, list[str]] = defaultdict(list)
        for item in self.items:
            ids[item.state].append(item.id)
        return self.ledger.outbox.retry_chosen(by, ids, self.named or "")


@dataclass(frozen=True, slots=True)
class Discard(ItemOperation):
    """Gives up on items that are due or dead: they are never sent."""

    states = (OutboxState.DEAD, OutboxState.DUE)
    usual = states

    def parted(self, found: Sequence[OutboxItem]) -> tuple[Sequence[OutboxItem], Sequence[OutboxItem]]:
        return found, ()

    def matching(self, by: Actor) -> Iterator[OutboxItem]:
        found = (
            item for state in (OutboxState.DUE, OutboxState.DEAD)
            for item in self.ledger.lists.outbox(OutboxFilter(state, self.target))
        )
        return (item for item in found if not self.ids or item.id in self.ids)

    def carry_out(self, by: Actor) -> int:
        """Returns how many. Raises ValueError where nothing is chosen."""
        ids = [item.id for item in self.items] or self.ids
        return self.ledger.outbox.discard(by, ids=ids, target=self.target, subject=self.named)


# ── targets ─────────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class TargetOutline:
    """A target as it stands: what waits for it, since when it is `paused`, whether the configuration names it."""

    queue: Queue
    paused: Pause | None
    is_configured: bool
    seen: str


@dataclass(frozen=True, slots=True)
class TargetOperation(Operation[TargetOutline, bool]):
    """On the webhook, platform or notifier of that name. False where it stands so already."""

    target: str

    def preview(self, by: Actor) -> TargetOutline:
        paused = self.ledger.outbox.paused().get(self.target)
        queue = self.ledger.figures.queues().get(self.target, Queue())
        is_configured = any(each.name == self.target for each in self.settings.receivers)
        return TargetOutline(queue, paused, is_configured, digest(("switch", self.target, paused)))


@dataclass(frozen=True, slots=True)
class PauseTarget(TargetOperation):
    """Nothing more is sent to it until it is resumed; what waits counts as no failure."""

    def carry_out(self, by: Actor) -> bool:
        return self.ledger.outbox.pause(self.target, by)


@dataclass(frozen=True, slots=True)
class ResumeTarget(TargetOperation):
    """What waits is sent from now on, in order."""

    def carry_out(self, by: Actor) -> bool:
        return self.ledger.outbox.resume(self.target, by)


def tried(receiver: Receiver, now: datetime) -> Attempt:
    """Tries a target once, with what harms nobody; nothing goes into the outbox. Raises PermanentFailure where it can't
    be called at all, as its extra is missing."""
    channel = channel_to(receiver)
    try:
        return channel.test(now)
    finally:
        channel.close()
