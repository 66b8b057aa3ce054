"""What a person does about the outbox: send again, discard, pause a target, resume it, try it."""

from abc import abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import ClassVar

from bounce_watcher.ledger.db.query import MOST_COUNTED
from bounce_watcher.ledger.lists.filters import OutboxFilter
from bounce_watcher.ledger.lists.stock import Queue
from bounce_watcher.ledger.outbox.queue import Pause
from bounce_watcher.ledger.outbox.settled import NO_BODY
from bounce_watcher.model.ledger import Actor, Attempt, OutboxItem, OutboxState
from bounce_watcher.outbox.opening import Receiver, channel_to
from bounce_watcher.service.operations.operation import Operation, digest

# ── items ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ItemOutline:
    """Items that would change, with their numbers by state and by target.

    For a whole target the numbers may be upper bounds (`at_most`), as only some items were looked at. `replaced` items
    are chosen too, but become superseded instead, as a newer state follows them. Of the targets, `paused` ones get
    nothing at present; `disabled` ones wanted nothing more and are used again after a retry.
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
    """An operation on items of the outbox: on `items` if given, else on those of `ids`, of `target`, or of both.

    `named` is what the log calls several items that were picked.
    """

    states: ClassVar[tuple[OutboxState, ...]]
    """The states from which a person may do this."""
    usual: ClassVar[tuple[OutboxState, ...]]
    """The states that are meant if none is named."""

    ids: Sequence[str] = ()
    target: str | None = None
    items: Sequence[OutboxItem] = ()
    named: str | None = None

    @abstractmethod
    def parted(self, found: Sequence[OutboxItem]) -> tuple[Sequence[OutboxItem], Sequence[OutboxItem]]:
        """Splits items into those that would change and those that a newer state has replaced."""

    @abstractmethod
    def matching(self, by: Actor) -> Iterator[OutboxItem]:
        """Yields all items that would change, however many, in the order of writing."""

    def preview(self, by: Actor) -> ItemOutline:
        """Outlines it. For a whole target some of its dead letters stand for all. Raises TookTooLong."""
        found = self._looked_at(by)
        items, replaced = self.parted(found)
        numbers: Mapping[OutboxState, int] = Counter(item.state for item in items)
        at_most = not self.items and len(found) == MOST_COUNTED
        if self.is_whole_target and (at_most or OutboxState.DUE in self.usual):
            numbers, at_most = self._waiting(), True
        targets = self._targets(items, replaced, sum(numbers.values()))
        paused = {name: pause for name, pause in self.ledger.outbox.paused().items() if name in targets}
        disabled = self.ledger.outbox.deliveries.disabled().keys() & targets.keys()
        seen = digest((
            type(self).__name__, self.named or self.target, sorted(numbers.items()), sorted(targets.items()), paused,
            sorted(disabled), *((item.id, item.state) for item in (*items, *replaced)),
        ))
        return ItemOutline(items, numbers, targets, replaced, at_most, paused, frozenset(disabled), seen)

    @property
    def is_whole_target(self) -> bool:
        """Whether all of a target is chosen that is usually meant."""
        return self.target is not None and not self.ids and not self.items

    def _looked_at(self, by: Actor) -> Sequence[OutboxItem]:
        if self.items:
            return self.items
        if self.target is not None and self.is_whole_target:
            return self.ledger.outbox.deliveries.dead(self.target)
        return list(islice(self.matching(by), MOST_COUNTED))

    def _listed(self, *wanted: OutboxFilter) -> Iterator[OutboxItem]:
        """Yields the items of the filters, limited to `ids` if there are any."""
        return (
            item for each in wanted for name in self.ids or (None,)
            for item in self.ledger.lists.outbox(replace(each, id=name))
        )

    def _waiting(self) -> Mapping[OutboxState, int]:
        queue = self.ledger.figures.queues().get(self.target or "", Queue())
        numbers = {OutboxState.DEAD: queue.dead, OutboxState.DUE: queue.due}
        return {state: many for state, many in numbers.items() if many and state in self.usual}

    def _targets(self, items: Sequence[OutboxItem], replaced: Sequence[OutboxItem], count: int) -> Mapping[str, int]:
        """Returns how many items change for each target; 0 for a target with `replaced` items only."""
        if self.target is not None:
            return {self.target: count}
        numbers = Counter(item.target for item in items)
        return {target: numbers[target] for target in sorted({item.target for item in (*items, *replaced)})}

    def paused(self) -> Mapping[str, Pause]:
        """Returns those chosen targets that get nothing at present."""
        return self.ledger.outbox.deliveries.paused(self.ids, self.target)


@dataclass(frozen=True, slots=True)
class Retry(ItemOperation):
    """Makes items due at once and counts their tries from zero. Their targets are used again, whatever they answered.

    A target that a person paused stays paused. Without `items`, only those in `state` that happened after `since`
    (aware) are chosen. `everything` is needed if neither ids nor a target are named.
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
        return self._listed(OutboxFilter(self.state, self.target, since=self.since, retried_at=by.at))

    @property
    def is_whole_target(self) -> bool:
        return super(Retry, self).is_whole_target and self.state in self.usual and self.since is None

    def carry_out(self, by: Actor) -> int:
        """Returns how many items are now due. Raises ValueError if nothing is chosen."""
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
    """Discards items that are due or dead: they are never sent."""

    states = (OutboxState.DEAD, OutboxState.DUE)
    usual = states

    def parted(self, found: Sequence[OutboxItem]) -> tuple[Sequence[OutboxItem], Sequence[OutboxItem]]:
        return found, ()

    def matching(self, by: Actor) -> Iterator[OutboxItem]:
        return self._listed(*(OutboxFilter(state, self.target) for state in (OutboxState.DUE, OutboxState.DEAD)))

    def carry_out(self, by: Actor) -> int:
        """Returns how many items were discarded. Raises ValueError if nothing is chosen."""
        ids = [item.id for item in self.items] or self.ids
        return self.ledger.outbox.discard(by, ids=ids, target=self.target, subject=self.named)


# ── targets ─────────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class TargetOutline:
    """The state of a target: what waits for it, since when it is `paused`, whether the configuration names it."""

    queue: Queue
    paused: Pause | None
    is_configured: bool
    seen: str


@dataclass(frozen=True, slots=True)
class TargetOperation(Operation[TargetOutline, bool]):
    """An operation on the webhook, platform or notifier of that name. Returns False if nothing changed."""

    target: str

    def preview(self, by: Actor) -> TargetOutline:
        paused = self.ledger.outbox.paused().get(self.target)
        queue = self.ledger.figures.queues().get(self.target, Queue())
        is_configured = any(each.name == self.target for each in self.settings.receivers)
        return TargetOutline(queue, paused, is_configured, digest(("switch", self.target, paused)))


@dataclass(frozen=True, slots=True)
class PauseTarget(TargetOperation):
    """Pauses a target: it gets nothing until it is resumed. Waiting items do not count as failures."""

    def carry_out(self, by: Actor) -> bool:
        return self.ledger.outbox.pause(self.target, by)


@dataclass(frozen=True, slots=True)
class ResumeTarget(TargetOperation):
    """Resumes a target: waiting items are sent from now on, in order."""

    def carry_out(self, by: Actor) -> bool:
        return self.ledger.outbox.resume(self.target, by)


def tried(receiver: Receiver, now: datetime) -> Attempt:
    """Tries a target once in a harmless way, without using the outbox.

    Raises PermanentFailure if it can't be called at all because its extra is missing.
    """
    with closing(channel_to(receiver)) as channel:
        return channel.test(now)
