"""The operator is told: by the running service, across a restart, once."""

import signal
from collections.abc import Iterator

import pytest

from tests.integration.house import House, wait_until
from tests.servers.receiver import Receiver, Reply


@pytest.fixture
def chat() -> Iterator[Receiver]:
    it = Receiver()
    it.start()
    yield it
    it.stop()


def configure(house: House, chat: Receiver, url: str = "") -> None:
    house.mailbox_keys = 'timeout = "2s"'
    house.more = f"""
[service]
unread_after = "1m"

[[notify]]
name = "operator"
url = "{url or f'json://127.0.0.1:{chat.port}/'}"
every = "0s"
"""
    house.configure()


def titles(chat: Receiver) -> list[str]:
    return [request.json["title"] for request in chat.requests]


def test_an_alert_survives_a_restart_and_is_told_once(sqlite_house: House, chat: Receiver) -> None:
    """The endpoint says 410, which is an alert; the chat is down, the service killed, the chat up again."""
    house = sqlite_house
    house.hurried = True
    configure(house, chat)
    chat.always(Reply(503))
    house.receiver.always(Reply(410))
    house.process("suppressions", "add", "someone@example.org", "--stream", "news", "--because", "asked")
    service = house.start("run")
    wait_until(lambda: chat.requests, 90, "the chat is asked, and refuses")
    service.send_signal(signal.SIGKILL)
    service.wait(20)
    chat.always(Reply(200))
    refused = len(chat.requests)
    [due] = [item for item in house.outbox() if item["target"] == "operator"]
    assert (due["state"], due["type"], due["recipient"]) == ("due", "alert.raised", None)
    house.start("run")
    wait_until(lambda: len(chat.requests) > refused, 60, "the chat is told")
    wait_until(lambda: house.rows("outbox", "list", "--target", "operator", "--state", "delivered"), 20, "written")
    [request] = chat.requests[refused:]
    assert request.json["title"] == "bounce-watcher: endpoint: 1 raised"
    assert "webhook platform is disabled" in request.json["message"]
    assert "someone" not in house.log()


def test_the_command_sends_a_test_and_doctor_does_not(sqlite_house: House, chat: Receiver) -> None:
    house = sqlite_house
    configure(house, chat)
    assert "notifier operator: gets alerts: blocks, endpoint" in house.process("check-config")
    house.call("poll")
    assert "notifier operator" in house.process("doctor")
    assert titles(chat) == []
    assert "bounce-watcher: test" in house.call("outbox", "test", "operator", "--dry-run")
    assert titles(chat) == []
    assert "check whether it arrived" in house.process("outbox", "test", "operator")
    assert titles(chat) == ["bounce-watcher: test"]


def test_a_url_that_is_not_understood_is_found_by_doctor(sqlite_house: House, chat: Receiver) -> None:
    house = sqlite_house
    configure(house, chat, "nonsense://x")
    assert "its URL is none that Apprise understands" in house.call("doctor", status=1)
    house.call("outbox", "test", "operator", status=1)
