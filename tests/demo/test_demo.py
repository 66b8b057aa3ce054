"""The demo from end to end: what a person who tries the program for the first time relies on."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from imapclient import IMAPClient

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.model.finding import Kind
from bounce_watcher.service.demo import DemoOutcome, Stage, outcome, stage
from bounce_watcher.service.demo.samples import CASES, RELEASED, RETURN_PATH, SUPPRESSED, samples
from bounce_watcher.service.demo.servers import PASSWORD, USER, Hook, Receiver, contents, deliver, running_imap_server
from bounce_watcher.service.demo.stage import expected_hooks
from bounce_watcher.service.polling import poll_once

COMMAND = (sys.executable, "-m", "bounce_watcher", "demo")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def played() -> tuple[Stage, DemoOutcome]:
    with stage() as here:
        poll_once(here.settings)
        return here, outcome(here)


def test_all_that_must_come_comes(played: tuple[Stage, DemoOutcome]) -> None:
    _, result = played
    assert result.problems == ()
    assert all(hook.verified for hook in result.hooks)
    assert Counter((hook.type, hook.data["recipient"]) for hook in result.hooks) == Counter(expected_hooks())
    assert {each.recipient: each.reason for each in result.suppressions} == SUPPRESSED


def test_the_mail_is_diverse(played: tuple[Stage, DemoOutcome]) -> None:
    _, result = played
    kinds = Counter(each.kind for each in result.judged)
    assert set(kinds) >= {Kind.BOUNCE, Kind.DELAY, Kind.COMPLAINT, Kind.AUTO_REPLY, Kind.DELIVERED, Kind.OTHER}
    assert len(result.judged) == len(CASES) >= 36
    types = {event.bounce_type for each in result.judged for event in each.events}
    assert {"hard", "soft", "block", "undetermined"} <= types
    assert {each.folder for each in result.judged} == {"Bounces/Processed", "Bounces/Review"}


def test_forged_reports_suppress_nobody(played: tuple[Stage, DemoOutcome]) -> None:
    _, result = played
    forged = {case.recipient for case in CASES if case.stolen_from or (case.recipient and not case.signed)}
    assert forged
    counted = {event.recipient for each in result.judged for event in each.events if event.exclusion is None}
    assert forged.isdisjoint(counted)


def test_nothing_is_left_behind(played: tuple[Stage, DemoOutcome]) -> None:
    here, _ = played
    assert not here.config.parent.exists()


def test_a_webhook_that_is_missing_or_forged_is_a_problem() -> None:
    with stage() as here:
        missing = outcome(here)
        here.receiver.take({"webhook-id": "msg_1", "webhook-signature": "v1,AAAA", "webhook-timestamp": "1"}, b"{}")
        forged = outcome(here)
    assert sum("expected once" in problem for problem in missing.problems) == len(expected_hooks())
    assert sum("lies INBOX" in problem for problem in missing.problems) == len(CASES)
    assert "webhook msg_1: its signature is not good" in forged.problems


def test_the_samples_lie_in_the_order_of_days() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    found = samples(AttributionSettings(RETURN_PATH, (b"0123456789abcdef",)), now)
    assert [sample.at for sample in found] == sorted(sample.at for sample in found)
    assert found[0].at < now - timedelta(days=50)
    assert {sample.at.date() for sample in found if b"jonas@full" in sample.content} == {
        datetime(2026, 2, day, tzinfo=UTC).date() for day in (9, 18, 27)
    }
    assert {"ludwig@full.example"} == RELEASED


def test_the_embedded_server_is_a_mailbox() -> None:
    at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    with running_imap_server() as port:
        deliver(port, [(b"Subject: one\r\n\r\n", at), (b"Subject: two\r\n\r\n", at + timedelta(days=1))])
        assert contents(port, "INBOX") == [b"Subject: one\r\n\r\n", b"Subject: two\r\n\r\n"]
        assert contents(port, "Nowhere") == []
        client = IMAPClient("127.0.0.1", port, ssl=False)
        client.login(USER, PASSWORD)
        assert {b"MOVE", b"UIDPLUS", b"IDLE"} <= set(client.capabilities())
        client.shutdown()


def test_the_receiver_believes_no_forged_signature() -> None:
    receiver = Receiver("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    arrived: list[Hook] = []
    receiver.on_arrival = arrived.append
    assert receiver.take({"webhook-id": "x"}, b"not JSON") is False
    assert [hook.verified for hook in arrived] == [hook.verified for hook in receiver.hooks] == [False]


def test_the_command_tells_all_and_ends_with_0() -> None:
    started = time.monotonic()
    done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    for words in (*SUPPRESSED, "1. Mail received", "2. Recipients with counted bounces",
                  "3. Webhooks received by the platform",
                  f"All {len(expected_hooks())} expected webhooks arrived, each with a valid signature."):
        assert words in done.stdout, words
    assert "\x1b" not in done.stdout
    assert time.monotonic() - started < 60


def test_serve_stays_until_interrupted_and_goes_on_working(tmp_path: Path) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([*COMMAND, "--serve"], stdout=subprocess.PIPE, text=True, env=environ, cwd=ROOT)
    assert process.stdout is not None
    try:
        told = ""
        while "look " not in told:
            line = process.stdout.readline()
            assert line, "it ended by itself"
            told += line
        port, config = re.search(r"127\.0\.0\.1:(\d+), no TLS", told), re.search(r"-c (\S+) events list", told)
        dashboard = re.search(r"dashboard (http://127\.0\.0\.1:\d+/)\n", told)
        token = re.search(r"token     (\S{32}) ", told)
        assert port and config and dashboard and token
        _shows_what_came(dashboard[1], token[1])
        _remove(config[1], "anna@gone.example")
        assert "recipient.released anna@gone.example, signature valid" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert list(tmp_path.glob("bounce-watcher-demo-*")) == []


def _shows_what_came(dashboard: str, token: str) -> None:
    """The service says where it is at work before it listens. A person signs in with the token that it says."""
    client = httpx.Client(base_url=dashboard, transport=httpx.HTTPTransport(retries=5), follow_redirects=True)
    form = re.search(r'name="csrf" value="(\w+)"', client.get("/").text)
    assert form
    overview = client.post("/login", data={"csrf": form[1], "token": token, "next": "/"})
    assert overview.status_code == 200
    assert "Everything is working" in overview.text
    assert "Sign out" in overview.text
    suppressed = client.get("/recipients?state=suppressed").text
    assert [each for each in SUPPRESSED if each not in suppressed] == []


def _remove(config: str, recipient: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "bounce_watcher", "suppressions", "remove", recipient, "--because", "x", "-c", config],
        check=True, timeout=60, cwd=ROOT, stdout=subprocess.DEVNULL,
    )
