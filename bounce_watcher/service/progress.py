"""Which parts of the service have moved lately: what the watchdog is fed on."""

import threading
import time
from datetime import timedelta


class Progress:
    """Thread-safe. Times are seconds of the monotonic clock, so a clock that is set does not bark."""

    def __init__(self) -> None:
        self._patience: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def expect(self, name: str, patience: timedelta) -> None:
        """From now on `name` must move at least once in `patience`."""
        with self._lock:
            self._patience[name] = patience.total_seconds()
            self._last[name] = time.monotonic()

    def made(self, name: str) -> None:
        with self._lock:
            self._last[name] = time.monotonic()

    def ages(self) -> dict[str, float]:
        """Since when each has not moved, in seconds."""
        now = time.monotonic()
        with self._lock:
            return {name: now - last for name, last in self._last.items()}

    def stuck(self) -> list[str]:
        """Names that have not moved for longer than they may."""
        now = time.monotonic()
        with self._lock:
            return [name for name, last in self._last.items() if now - last > self._patience[name]]
