"""The HTTP server beside the service, in its own thread."""

import asyncio
import socket
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from bounce_watcher.config import Settings
from bounce_watcher.config.settings import WebSettings
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.logs import log
from bounce_watcher.model.errors import PermanentFailure, TemporaryFailure
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.state import ServiceState
from bounce_watcher.web.application import application
from bounce_watcher.web.context import WebContext
from bounce_watcher.web.http.peers import network_of
from bounce_watcher.web.http.session import BrowserSessions

BACKLOG = 128
"""Connections accepted at a time. Excess ones are cut off before the next are accepted."""
HEADER_BYTES = 16 * 1024
HEADER_WITHIN = 10
"""Seconds within which the header of a request must arrive."""
UNKNOWN_WITHIN = 60
"""Seconds within which the exchange with an unknown sender must end, including the reading of the answer."""
STOP_WITHIN = 20
"""Seconds that running requests have when the service stops."""
OF_ONE_PEER = 32
UNKNOWN = 256
"""The limit for all peers together. Each is an open file, of which a process has 1,024 by default."""
SAY_EVERY = timedelta(minutes=1)
"""The minimum time between two log lines about this."""

@contextmanager
def serving(
    settings: Settings, ledger: Ledger, stuck: Callable[[], list[str]], state: Callable[[], ServiceState]
) -> Iterator[None]:
    """Answers HTTP while the block runs, if the settings have a `[web]` table. Running requests are finished.

    Background tasks end before their next step: they may be repeated.

    Raises PermanentFailure if the address is not available.
    """
    if settings.web is None:
        yield
        return
    listener = _listener(settings.web)
    context = WebContext(settings, ledger, stuck, state)
    server = uvicorn.Server(_config(context))
    with suppress(TemporaryFailure):  # this opens no way in: each request checks the token again
        BrowserSessions(settings.web, ledger.sessions).end_stale()
    thread = threading.Thread(target=server.run, args=([listener],), name="web", daemon=True)
    thread.start()
    log.info("listening", action="web_started", host=settings.web.host, port=settings.web.port)
    try:
        yield
    finally:
        server.should_exit = True
        context.jobs.stop()
        thread.join(STOP_WITHIN + 5)
        listener.close()


def _config(context: WebContext) -> uvicorn.Config:
    """Configures uvicorn. An Admission limits unknown senders; uvicorn's own limit would refuse everybody alike."""
    admission = Admission()
    return uvicorn.Config(
        application(context, lambda scope: admission.leave(scope.get("client"))),
        http=cast(Any, partial(_Bounded, admission)), ws="none", loop="asyncio",
        lifespan="off", log_config=None, access_log=False, proxy_headers=False, server_header=False, backlog=BACKLOG,
        h11_max_incomplete_event_size=HEADER_BYTES, timeout_graceful_shutdown=STOP_WITHIN,
        headers=[("Connection", "close")],  # one request per connection, so that one deadline is enough
    )


class Admission:
    """Limits connections from unknown senders: few enough to do no harm, but never so that nobody else gets in.

    A new connection is always accepted. If there are too many, the one that has waited longest is cut off: one of the
    same peer if that peer has too many, else one of the peer with the most. A request whose sender is known
    (web.http.access) is no longer counted, and no later connection ends it. Only for the event loop's thread.
    """

    def __init__(self) -> None:
        self._number = 0
        self._waiting: dict[str, dict[Hashable, _Bounded]] = {}  # in order of arrival
        self._cut, self._told_at = 0, datetime.min.replace(tzinfo=UTC)

    def enter(self, connection: "_Bounded") -> None:
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

    def holds(self, connection: "_Bounded") -> bool:
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


class _Bounded(H11Protocol):
    """A protocol with limits. uvicorn waits for a header as long as the peer likes, and for any number of peers."""

    def __init__(self, admission: Admission, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._admission = admission

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadlines = (
            self.loop.call_later(HEADER_WITHIN, self._give_up), self.loop.call_later(UNKNOWN_WITHIN, self._give_up_all)
        )
        self._admission.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        for deadline in self._deadlines:
            deadline.cancel()
        if self._admission.holds(self):
            self._admission.leave(self.client)
        super().connection_lost(exc)

    def cut(self) -> None:
        """Ends the connection at once and drops what is still to be sent."""
        self.transport.abort()

    def _give_up(self) -> None:
        if self.cycle is None:
            self.transport.close()

    def _give_up_all(self) -> None:
        if self._admission.holds(self):
            self.cut()


def _listener(web: WebSettings) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            web.host, web.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()  # from here on connections are queued, although the thread has yet to start
    except OSError as error:
        raise PermanentFailure(
            f"web.listen: {web.host}:{web.port} is not available: {error.strerror}", "free it, or set another"
        ) from None
    return listener
