"""A webhook receiver on loopback: verifies with the `standardwebhooks` package, keeps what came, answers as told."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(frozen=True, slots=True)
class Received:
    """One request. Header names are in lower case. `secret` is the one that it verified with, None = it did not."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: datetime
    secret: str | None

    @property
    def verified(self) -> bool:
        return self.secret is not None

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> dict[str, Any]:
        return cast(dict[str, Any], json.loads(self.body))

    @property
    def type(self) -> str:
        return cast(str, self.json["type"])

    @property
    def data(self) -> dict[str, Any]:
        return cast(dict[str, Any], self.json["data"])


@dataclass(frozen=True, slots=True)
class Reply:
    """How one request is answered. Times in seconds.

    `hang` passes before the answer; `drip_headers` and `drip_body` pass before each single byte of that part;
    `close` breaks the connection off in place of an answer; `raw` is written in place of an HTTP answer.
    """

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang: float = 0
    drip_headers: float = 0
    drip_body: float = 0
    close: bool = False
    raw: bytes | None = None


def redirect(location: str, status: int = 302) -> Reply:
    return Reply(status, {"Location": location})


def busy(retry_after: str, status: int = 429) -> Reply:
    return Reply(status, {"Retry-After": retry_after})


class Receiver:
    """Answers 204 unless told otherwise; `stop` and `start` keep the port. Safe to read while it runs.

    `always` is the standing answer, a function of the request where it depends on it; `then` answers just the next
    requests, one each, before that.
    """

    def __init__(self, secrets: Sequence[str] = (SECRET,), tls: ssl.SSLContext | None = None) -> None:
        self.secrets = tuple(secrets)
        self.port = 0
        self._tls = tls
        self._always: Callable[[Received], Reply] = lambda _: Reply()
        self._next: list[Reply] = []
        self._requests: list[Received] = []
        self._changed = threading.Condition()
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        scheme, host = ("https", "localhost") if self._tls else ("http", "127.0.0.1")
        return f"{scheme}://{host}:{self.port}/hook"

    @property
    def requests(self) -> tuple[Received, ...]:
        with self._changed:
            return tuple(self._requests)

    @property
    def connections(self) -> int:
        """How many connections the running server has taken."""
        return self._server.taken if self._server else 0

    def always(self, reply: Reply | Callable[[Received], Reply]) -> None:
        with self._changed:
            self._always = (lambda _: reply) if isinstance(reply, Reply) else reply

    def then(self, *replies: Reply) -> None:
        with self._changed:
            self._next.extend(replies)

    def wait_for(self, count: int, seconds: float = 10.0) -> tuple[Received, ...]:
        """The requests as soon as there are `count` of them; fails when they do not come in time."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self._requests) >= count, seconds)
            assert arrived, f"{len(self._requests)} of {count} requests within {seconds} s"
            return tuple(self._requests)

    def forget(self) -> None:
        with self._changed:
            self._requests.clear()

    def start(self) -> None:
        self._server = _Server(self, self.port, self._tls)
        self.port = self._server.server_address[1]
        self._server.run()

    def stop(self) -> None:
        """Refuses connections from now on and breaks off those that stand."""
        if self._server:
            self._server.end()
            self._server = None

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        received = Received(path, headers, body, datetime.now(UTC), self._verify(headers, body))
        with self._changed:
            self._requests.append(received)
            self._changed.notify_all()
            return self._next.pop(0) if self._next else self._always(received)

    def _verify(self, headers: Mapping[str, str], body: bytes) -> str | None:
        for secret in self.secrets:
            with contextlib.suppress(WebhookVerificationError, ValueError):
                Webhook(secret).verify(body, dict(headers))
                return secret
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, receiver: Receiver, port: int, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.receiver = receiver
        self.stopping = threading.Event()
        self.taken = 0
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def run(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.taken += 1
        return connection, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        # In the connection's own thread, so that a client that never shakes hands holds up nobody else.
        connection = self._tls.wrap_socket(request, server_side=True) if self._tls else request
        self._open.add(connection)
        try:
            super().finish_request(connection, client_address)
        finally:
            self._open.discard(connection)
            connection.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in mid-answer is what several tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.receiver.take(self.path, headers, body)
        if self._pause(reply.hang) or reply.close:
            self.close_connection = True
        elif reply.raw is not None:
            self._write(reply.raw, 0)
            self.close_connection = True
        else:
            self._answer(reply)

    def _answer(self, reply: Reply) -> None:
        lines = [f"HTTP/1.1 {reply.status} Told", *(f"{name}: {value}" for name, value in reply.headers.items())]
        if reply.status not in {204, 304}:
            lines.append(f"Content-Length: {len(reply.body)}")
        self._write("\r\n".join([*lines, "", ""]).encode(), reply.drip_headers)
        self._write(reply.body, reply.drip_body)

    def _write(self, data: bytes, interval: float) -> None:
        pieces = (data[i : i + 1] for i in range(len(data))) if interval else (data,)
        for piece in pieces:
            if self._pause(interval):
                self.close_connection = True
                return
            self.wfile.write(piece)

    def _pause(self, seconds: float) -> bool:
        """True when the server was stopped meanwhile."""
        return seconds > 0 and self.server.stopping.wait(seconds)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def running(secrets: Sequence[str] = (SECRET,), tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    receiver = Receiver(secrets, tls)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A running receiver that verifies with `SECRET`."""
    with running() as it:
        yield it


@pytest.fixture
def other_receiver() -> Iterator[Receiver]:
    """A second one: where a redirect points, or another target."""
    with running() as it:
        yield it
