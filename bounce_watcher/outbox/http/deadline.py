"""An HTTP transport whose time-outs are deadlines, and that connects only where it may.

httpx and httpcore limit only each single read from the socket. So a receiver that sends a byte now and then can hold a
request for hours, in its headers as well as in its body. Here the time-outs of a request are *moments* of the monotonic
clock. Each operation on the socket, and the look-up of the host name before it, gets the time left until then.

A host name is looked up once for a connection. `reach.py` judges the addresses that come back, and the connection goes
to one of those. So it has no effect if the name changes its address in between.
"""

import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from time import monotonic  # noqa: TID251  (it measures how long, it does not tell when)
from typing import Any

import httpcore
import httpx

from bounce_watcher.outbox.http.reach import ForbiddenHost, Reach

Resolve = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host and port. Raises OSError or UnicodeError if there are none."""


def deadline(seconds: float) -> dict[str, float]:
    """Returns the `timeout` extension for a request that must end, including the answer, `seconds` from now."""
    moment = monotonic() + seconds
    return {"connect": moment, "write": moment, "read": moment}


class DeadlineTransport(httpx.BaseTransport):
    """HTTP/1.1 over kept-alive connections; every request must carry `deadline(…)` as its `timeout` extension.

    `reach` says where it may connect, by default to public addresses only. A refusal is a httpcore.ConnectError that
    names the host, the address and the fix. A proxy may be anywhere: the administrator chose it. A proxy also
    looks up names. So only an address in the URL itself is judged, and the proxy must guard what a name resolves to.

    Raises httpcore's exceptions unchanged. Safe for use by several threads.
    """

    def __init__(
        self, tls: ssl.SSLContext, proxy: httpx.Proxy | None = None, reach: Reach | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._reach = reach or Reach()
        self._has_proxy = proxy is not None
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls,
            proxy=None if proxy is None else httpcore.Proxy(
                _core_url(proxy.url), auth=proxy.raw_auth, headers=proxy.headers.raw,
                ssl_context=proxy.ssl_context if proxy.url.scheme == "https" else None,
            ),
            max_connections=None,
            max_keepalive_connections=8,
            keepalive_expiry=15.0,
            network_backend=_DeadlineBackend(resolve or look_up, None if proxy else self._reach),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._has_proxy:
            with _refusals_as_failures():
                self._reach.check_unresolved(request.url.raw_host.decode("ascii"))
        answer = self._pool.handle_request(httpcore.Request(
            request.method, _core_url(request.url), headers=request.headers.raw, content=request.stream,
            extensions=request.extensions,
        ))
        return httpx.Response(answer.status, headers=answer.headers, stream=_AnswerStream(answer))

    def close(self) -> None:
        self._pool.close()


class _AnswerStream(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class NotAdmitted(httpcore.ConnectError):
    """Raised for a host that `reach` does not allow."""

    def __init__(self, refusal: ForbiddenHost) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class _DeadlineBackend(httpcore.NetworkBackend):
    """A backend that tries the addresses of a host in turn, each with its share of the time left."""

    def __init__(self, resolve: Resolve, reach: Reach | None) -> None:
        self._resolve = resolve
        self._reach = reach
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = _addresses(self._resolve, host, port, _left(timeout))
        if self._reach:
            with _refusals_as_failures():
                addresses = self._reach.admitted(host, addresses)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for index, address in enumerate(addresses):
            share = _left(timeout) / (len(addresses) - index)
            try:
                stream = self._sockets.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _DeadlineStream(stream)
        raise failure


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(moment: float | None) -> float:
    """Returns the seconds until `moment`. Raises httpcore.TimeoutException if it has passed or was never set."""
    left = (moment or 0.0) - monotonic()
    if left <= 0:
        raise httpcore.TimeoutException("the time is over")
    return left


@contextmanager
def _refusals_as_failures() -> Iterator[None]:
    try:
        yield
    except ForbiddenHost as refusal:
        raise NotAdmitted(refusal) from refusal


def look_up(host: str, port: int) -> Sequence[str]:
    """Returns the addresses of a host as this machine resolves it: by the name servers, /etc/hosts …"""
    return [str(address[0]) for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _addresses(resolve: Resolve, host: str, port: int, seconds: float) -> list[str]:
    """Resolves a host in a separate thread, which is left behind if the resolver hangs: getaddrinfo has no time-out."""
    found: Future[list[str]] = Future()

    def ask() -> None:
        try:
            found.set_result(list(dict.fromkeys(resolve(host, port))))
        except OSError as error:
            found.set_exception(httpcore.ConnectError(f"{host}: {error.strerror}"))
        except UnicodeError:  # "label empty or too long"
            found.set_exception(httpcore.ConnectError(f"{host} is no host name"))

    Thread(target=ask, daemon=True).start()
    try:
        return found.result(seconds)
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(f"{host}: the name servers do not answer") from error


def _core_url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
