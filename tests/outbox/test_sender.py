"""Sender against a real receiver on loopback."""

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from time import monotonic

import pytest

from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.ledger import Attempt, Disposition
from bounce_watcher.outbox.webhook.sender import MAX_ANSWER_BYTES, Sender
from tests.outbox.samples import item, target
from tests.servers.certificates import self_signed
from tests.servers.receiver import SECRET, Receiver, Reply, busy, redirect, running

NEW_SECRET = "whsec_" + "Q" * 43 + "="


@pytest.fixture
def sender(receiver: Receiver) -> Iterator[Sender]:
    with Sender(target(url=receiver.url), jitter=lambda: 0.0) as it:
        yield it


def now() -> datetime:
    return datetime.now(UTC)


def send(url: str, *, timeout: float = 5.0, **wishes: str | None) -> Attempt:
    with Sender(target(url=url, timeout=timeout, **wishes), jitter=lambda: 0.0) as it:  # type: ignore[arg-type]
        return it.send([item()], now())[0]


def test_what_arrives_is_what_was_written_and_verifies(receiver: Receiver, sender: Sender) -> None:
    assert sender.send([item()], now())[0] == Attempt(Disposition.DELIVERED, "HTTP 204 No Content")
    (request,) = receiver.requests
    assert request.verified
    assert request.body.decode() == item().body
    assert request.id == "msg_0001"
    assert request.headers["content-type"] == "application/json"
    assert re.fullmatch(r"bounce-watcher(/[\w.+]+)?", request.headers["user-agent"])


@pytest.mark.parametrize("known", [SECRET, NEW_SECRET])
def test_while_a_secret_rotates_old_and_new_receivers_verify(known: str) -> None:
    with running((known,)) as receiver, Sender(target(url=receiver.url, secrets=(NEW_SECRET, SECRET))) as sender:
        sender.send([item()], now())[0]
        assert receiver.requests[0].secret == known


def test_a_receiver_with_another_secret_does_not_verify() -> None:
    with running((NEW_SECRET,)) as receiver, Sender(target(url=receiver.url)) as sender:
        sender.send([item()], now())[0]
        assert not receiver.requests[0].verified


def test_each_try_keeps_the_id_and_signs_its_own_time(receiver: Receiver, sender: Sender) -> None:
    for seconds in (0, 1):
        sender.send([item()], now() + timedelta(seconds=seconds))[0]
    first, second = receiver.requests
    assert first.id == second.id
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert first.verified
    assert second.verified


@pytest.mark.parametrize(
    ("status", "disposition"),
    [
        (200, Disposition.DELIVERED),
        (201, Disposition.DELIVERED),
        (202, Disposition.DELIVERED),
        (304, Disposition.RETRY),
        (400, Disposition.RETRY),
        (401, Disposition.RETRY),
        (404, Disposition.RETRY),
        (410, Disposition.GONE),
        (422, Disposition.RETRY),
        (429, Disposition.RETRY),
        (500, Disposition.RETRY),
        (502, Disposition.RETRY),
        (503, Disposition.RETRY),
        (599, Disposition.RETRY),
    ],
)
def test_every_status(receiver: Receiver, sender: Sender, status: int, disposition: Disposition) -> None:
    receiver.then(Reply(status))
    made = sender.send([item()], now())[0]
    assert made.disposition is disposition
    assert made.answer.startswith(f"HTTP {status}")


def test_the_tenth_failure_is_the_last(receiver: Receiver, sender: Sender) -> None:
    receiver.always(Reply(500, body=b"out of order"))
    made = sender.send([replace(item(), attempts=9)], now())[0]
    assert made == Attempt(Disposition.DEAD, "HTTP 500 Internal Server Error: out of order; given up after 10 tries")


def test_the_receivers_words_are_told_on_one_line_without_people(receiver: Receiver, sender: Sender) -> None:
    receiver.then(Reply(422, body=b'{"error":\n "unknown recipient jane@example.org"}\x00\xff'))
    answer = sender.send([item()], now())[0].answer
    assert answer == 'HTTP 422 Unprocessable Entity: {"error": "unknown recipient …@example.org"} \ufffd'


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_not_followed(
    receiver: Receiver, other_receiver: Receiver, sender: Sender, status: int
) -> None:
    receiver.then(redirect(other_receiver.url + "?token=abc", status))
    made = sender.send([item()], now())[0]
    assert made.disposition is Disposition.RETRY
    assert made.answer.endswith(f": not followed; set the url to the new place, {other_receiver.url}?…")
    assert other_receiver.requests == ()


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_seconds(receiver: Receiver, sender: Sender, status: int) -> None:
    receiver.then(busy("1800", status))
    moment = now()
    assert sender.send([item()], moment)[0].next_attempt_at == moment + timedelta(minutes=30)


def test_retry_after_as_a_date(receiver: Receiver, sender: Sender) -> None:
    moment = now().replace(microsecond=0)
    asked = moment + timedelta(hours=3)
    receiver.then(busy(format_datetime(asked, usegmt=True), 503))
    assert sender.send([item()], moment)[0].next_attempt_at == asked


def test_without_retry_after_the_schedule_says_when(receiver: Receiver, sender: Sender) -> None:
    receiver.then(Reply(503))
    moment = now()
    assert sender.send([item()], moment)[0].next_attempt_at == moment + timedelta(seconds=5)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (Reply(hang=30), "no answer within 0.5 s"),
        (Reply(200, {"X-Filler": "x" * 200}, drip_headers=0.05), "no answer within 0.5 s"),
        (Reply(close=True), "no HTTP answer: Server disconnected without sending a response."),
        (Reply(raw=b"220 smtp.example ESMTP\r\n\r\n"), "no HTTP answer: illegal status line"),
        (Reply(raw=b"HTTP/1.1 100 Continue\r\n\r\n" * 3), "no HTTP answer: Server disconnected"),
        (Reply(raw=b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000), "no HTTP answer: "),
    ],
    ids=["hangs", "drips its headers", "hangs up", "is no web server", "says only 100", "endless header"],
)
def test_what_is_no_answer_is_tried_again(receiver: Receiver, reply: Reply, answer: str) -> None:
    receiver.then(reply)
    begun = monotonic()
    made = send(receiver.url, timeout=0.5)
    assert made.disposition is Disposition.RETRY
    assert made.answer.startswith(answer)
    assert monotonic() - begun < 2


@pytest.mark.parametrize(
    ("reply", "disposition"),
    [(Reply(200, body=b"x" * 400), Disposition.DELIVERED), (Reply(500, body=b"x" * 400), Disposition.RETRY)],
)
def test_a_body_that_drips_holds_nobody_beyond_the_timeout(
    receiver: Receiver, reply: Reply, disposition: Disposition
) -> None:
    receiver.then(replace(reply, drip_body=0.05))
    begun = monotonic()
    made = send(receiver.url, timeout=0.5)
    assert made.disposition is disposition
    assert made.answer.startswith(f"HTTP {reply.status}")
    assert monotonic() - begun < 2


def test_a_huge_body_is_not_read(receiver: Receiver, sender: Sender) -> None:
    receiver.then(Reply(500, body=b"x" * 30_000_000), Reply())
    begun = monotonic()
    assert len(sender.send([item()], now())[0].answer) < 300
    assert sender.send([item()], now())[0].disposition is Disposition.DELIVERED
    assert monotonic() - begun < 5


def test_a_compressed_body_is_not_unpacked(receiver: Receiver, sender: Sender) -> None:
    receiver.then(Reply(500, {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08junk"))
    assert sender.send([item()], now())[0].answer == "HTTP 500 Internal Server Error"
    assert receiver.requests[0].headers["accept-encoding"] == "identity"


def test_a_connection_is_used_again_and_a_dead_one_is_not(receiver: Receiver, sender: Sender) -> None:
    receiver.always(Reply(200, body=b"k" * (MAX_ANSWER_BYTES - 1)))
    for _ in range(3):
        sender.send([item()], now())[0]
    assert receiver.connections == 1
    receiver.stop()
    receiver.start()
    assert sender.send([item()], now())[0].disposition is Disposition.DELIVERED


def test_a_receiver_that_is_away_and_comes_back(receiver: Receiver, sender: Sender) -> None:
    receiver.stop()
    made = sender.send([item()], now())[0]
    assert (made.disposition, made.answer) == (
        Disposition.RETRY, "no connection: [Errno 111] Connection refused",
    )
    receiver.start()
    assert sender.send([item()], now())[0].disposition is Disposition.DELIVERED


def test_a_receiver_that_takes_no_connection(receiver: Receiver) -> None:
    """A full backlog: the kernel answers nobody."""
    with socket.socket() as listening, socket.socket() as filler:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        filler.connect(listening.getsockname())
        begun = monotonic()
        made = send(f"http://127.0.0.1:{listening.getsockname()[1]}/", timeout=0.5)
    assert made.disposition is Disposition.RETRY
    assert made.answer in {"no connection within 0.5 s", "no answer within 0.5 s"}
    assert monotonic() - begun < 2


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 70 + ".example"])
def test_a_host_that_does_not_exist(host: str) -> None:
    made = send(f"https://me:pw@{host}/hook?token=abc")
    assert made.disposition is Disposition.RETRY
    assert made.answer.startswith("no connection: ")
    assert not {"pw", "abc"} & set(re.findall(r"\w+", made.answer))


def test_name_servers_that_do_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(30) and [])
    begun = monotonic()
    made = send("https://platform.example/hook", timeout=0.3)
    over.set()
    assert (made.disposition, made.answer) == (Disposition.RETRY, "no connection within 0.3 s")
    assert monotonic() - begun < 2


def test_every_address_of_a_host_is_tried(receiver: Receiver) -> None:
    """localhost is ::1 before 127.0.0.1 where both are known; the receiver listens on the latter alone."""
    assert send(f"http://localhost:{receiver.port}/hook").disposition is Disposition.DELIVERED


def test_userinfo_in_the_url_is_basic_authentication(receiver: Receiver) -> None:
    send(receiver.url.replace("127.0.0.1", "me:pw@127.0.0.1"))
    assert receiver.requests[0].headers["authorization"] == "Basic bWU6cHc="


def test_a_query_is_sent(receiver: Receiver) -> None:
    send(receiver.url + "?channel=7")
    assert receiver.requests[0].path == "/hook?channel=7"


def test_endpoint_test(receiver: Receiver, sender: Sender) -> None:
    made = sender.test(now())
    (request,) = receiver.requests
    assert made.disposition is Disposition.DELIVERED
    assert request.verified
    assert (request.type, request.data) == ("endpoint.test", {"target": "platform"})


def test_each_test_has_an_id_of_its_own(receiver: Receiver, sender: Sender) -> None:
    sender.test(now())
    sender.test(now())
    assert len({request.id for request in receiver.requests}) == 2


def test_threads_may_share_it(receiver: Receiver, sender: Sender) -> None:
    """A slow answer to one holds up no other, and each gets its own answer."""
    statuses = {f"msg_{n}": 200 + n for n in range(24)}
    receiver.always(lambda request: Reply(statuses[request.id], hang=0.2))
    begun = monotonic()
    with ThreadPoolExecutor(12) as pool:
        items = [replace(item(), id=name) for name in statuses]
        answers = list(pool.map(lambda one: sender.send([one], now())[0].answer.split()[1], items))
    assert answers == [str(status) for status in statuses.values()]
    assert monotonic() - begun < 2.4


class TestTls:
    @pytest.fixture
    def secure(self, tmp_path: Path) -> Iterator[tuple[Receiver, str]]:
        made = self_signed(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.certificate, made.key)
        with running(tls=context) as receiver:
            yield receiver, str(made.certificate)

    def test_the_named_authority_is_trusted(self, secure: tuple[Receiver, str]) -> None:
        receiver, ca_file = secure
        assert send(receiver.url, ca_file=ca_file).disposition is Disposition.DELIVERED
        assert receiver.requests[0].verified

    def test_an_unknown_authority_is_not(self, secure: tuple[Receiver, str]) -> None:
        receiver, _ = secure
        made = send(receiver.url)
        assert made.disposition is Disposition.RETRY
        assert re.fullmatch(r"no connection: .*CERTIFICATE_VERIFY_FAILED.*self-signed certificate", made.answer)
        assert receiver.requests == ()

    def test_the_name_must_be_that_of_the_certificate(self, secure: tuple[Receiver, str]) -> None:
        receiver, ca_file = secure
        made = send(receiver.url.replace("localhost", "127.0.0.2"), ca_file=ca_file)
        assert made.disposition is Disposition.RETRY

    def test_a_receiver_without_tls_is_no_success(self, receiver: Receiver) -> None:
        made = send(receiver.url.replace("http:", "https:"), timeout=1)
        assert made.disposition is Disposition.RETRY
        assert receiver.requests == ()

    def test_a_handshake_that_hangs_ends(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            begun = monotonic()
            made = send(f"https://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.5)
        assert made.disposition is Disposition.RETRY
        assert made.answer == "no connection within 0.5 s"
        assert monotonic() - begun < 2

    @pytest.mark.parametrize("content", [None, "this is no certificate"])
    def test_a_ca_file_that_cannot_be_used(self, tmp_path: Path, content: str | None) -> None:
        file = tmp_path / "ca.pem"
        if content:
            file.write_text(content)
        with pytest.raises(PermanentFailure, match=r"webhook platform: ca_file .*ca\.pem: .*PEM certificates"):
            Sender(target(ca_file=str(file)))


def test_closing_while_another_thread_waits_for_an_answer(receiver: Receiver) -> None:
    receiver.always(Reply(hang=0.3))
    sender = Sender(target(url=receiver.url))
    made: list[Attempt] = []
    thread = threading.Thread(target=lambda: made.append(sender.send([item()], now())[0]))
    thread.start()
    receiver.wait_for(1)
    sender.close()
    thread.join()
    assert made[0].disposition in {Disposition.DELIVERED, Disposition.RETRY}
