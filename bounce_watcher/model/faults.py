"""What is wrong with a mailbox, a target or the ledger, as values; `words/faults.py` says it."""

from dataclasses import dataclass
from typing import Self

from bounce_watcher.model.about import About
from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.model.ledger import Disposition
from bounce_watcher.model.obstacles import Obstacle


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
