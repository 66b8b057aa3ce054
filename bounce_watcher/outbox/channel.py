"""What a deliverer needs of a target, whatever stands behind it: a webhook, a platform's API, a database, a program."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bounce_watcher.model.ledger import Attempt, Occurrence, OutboxItem


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a target takes. `batch`: changes of state in one call that suppresses; `release_batch`: that releases.

    `rate`: calls a second, None = as many as go. `concurrency`: calls at once. `calls`: how many a batch takes at most,
    for how long it is leased.
    """

    batch: int = 1
    release_batch: int = 1
    rate: float | None = None
    concurrency: int = 4
    calls: int = 1


AHEAD = 16
"""So many batches for each that may be under way are at hand where no pace is set, so that none waits for another."""


class Target(Protocol):
    """Where occurrences go to, as the configuration says."""

    @property
    def name(self) -> str: ...

    @property
    def timeout(self) -> timedelta:
        """For one call, answer and all."""

    @property
    def limits(self) -> Limits: ...

    @property
    def keeps_state(self) -> bool:
        """Whether it holds a list: then only the newest state of a recipient is sent, whatever was before.

        A receiver of events is told of each.
        """

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams that it is told of; () = all."""

    def hears(self, occurrence: Occurrence) -> bool:
        """Whether it is told of this."""


class Channel(Protocol):
    """An open way to a target. Safe for use by several threads."""

    @property
    def slots(self) -> int:
        """How many batches may be under way at once."""

    @property
    def room(self) -> int:
        """How many items it can make use of within a few seconds, where all goes well. A bound for memory, too."""

    @property
    def longest(self) -> timedelta:
        """How long one batch takes at most."""

    def batches(self, items: Sequence[OutboxItem]) -> list[list[OutboxItem]]:
        """`items` cut as they are sent: each batch is of one kind and within the target's limits."""

    def send(self, items: Sequence[OutboxItem], now: datetime) -> list[Attempt]:
        """One try at `now` (aware) for one batch, and what follows from it for each item, in their order.

        Never raises for what the network or the target does.
        """

    def test(self, now: datetime) -> Attempt:
        """A harmless call that proves that the target is there and knows us."""

    def close(self) -> None: ...
