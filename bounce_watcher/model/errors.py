"""What can go wrong, told apart by what the caller should do about it."""

import copyreg
from typing import Any

from bounce_watcher.model.about import About


class BounceWatcherError(Exception):
    """Base of all errors of ours: what it is `about`, the `problem`, and the `fix`, "" where there is none.

    `str()` is all of it in one line: `mailbox returns: the log-in was refused; check username and password`.
    """

    def __init__(self, problem: str, fix: str = "", *, about: About | None = None) -> None:
        super().__init__(problem, fix)
        self.problem, self.fix, self.about = problem, fix, about

    def __str__(self) -> str:
        return "; ".join(filter(None, (self.headline, self.fix)))

    @property
    def headline(self) -> str:
        """Without the fix."""
        return f"{self.about}: {self.problem}" if self.about else self.problem

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles hold all fields, whatever a class of errors is made from."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class TemporaryFailure(BounceWatcherError):
    """The same call may succeed later: a server away, a time-out, a lock. Nothing was lost; try again."""


class PermanentFailure(BounceWatcherError):
    """The same call will fail again until a person changes something: a refused log-in, a missing schema."""


class ConfigError(BounceWatcherError):
    """A configuration that must not be used.

    `problems` holds every fault found, one line each: the key, what is wrong, the fix.
    """

    def __init__(self, source: str, problems: tuple[str, ...]) -> None:
        self.source = source
        self.problems = problems
        super().__init__("; ".join(f"{source}: {problem}" for problem in problems))
