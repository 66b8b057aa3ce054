"""Tracks which parts of the service have made progress lately, to decide whether to feed the watchdog."""

import threading
import time
from datetime import timedelta


class Progress:
    """When each part last made progress. Thread-safe. Uses the monotonic clock: setting the clock raises no alarm."""

    def __init__(self) -> None:
        self._patience: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def expect(self, name: str, patience: timedelta) -> None:
        """Requires that `name` makes progress at least once in `patience` from now on."""
        with self._lock:
            self._patience[name] = patience.total_seconds()
            self._last[name] = time.monotonic()

    def made(self, name: str) -> None:
        with self._lock:
            self._last[name] = time.monotonic()

    def ages(self) -> dict[str, float]:
        """Returns for how many seconds each part has made no progress."""
        now = time.monotonic()
        with self._lock:
            return {name: now - last for name, last in self._last.items()}

    def stuck(self) -> list[str]:
        """Returns the parts that have made no progress for longer than they may."""
        now = time.monotonic()
        with self._lock:
            return [name for name, last in self._last.items() if now - last > self._patience[name]]
