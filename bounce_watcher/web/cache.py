"""A cache for figures of long times: they hardly change within a minute, and adding them up takes a while."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

KEPT_FOR = timedelta(minutes=1)
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
