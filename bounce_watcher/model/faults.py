"""What is wrong with a mailbox, a target or the ledger, and what blocks filing and reading, as values.

`words/faults.py` and `words/obstacles.py` say it.
"""

from dataclasses import dataclass
from typing import Self

from bounce_watcher.model.about import About
from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.model.ledger import Disposition


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of one resource is used: "STORAGE" in KiB (1,024 bytes), "MESSAGE" in messages."""

    root: str
    resource: str
    used: int
    limit: int

    @property
    def is_full(self) -> bool:
        """Checks whether the quota is full, or so nearly full that a usual mail does not fit."""
        return self.limit - self.used < _LEAST.get(self.resource, 1)


_LEAST = {"STORAGE": 32, "MESSAGE": 1}


@dataclass(frozen=True, slots=True)
class NoRight:
    """The account lacks rights on a folder.

    `missing` holds letters of RFC 4314; empty if the server says only that the folder is read-only.
    """

    folder: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoRoom:
    """The destination is over its quota. `quotas` are the full ones; empty if the server reports none."""

    destination: str
    quotas: tuple[Quota, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server refused to move mail from `folder` to `destination`, or to remove what was copied there."""

    folder: str
    destination: str
    said: str


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The server said that it removed or marked settled mail in the folder, but it did not."""

    folder: str


@dataclass(frozen=True, slots=True)
class NotFiled:
    """Mail that earlier passes could not file could not be retried; `said` is why."""

    folder: str
    said: str


@dataclass(frozen=True, slots=True)
class Short:
    """Only `got` of the `size` bytes that the server announced for a message came. It is not read as if complete."""

    folder: str
    uid: int
    got: int
    size: int


Obstacle = NoRight | NoRoom | NotFiled | NotTaken | Refusal | Short


@dataclass(frozen=True, slots=True)
class ErrorRaised:
    """An error, as it was raised. `kind` is its class."""

    kind: str
    problem: str
    fix: str = ""
    about: About | None = None

    @classmethod
    def of(cls, error: BounceWatcherError) -> Self:
        return cls(type(error).__name__, error.problem, error.fix, error.about)


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """A target did not accept a notice. `answer` is in the target's own words."""

    disposition: Disposition
    answer: str


@dataclass(frozen=True, slots=True)
class FilingBlocked:
    """Settled mail of a mailbox can't be filed, or a message can't be read whole."""

    about: About
    obstacles: tuple[Obstacle, ...]


Fault = ErrorRaised | NotAccepted | FilingBlocked
