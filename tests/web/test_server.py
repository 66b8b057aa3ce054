"""The listener: it is there as long as its block runs, and no peer holds it up."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import httpx
import pytest
from pydantic import SecretStr

from bounce_watcher.config.settings import WebSettings
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.web import server
from bounce_watcher.web.http import peers
from bounce_watcher.web.pages.shared import listing
from bounce_watcher.web.server import serving
from tests.ledger.making import bounce, day, page, record
from tests.servers.processes import free_port
from tests.web.conftest import BEARER, TOKEN, Web


@pytest.fixture
def at(web: Callable[..., Web]) -> Web:
    made = web()
    made.settings = replace(made.settings, web=WebSettings("127.0.0.1", free_port(), SecretStr(TOKEN)))
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
        pytest.raises(
            PermanentFailure, match=rf"^web.listen: 127.0.0.1:{port} is not available: Address already in use; "
        ),
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
        assert httpx.get(url, headers=BEARER).text.count("\r\n") == 4
        monkeypatch.setattr(listing, "_cell", shown)
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(url, headers=BEARER, timeout=60)  # an unconfigured log draws its tracebacks slowly


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


# ── who is not known ────────────────────────────────────────────────────────────────────────────────────────────────

HALF_SENT = (
    b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ",
    b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 1000\r\n\r\ntoken=",
    b"",
)


def reach(port: int, begun: bytes, source: str = "127.0.0.1") -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0))
    peer.sendall(begun)
    return peer


def demand_others_are_served(port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    for _ in range(5):
        assert httpx.get(f"{url}/healthz", timeout=10).status_code == 200
        assert httpx.get(f"{url}/api/v1/events", headers=BEARER, timeout=30).status_code == 200
        assert httpx.get(f"{url}/login", timeout=30).status_code == 200


@pytest.mark.parametrize("begun", HALF_SENT)
def test_requests_that_are_half_sent_keep_nobody_out(at: Web, begun: bytes) -> None:
    with serving(at.settings, at.ledger, lambda: at.stuck, at.state), ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(reach(port_of(at), begun))
        demand_others_are_served(port_of(at))
        for number in range(200):  # from many addresses as well
            stack.enter_context(reach(port_of(at), begun, f"127.0.{number // 20}.9"))
        demand_others_are_served(port_of(at))


def test_who_is_known_is_not_cut_off_for_others(at: Web) -> None:
    body = b'[{"message_id": "<1@x>", "recipient": "a@example.org"}]'
    head = (f"POST /api/v1/sent HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    with serving(at.settings, at.ledger, lambda: at.stuck, at.state), ExitStack() as stack:
        known = stack.enter_context(reach(port_of(at), head + body[:10]))
        httpx.get(f"http://127.0.0.1:{port_of(at)}/healthz", timeout=30)  # so that its header was read
        for _ in range(300):
            stack.enter_context(reach(port_of(at), HALF_SENT[0]))
        demand_others_are_served(port_of(at))
        known.sendall(body[10:])
        assert known.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_an_unknown_peer_that_does_not_read_is_not_waited_for(at: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "UNKNOWN_WITHIN", 0.5)
    with (
        serving(at.settings, at.ledger, lambda: at.stuck, at.state),
        reach(port_of(at), HALF_SENT[1]) as peer,
    ):
        assert peer.recv(100) == b""


@pytest.mark.parametrize(("mark", "status"), [
    ("", 200), ("X-Forwarded-For: 203.0.113.7\r\n", 403), ("Via: 1.1 proxy.example\r\n", 403),
])
def test_the_kernel_says_whose_the_other_end_is(
    at: Web, mark: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    at.settings = replace(at.settings, web=WebSettings("127.0.0.1", port_of(at)))
    asked = f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port_of(at)}\r\n{mark}\r\n".encode()
    with serving(at.settings, at.ledger, lambda: at.stuck, at.state):
        with reach(port_of(at), asked) as peer:
            assert peer.recv(100).startswith(f"HTTP/1.1 {status} ".encode())
        monkeypatch.setattr(peers, "_ROOT", -1)
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
        with reach(port_of(at), asked) as peer:
            assert peer.recv(100).startswith(b"HTTP/1.1 403 ")


@pytest.mark.skipif(os.geteuid() != 0, reason="takes on another user, as root alone may")
def test_another_user_of_this_machine_may_not_look(at: Web) -> None:
    at.settings = replace(at.settings, web=WebSettings("127.0.0.1", port_of(at)))
    program = (
        "import encodings.idna, os, socket, sys; os.setuid(int(sys.argv[2]))\n"
        "it = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "it.sendall(b'GET /api/v1/events HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n\\r\\n'); print(it.recv(12).decode())"
    )
    with serving(at.settings, at.ledger, lambda: at.stuck, at.state):
        for user, answer in ((0, "HTTP/1.1 200\n"), (65534, "HTTP/1.1 403\n")):
            asked = (sys.executable, "-I", "-c", program, str(port_of(at)), str(user))
            told = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
            assert (told.stdout, told.stderr) == (answer, "")


def test_an_address_as_the_kernel_writes_it() -> None:
    found = [peers._as_in_proc("127.0.0.1", 8025), peers._as_in_proc("::1", 8025)]
    little = ["0100007F:1F59", "00000000000000000000000001000000:1F59"]
    assert found == (little if sys.byteorder == "little" else ["7F000001:1F59", f"{1:032X}:1F59"])
