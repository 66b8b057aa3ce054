"""The service as systemd sees it: ready, alive, reloaded, stopped."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.house import House, wait_until
from tests.mail import mailbag
from tests.servers.receiver import Receiver


class Manager:
    """The end of the notification socket that systemd holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def hear(self) -> list[str]:
        try:
            while True:
                self.heard += self._socket.recv(4096).decode().split("\n")
        except BlockingIOError:
            return self.heard

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    it = Manager(tmp_path / "notify")
    yield it
    it.close()


def environment(manager: Manager, watchdog_seconds: int = 2) -> dict[str, str]:
    return {**os.environ, "NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": str(watchdog_seconds * 1_000_000)}


def test_ready_alive_and_stopped(sqlite_house: House, manager: Manager) -> None:
    service = sqlite_house.start("run", env=environment(manager))
    wait_until(lambda: "READY=1" in manager.hear(), 20, "READY=1")
    wait_until(lambda: manager.hear().count("WATCHDOG=1") >= 3, 10, "the watchdog is fed")
    service.terminate()
    assert service.wait(20) == 0, sqlite_house.log()
    assert "STOPPING=1" in manager.hear()
    assert "Traceback" not in sqlite_house.log()


def test_stopped_in_mid_pass_it_finishes_the_page(sqlite_house: House, manager: Manager) -> None:
    house = sqlite_house
    house.mailbox_keys = "page_messages = 10"
    house.configure()
    contents = [content for content, _ in mailbag(600)]
    house.dovecot.deliver(house.user, contents)
    service = house.start("run", env=environment(manager))
    wait_until(lambda: sum(house.filed().values()) > 20, 30, "the pass is under way")
    service.terminate()
    assert service.wait(20) == 0, house.log()
    filed = [message for name in house.filed() for message in house.folder(name)]
    left = house.dovecot.messages(house.user)
    assert sorted(filed + left) == sorted(contents)
    assert left, "it was stopped before the end"


def test_reload_keeps_the_old_configuration_when_the_new_one_is_bad(
    sqlite_house: House, manager: Manager, receiver: Receiver, other_receiver: Receiver
) -> None:
    house = sqlite_house
    service = house.start("run", env=environment(manager))
    wait_until(lambda: "READY=1" in manager.hear(), 20, "READY=1")
    house.config.write_text(house.config.read_text() + "\n[polcy]\nmode = 'shadow'\n")
    service.send_signal(signal.SIGHUP)
    wait_until(lambda: "action=reload_refused" in house.log(), 10, "the bad one is refused")
    assert "polcy" in house.log()
    house.dovecot.deliver(house.user, [content for content, _ in mailbag(20)])
    wait_until(lambda: sum(house.filed().values()) == 20, 20, "it works on")
    wait_until(lambda: receiver.requests, 20, "the platform is told")

    house.receiver = other_receiver
    house.configure()
    service.send_signal(signal.SIGHUP)
    wait_until(lambda: house.log().count("action=service_started") == 2, 20, "the good one is taken")
    house.dovecot.deliver(house.user, [content for content, _ in mailbag(40, seed=2)])
    wait_until(lambda: other_receiver.requests, 20, "the new receiver is told")
    assert manager.hear().count("RELOADING=1") == 2
    assert service.poll() is None


def test_idle_brings_the_poll_forward(sqlite_house: House) -> None:
    house = sqlite_house
    house.mailbox_keys = 'idle = true'
    house.configure()
    house.config.write_text(house.config.read_text().replace('poll_every = "1s"', 'poll_every = "10m"'))
    house.start("run")
    wait_until(lambda: "action=service_started" in house.log(), 20, "started")
    import time

    time.sleep(2)  # the first, empty poll is over and IDLE stands
    house.dovecot.deliver(house.user, [content for content, _ in mailbag(5)])
    wait_until(lambda: sum(house.filed().values()) == 5, 10, "read long before the next poll")


def test_log_names_no_address_and_no_secret(sqlite_house: House) -> None:
    house = sqlite_house
    house.dovecot.deliver(house.user, [content for content, _ in mailbag(100)])
    service = house.start("run")
    wait_until(lambda: sum(house.filed().values()) == 100, 30, "all read")
    service.terminate()
    service.wait(20)
    log = house.log()
    assert "action=mail_recorded" in log
    assert "example.org" not in log
    assert "correct horse" not in log
    assert "whsec_" not in log


def test_two_mailboxes_and_two_folders(sqlite_house: House) -> None:
    house = sqlite_house
    house.mailbox_keys = 'folder = ["INBOX", "Spam"]'
    house.more = f"""
[[mailbox]]
name = "other"
host = "127.0.0.1"
port = {house.dovecot.imap_port}
security = "none"
username = "other"
password = "correct horse battery"
stream = "receipts"
"""
    house.configure()
    bag = [content for content, _ in mailbag(90)]
    house.dovecot.deliver("bounces", bag[:30])
    house.dovecot.deliver("bounces", bag[30:60], folder="Spam")
    house.dovecot.deliver("other", bag[60:])
    house.call("poll")
    assert sum(house.filed().values()) == 60
    assert house.dovecot.messages("bounces", "Spam") == []
    assert house.dovecot.messages("other") == []
    events = house.events()
    assert {event["stream"] for event in events} == {"news", "receipts"}
    assert {event["mailbox"] for event in events} == {"returns", "other"}
