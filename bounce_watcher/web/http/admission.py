"""Limits on connections from unknown senders: few enough to do no harm, but never so that nobody else gets in.

A new connection is always accepted. If there are too many, the one that has waited longest is cut off: one of the same
peer if that peer has too many, else one of the peer with the most. A request whose sender is known (web.access) is no
longer counted, and no later connection ends it. Only for the event loop's thread.
"""

from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from bounce_watcher.logs import log
from bounce_watcher.service.clock import utcnow
from bounce_watcher.web.http.peers import network_of

OF_ONE_PEER = 32
UNKNOWN = 256
"""The limit for all peers together. Each is an open file, of which a process has 1,024 by default."""
SAY_EVERY = timedelta(minutes=1)
"""The minimum time between two log lines about this."""

class Closable(Protocol):
    """A connection; `client` is the address and port of its other end."""

    client: tuple[str, int] | None

    def cut(self) -> None: ...


class Admission:
    def __init__(self) -> None:
        self._number = 0
        self._waiting: dict[str, dict[Hashable, Closable]] = {}  # in order of arrival
        self._cut, self._told_at = 0, datetime.min.replace(tzinfo=UTC)

    def enter(self, connection: Closable) -> None:
        """Counts a new connection, and cuts off another if there are too many."""
        self.leave(connection.client)  # a previous connection whose end was not reported yet
        network = _network(connection.client)
        mine = self._waiting.setdefault(network, {})
        mine[connection.client] = connection
        self._number += 1
        if len(mine) > OF_ONE_PEER:
            self._make_room(network)
        elif self._number > UNKNOWN:
            self._make_room(max(self._waiting, key=lambda each: len(self._waiting[each])))

    def leave(self, client: tuple[str, int] | None) -> None:
        """Stops counting a connection that is over or whose sender is known."""
        network = _network(client)
        mine = self._waiting.get(network, {})
        if mine.pop(client, None) is None:
            return
        self._number -= 1
        if not mine:
            del self._waiting[network]

    def holds(self, connection: Closable) -> bool:
        """Checks whether the connection's sender is still unknown."""
        return self._waiting.get(_network(connection.client), {}).get(connection.client) is connection

    def _make_room(self, network: str) -> None:
        oldest = next(iter(self._waiting[network].values()))
        self.leave(oldest.client)
        oldest.cut()
        self._cut += 1
        if (now := utcnow()) - self._told_at >= SAY_EVERY:
            log.warning("too many connections wait: the oldest were cut off", action="connections_cut", peer=network,
                        count=self._cut)
            self._cut, self._told_at = 0, now


def _network(client: tuple[str, int] | None) -> str:
    return network_of(client[0]) if client else ""
