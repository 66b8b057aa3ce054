"""The listener: it is there as long as its block runs, and no peer holds it up."""

import socket
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from bounce_watcher.config.settings import WebSettings
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.web import listing, server
from bounce_watcher.web.server import serving
from tests.ledger.making import bounce, day, page, record
from tests.web.conftest import Web


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def at(web: Callable[..., Web]) -> Web:
    made = web()
    made.settings = replace(made.settings, web=WebSettings("127.0.0.1", free_port()))
    return made


def port_of(at: Web) -> int:
    assert at.settings.web is not None
    return at.settings.web.port


def test_it_answers_while_the_block_runs_and_no_longer(at: Web) -> None:
    url = f"http://127.0.0.1:{port_of(at)}/healthz"
    for _ in range(2):  # the address is free again at once
        with serving(at.settings, at.ledger, lambda: at.stuck, at.state):
            answer = httpx.get(url)
            assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)


def test_without_web_nothing_listens(at: Web) -> None:
    settings = replace(at.settings, web=None)
    with serving(settings, at.ledger, lambda: at.stuck, at.state), pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port_of(at)}/healthz")


def test_an_address_that_is_taken(at: Web) -> None:
    port = port_of(at)
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(PermanentFailure, match=rf"^web.listen: 127.0.0.1:{port} can't be had: Address already in use; "),
        serving(at.settings, at.ledger, lambda: at.stuck, at.state),
    ):
        pass


def test_a_download_that_breaks_breaks_its_connection(at: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """No short file may look like a whole one."""
    record(at.ledger, page(*(bounce(f"m{number}", f"user{number}@example.org", at=day(number)) for number in range(3))))
    monkeypatch.setattr(listing, "_ROWS_AT_ONCE", 1)
    url = f"http://127.0.0.1:{port_of(at)}/events.csv"

    def shown(value: object) -> object:
        if str(value) == "user0@example.org":
            raise RuntimeError("the disk is gone")
        return value

    with serving(at.settings, at.ledger, lambda: at.stuck, at.state):
        assert httpx.get(url).text.count("\r\n") == 4
        monkeypatch.setattr(listing, "_cell", shown)
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(url, timeout=60)  # an unconfigured log draws its tracebacks slowly


@pytest.mark.parametrize("begun", [b"", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "])
def test_a_header_that_does_not_come_is_not_waited_for(
    at: Web, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEADER_WITHIN", 0.5)
    with (
        serving(at.settings, at.ledger, lambda: at.stuck, at.state),
        socket.create_connection(("127.0.0.1", port_of(at)), timeout=10) as peer,
    ):
        peer.sendall(begun)
        assert peer.recv(100) == b""


def test_a_header_without_end_is_refused(at: Web) -> None:
    with (
        serving(at.settings, at.ledger, lambda: at.stuck, at.state),
        socket.create_connection(("127.0.0.1", port_of(at)), timeout=10) as peer,
    ):
        peer.sendall(b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 20_000)
        assert peer.recv(100).startswith(b"HTTP/1.1 400 ")
