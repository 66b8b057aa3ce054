"""What pages and API work with: one ledger, and the service that runs beside them."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from bounce_watcher.config import Settings
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.service.state import ServiceState
from bounce_watcher.web.jobs import JobRunner

T = TypeVar("T")

KEPT_FOR = timedelta(minutes=1)
"""Figures of long times hardly change within a minute, and adding them up takes a while."""
MOST = 64
"""The most results kept. The least recently used one is dropped first."""


class TtlCache:
    """A cache whose entries expire. Thread-safe. Two callers that ask for the same key at once may both compute it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[datetime, Any]] = OrderedDict()

    def get(self, key: Hashable, now: datetime, make: Callable[[], T]) -> T:
        """Returns the result made for the key within `KEPT_FOR`, or makes it now."""
        with self._lock:
            if key in self._kept and now - KEPT_FOR < self._kept[key][0] <= now:
                self._kept.move_to_end(key)
                kept: T = self._kept[key][1]
                return kept
        made = make()
        with self._lock:
            self._kept[key] = (now, made)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return made


@dataclass(frozen=True, slots=True)
class WebContext:
    """What pages and API work with. `stuck` returns mailboxes without progress for too long, `state` that of all."""

    settings: Settings
    ledger: Ledger
    stuck: Callable[[], list[str]]
    state: Callable[[], ServiceState]
    cache: TtlCache = field(default_factory=TtlCache)
    jobs: JobRunner = field(default_factory=JobRunner)

    @property
    def house(self) -> tuple[Settings, Ledger]:
        """Returns the settings and the ledger, as an operation takes them."""
        return self.settings, self.ledger
