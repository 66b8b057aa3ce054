"""What a deliverer needs from any target: a webhook, a platform's API, a database or a program."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bounce_watcher.model.ledger import Attempt, Occurrence, OutboxItem


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a target takes. `batch` is the number of changes in one call that suppresses.

    `release_batch` is the same for a call that releases. `rate` is in calls a second, None = no limit. `concurrency` is
    the number of calls at once. `calls` is the most calls that one batch takes; its lease lasts accordingly.
    """

    batch: int = 1
    release_batch: int = 1
    rate: float | None = None
    concurrency: int = 4
    calls: int = 1


AHEAD = 16
"""Batches kept ready for each batch that may be under way if no rate is set, so that none waits for another."""


class Target(Protocol):
    """A configured receiver of occurrences."""

    @property
    def name(self) -> str: ...

    @property
    def timeout(self) -> timedelta:
        """The time for one call, including the answer."""

    @property
    def limits(self) -> Limits: ...

    @property
    def keeps_state(self) -> bool:
        """Whether the target keeps a list. If so, only the newest state of a recipient is sent.

        A receiver of events gets every one.
        """

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams that the target is told about; () = all."""

    def hears(self, occurrence: Occurrence) -> bool:
        """Checks whether the target is told about this occurrence."""


class Channel(Protocol):
    """An open connection to a target. Safe for use by several threads."""

    @property
    def slots(self) -> int:
        """How many batches may be under way at once."""

    @property
    def room(self) -> int:
        """How many items it can send within a few seconds if all goes well. Also bounds the memory."""

    @property
    def longest(self) -> timedelta:
        """The longest time that one batch takes."""

    def batches(self, items: Sequence[OutboxItem]) -> list[list[OutboxItem]]:
        """Cuts `items` into batches to send: each is of one kind and within the target's limits."""

    def send(self, items: Sequence[OutboxItem], now: datetime) -> list[Attempt]:
        """Makes one try at `now` (aware) for one batch. Returns the result for each item, in their order.

        Never raises because of the network or the target.
        """

    def test(self, now: datetime) -> Attempt:
        """Makes a harmless call that proves that the target is there and knows us."""

    def close(self) -> None: ...
