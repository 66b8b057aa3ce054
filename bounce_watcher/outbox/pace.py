"""Limits calls to the rate that a target allows."""

import threading
from time import monotonic, sleep  # noqa: TID251  (it spaces calls, it does not tell the time)


class CallPacer:
    """A pacer that spaces calls evenly. Thread-safe. `rate` is in calls a second, None = no limit."""

    def __init__(self, rate: float | None) -> None:
        self._gap = 1 / rate if rate else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Waits until it is the caller's turn."""
        if not self._gap:
            return
        with self._lock:
            now = monotonic()
            turn = max(self._next, now)
            self._next = turn + self._gap
        sleep(turn - now)
