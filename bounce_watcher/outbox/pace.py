"""No more calls a second than a target allows."""

import threading
from time import monotonic, sleep  # noqa: TID251  (it spaces calls, it does not tell the time)


class CallPacer:
    """Spaces calls evenly. Thread-safe. `rate` in calls a second, None = no limit."""

    def __init__(self, rate: float | None) -> None:
        self._gap = 1 / rate if rate else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Returns when the caller's turn has come."""
        if not self._gap:
            return
        with self._lock:
            now = monotonic()
            turn = max(self._next, now)
            self._next = turn + self._gap
        sleep(turn - now)
