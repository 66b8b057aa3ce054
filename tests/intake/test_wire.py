"""A server that sends more than was asked for is left before memory grows."""

import contextlib
import imaplib
import inspect
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace

import imapclient
import pytest
from structlog.testing import capture_logs

from bounce_watcher.intake.imap.oauth2 import TokenStore
from bounce_watcher.intake.imap.session import open_session
from bounce_watcher.intake.imap.wire import MIB, USUAL, Bounds, FloodError, Wire
from bounce_watcher.model.errors import BounceWatcherError, TemporaryFailure
from tests.families import for_each
from tests.intake.passes import NOON, Memory, read
from tests.intake.scripted import Talk, scripted

HUGE = 300 * MIB
"""Bytes that a server announces: what was once taken into memory at once."""
MOST = 64 * MIB
"""What a server may cost at its peak, with all that Python holds beside the bytes."""


def pour(talk: Talk, piece: bytes) -> None:
    """The same over and over, until the other side goes."""
    block = piece * (65536 // len(piece) + 1)
    with contextlib.suppress(OSError):
        while not talk.over.is_set():
            talk.connection.sendall(block)


def flood(command: str, opening: str, piece: bytes) -> Callable[[Talk], None]:
    """A server that answers like others, but `command` by `opening` and then by `piece` without an end."""
    def script(talk: Talk) -> None:
        talk.serve({"UID SEARCH": ["* SEARCH 5", "{tag} OK"], command: []})
        if talk.heard and talk.heard[-1].upper().startswith(command):
            if opening:
                talk.say(opening)
            pour(talk, piece)

    return script


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that are reached soon: tracemalloc is slow."""
    bounds = replace(USUAL, total=2 * MIB, lines=5_000)
    monkeypatch.setattr("bounce_watcher.intake.imap.wire.USUAL", bounds)


@contextlib.contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST, f"{peak / MIB:.0f} MiB"


def test_the_bounds_are_what_a_small_machine_can_bear() -> None:
    assert Bounds() == USUAL
    assert USUAL.total <= 16 * MIB
    assert USUAL.lines <= 250_000


@pytest.mark.parametrize("command", ["CAPABILITY", "NAMESPACE", "SELECT", "UID SEARCH"])
def test_a_literal_longer_than_asked_for_is_not_read(command: str) -> None:
    script = flood(command, f"* 1 FETCH (UID 5 BODY[]<0> {{{HUGE}}}", b"x" * 1024)
    with scripted(script) as server, little_memory(), pytest.raises(TemporaryFailure) as caught:
        read(server.account())
    assert f"the server announced a literal of {HUGE:,} bytes, where at most" in str(caught.value)


def test_a_literal_of_a_list_of_folders_too() -> None:
    def script(talk: Talk) -> None:
        talk.serve({"LIST": []}, capability="IMAP4rev1 MOVE")
        talk.say(f'* LIST () "/" {{{HUGE}}}')
        pour(talk, b"x" * 1024)

    with scripted(script) as server, little_memory(), pytest.raises(TemporaryFailure, match="announced a literal of"):
        read(server.account())


@for_each(("command", "piece"), [
    ("CAPABILITY", b"* CAPABILITY IMAP4rev1 X" + b"Y" * 900 + b"\r\n"),
    ("NAMESPACE", b"+ go on\r\n"),
    ("SELECT", b"* 1 EXISTS\r\n"),
    ("SELECT", b"* OK [X] " + b"y" * 5000 + b"\r\n"),
    ("UID SEARCH", b"* SEARCH " + b"1 " * 400_000 + b"\r\n"),
    ("UID SEARCH", b"* OK\r\n"),
], ids=["capability", "continuation", "exists", "long", "search", "short"])
@pytest.mark.usefixtures("narrow")
def test_answers_without_an_end_are_not_gathered(command: str, piece: bytes) -> None:
    with scripted(flood(command, "", piece)) as server, little_memory(), pytest.raises(TemporaryFailure) as caught:
        read(server.account())
    assert "the server answered one command by more than" in str(caught.value)


@pytest.mark.parametrize(("opening", "piece", "why"), [
    (f"* 1 FETCH (UID 5 BODY[]<0> {{{HUGE}}}", b"x" * 1024, f"announced a literal of {HUGE:,} bytes"),
    ("", b"* 1 FETCH (UID 5 BODY[]<0> {1000}\r\n" + b"x" * 1000 + b")\r\n", "answered one command by more than"),
    ("", b"* 1 FETCH (UID 5 FLAGS ())\r\n", "answered one command by more than"),
], ids=["literal", "literals", "flags"])
@pytest.mark.usefixtures("narrow")
def test_a_message_that_comes_with_a_flood_stays_where_it_is(opening: str, piece: bytes, why: str) -> None:
    with scripted(flood("UID FETCH", opening, piece)) as server, little_memory(), capture_logs() as logs:
        assert read(server.account()) == []
    assert [(line["action"], why in line["trouble"]) for line in logs] == [
        ("batch_not_fetched", True), ("message_not_fetched", True),
    ]


def test_a_greeting_and_a_line_without_an_end_are_not_gathered() -> None:
    def script(talk: Talk) -> None:
        pour(talk, b"x" * 1024)

    with scripted(script) as server, little_memory(), pytest.raises(TemporaryFailure, match="a line without an end"):
        read(server.account())


def test_what_is_left_of_an_answer_is_not_kept_for_as_long_as_the_connection_lasts() -> None:
    def script(talk: Talk) -> None:
        talk.serve({"NOOP": [*["* OK " + "x" * 10_000] * 100, "* JUNK a", "* 7 EXPUNGE", "{tag} OK"]})

    with scripted(script) as server, open_session(
        server.account(), now=lambda: NOON, tokens=TokenStore(), unfiled=Memory()
    ) as session, little_memory():
        client, wire = session._connection.client, session._connection.wire
        for _ in range(50):
            client.noop()
            assert sum(map(len, wire.untagged_responses.values())) < 200
        assert client.has_capability("MOVE"), "what is looked at later is kept"


@pytest.mark.usefixtures("narrow")
def test_while_waiting_for_mail_too() -> None:
    def script(talk: Talk) -> None:
        talk.serve({"IDLE": []})
        talk.say("+ idling")
        pour(talk, b"* 1 EXISTS\r\n")

    with scripted(script) as server, little_memory(), open_session(
        server.account(), now=lambda: NOON, tokens=TokenStore(), unfiled=Memory()
    ) as session, pytest.raises(BounceWatcherError, match="answered one command by more than"):
        client = session._connection.client
        with session._connection.conversation("waiting for mail"):
            client.idle()
            while True:
                client.idle_check(1)


def test_what_was_asked_for_comes_whole() -> None:
    body = "x" * (USUAL.literal * 3)

    def script(talk: Talk) -> None:
        talk.serve({
            "UID SEARCH": ["* SEARCH 5", "{tag} OK"],
            "UID FETCH": [f"* 1 FETCH (UID 5 BODY[]<0> {{{len(body)}}}", f"{body})", "{tag} OK"],
        })

    with scripted(script) as server:
        [message] = read(server.account())
    assert len(message.content) == len(body)


def test_bounds_hold_to_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []

    def read_on(_: imaplib.IMAP4, size: int) -> bytes:
        given.append(size)
        return b"x" * size

    monkeypatch.setattr(imaplib.IMAP4, "read", read_on)
    with scripted(lambda talk: talk.serve({})) as server:
        wire = Wire("127.0.0.1", server.port, lambda: socket.create_connection(("127.0.0.1", server.port)))
        with wire.within(Bounds(literal=3, total=200)):
            assert wire.read(3) == b"xxx"
            with pytest.raises(FloodError):
                wire.read(4)
        wire.shutdown()
    assert given == [3], "the longer one was not begun"


def test_imaplib_and_imapclient_still_read_by_what_is_bounded() -> None:
    """`read` and `readline` are documented for subclasses; that all reading goes through them, and that `send` begins
    each command, is looked up here."""
    for name, member in inspect.getmembers(imaplib.IMAP4, inspect.isfunction):
        if name not in {"read", "readline", "open", "shutdown", "starttls"}:
            assert "self.file" not in inspect.getsource(member).replace("self.file = ", ""), name
            assert "_file.read" not in inspect.getsource(member), name
    assert "self.read(size)" in _source("_get_response")
    assert "self.readline()" in _source("_get_line")
    assert "self.send(" in _source("_command")
    whole = inspect.getsource(imapclient.imapclient)
    assert ".file.read" not in whole
    assert "_imap.read(" not in whole
    assert "_imap.sock.recv" not in whole


def _source(name: str) -> str:
    """Of a method that is private to imaplib."""
    return inspect.getsource(vars(imaplib.IMAP4)[name])
