"""What a person asks for, in whichever way: it is shown first, then done.

An operation is a value: what is to be done, and to what. `preview` returns what would happen and changes nothing.
`carry_out` does it in bounded transactions, each of which includes its row in the log of actions. Commands, pages and
the API make the operation, call it, and put its result into words.
"""

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bounce_watcher.config import Settings
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import Actor, NoticeType, Occurrence, OutboxItem, State, Suppression
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.announcing import announcer

Shown = TypeVar("Shown")
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Operation(ABC, Generic[Shown, Done]):
    """Something to do to the ledger under these settings. `Shown` is its outline, `Done` its result."""

    settings: Settings
    ledger: Ledger

    @abstractmethod
    def preview(self, by: Actor) -> Shown:
        """Returns what would happen if `by` did it now. Changes nothing."""

    @abstractmethod
    def carry_out(self, by: Actor) -> Done:
        """Does it. `by.note` is the reason that was given."""


@dataclass(frozen=True, slots=True)
class Outline(Generic[Shown]):
    """What an operation concerns as it is now, and a digest of it."""

    what: Shown
    seen: str


def digest(shown: Iterable[object]) -> str:
    """Returns a digest of what an outline shows, in order. Another digest means that the person saw something else."""
    return hashlib.sha256("\x00".join(map(str, shown)).encode("utf-8", "replace")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Notices:
    """How many notices an operation would send, by type and target.

    `paused` names those targets that get nothing at present. In watch-only mode (`is_shadow`) none gets anything.
    """

    told: Mapping[tuple[NoticeType, str], int]
    paused: Sequence[str] = ()
    is_shadow: bool = False


class NoticeCounter:
    """Announces as the service would, and counts the notices for each target."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._ledger = ledger
        self._announce = announcer(settings)
        self._is_shadow = settings.policy.mode is Mode.SHADOW
        self._told: Counter[tuple[NoticeType, str]] = Counter()

    def __call__(self, occurrence: Occurrence) -> Sequence[OutboxItem]:
        items = self._announce(occurrence)
        self._told.update((item.type, item.target) for item in items)
        return items

    def hear(self, kind: NoticeType, address: str, standing: Iterable[Suppression]) -> None:
        """Counts notices of this kind for these suppressions of the address. Skips held ones: nobody hears of them."""
        for each in standing:
            if each.state is State.SUPPRESSED:
                self(Occurrence(kind, each.since, address, each.stream, 1, {}))

    @property
    def notices(self) -> Notices:
        targets = {target for _, target in self._told}
        return Notices(self._told, sorted(targets & self._ledger.outbox.paused().keys()), self._is_shadow)
