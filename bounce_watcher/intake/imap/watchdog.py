"""Limits the time of a whole conversation with a server. Socket time-outs limit only one read."""

import contextlib
import socket
import threading
from datetime import timedelta
from typing import Self


class Watchdog:
    """A watchdog that sets `overdue` after `soft`. After another `grace` it cuts the held connection and any later one.

    A blocked or slow read in another thread then ends at once with an error. `feed` restarts both times.
    Use as a context manager.
    """

    def __init__(self, soft: timedelta, grace: timedelta) -> None:
        self.overdue = threading.Event()
        self.has_cut = False
        self._soft = soft.total_seconds()
        self._grace = grace.total_seconds()
        self._fed = threading.Event()
        self._is_done = False
        self._lock = threading.Lock()
        self._held: socket.socket | None = None
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_done = True
        self._fed.set()
        self._thread.join()
        self._replace(None)

    def feed(self) -> None:
        self._fed.set()

    def hold(self, connection: socket.socket) -> None:
        """Watches `connection` from now on, instead of the previous one.

        Holds a duplicate, because TLS takes a socket away from its first owner; the duplicate survives that.
        """
        self._replace(connection.dup())
        if self.has_cut:
            self._cut()

    def _replace(self, connection: socket.socket | None) -> None:
        with self._lock:
            before, self._held = self._held, connection
        if before is not None:
            before.close()

    def _watch(self) -> None:
        while True:
            if not self._fed.wait(self._soft):
                self.overdue.set()
                if not self._fed.wait(self._grace):
                    self._cut()
                    return
            self._fed.clear()
            if self._is_done:
                return

    def _cut(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            self.has_cut = True
            if self._held is not None:
                self._held.shutdown(socket.SHUT_RDWR)
