"""Tracks current troubles, and logs each once when it begins and once when it ends."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from bounce_watcher.logs import log
from bounce_watcher.model.about import About
from bounce_watcher.model.errors import BounceWatcherError, TemporaryFailure
from bounce_watcher.service.clock import utcnow


class ReportedFailure(TemporaryFailure):
    """A failure that an inner `Troubles.guard` has already logged. Outer guards pass it on silently."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong, as last reported, and since when without a break (aware)."""

    text: str
    since: datetime


class Troubles:
    """The open troubles by subject. Thread-safe."""

    def __init__(self, now: Callable[[], datetime] = utcnow) -> None:
        self._now = now
        self._open: dict[About, Trouble] = {}
        self._alike: dict[About, str] = {}
        self._lock = threading.Lock()

    def raised(self, about: About, text: str, alike: str | None = None) -> None:
        """Logs a warning if the trouble is new or different from before.

        `alike` identifies the trouble if `text` also holds what differs each time; by default `text` does.
        """
        with self._lock:
            known = self._alike.get(about)
            before = self._open.get(about)
            self._open[about] = Trouble(text, before.since if before else self._now())
            self._alike[about] = alike or text
        if known != (alike or text):
            log.warning("trouble began", action="trouble_raised", about=str(about), trouble=text)

    def cleared(self, about: About) -> None:
        with self._lock:
            known = self._open.pop(about, None)
            self._alike.pop(about, None)
        if known is not None:
            log.info("trouble is over", action="trouble_cleared", about=str(about))

    def open(self) -> dict[About, Trouble]:
        with self._lock:
            return dict(self._open)

    @contextmanager
    def guard(self, about: About, *, by_kind: bool = False) -> Iterator[None]:
        """Raises a trouble for a failure inside and clears it on success.

        With `by_kind`, failures of one class are the same trouble: a database that goes down gives another message each
        time.

        Raises ReportedFailure in place of any BounceWatcherError, so that it is logged only under its nearest name.
        """
        try:
            yield
        except ReportedFailure:
            raise
        except BounceWatcherError as failure:
            self.raised(about, str(failure), alike=type(failure).__name__ if by_kind else None)
            raise ReportedFailure(failure.problem, failure.fix, about=failure.about) from failure
        self.cleared(about)
