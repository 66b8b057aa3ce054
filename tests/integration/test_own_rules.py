"""A rule of the operator's own changes what is written and what the platform is told; a reload brings it in."""

import signal
from pathlib import Path

import pytest

from tests.integration.house import House, wait_until
from tests.mail import START, Letter, postfix
from tests.servers.receiver import Receiver

RULE = """\
[[rule]]
id = "own.gone-for-good"
reason = "invalid_recipient"
source = "our own mail"
text = ["zzz has left"]
examples = ["550 5.7.1 zzz has left"]
"""
REPLY = "550 5.7.1 <{}>: zzz has left"


@pytest.fixture
def rules(sqlite_house: House) -> Path:
    folder = sqlite_house.root / "rules"
    folder.mkdir()
    (folder / "own.toml").write_text(RULE)
    return folder


def report(number: int) -> bytes:
    recipient = f"user{number}@gone.example"
    return postfix(Letter(number, recipient, REPLY.format(recipient), START)).encode()


def obey(house: House) -> None:
    """The rules that lie in the folder, from the next start or reload on."""
    house.config.write_text(f'rules_dir = "rules"\n{house.config.read_text()}')


def test_a_poll_goes_by_it_and_the_platform_is_told(sqlite_house: House, rules: Path, receiver: Receiver) -> None:
    house = sqlite_house
    house.dovecot.deliver(house.user, [report(1)])
    house.call("poll")
    obey(house)
    house.dovecot.deliver(house.user, [report(2)])
    house.call("poll")
    judged = {event["recipient"]: (event["bounce_type"], event["rule"]) for event in house.events()}
    assert judged["user1@gone.example"][0] == "block"
    assert judged["user2@gone.example"] == ("hard", "own.gone-for-good")
    told = [(request.type, request.data["reason"]) for request in receiver.requests if "user2" in str(request.data)]
    assert sorted(told) == [("bounce.recorded", "invalid_recipient"), ("recipient.suppressed", "invalid_recipient")]
    assert all(request.type == "bounce.recorded" for request in receiver.requests if "user1" in str(request.data))


def test_a_reload_brings_it_in_and_a_faulty_one_is_refused(sqlite_house: House, rules: Path) -> None:
    house = sqlite_house
    service = house.start("run")
    wait_until(lambda: "action=service_started" in house.log(), 20, "started")
    (rules / "own.toml").write_text(RULE.replace("zzz has left", "yyy", 1))
    obey(house)
    service.send_signal(signal.SIGHUP)
    wait_until(lambda: "action=reload_refused" in house.log(), 20, "the faulty one is refused")
    assert "does not win its example" in house.log()
    (rules / "own.toml").write_text(RULE)
    service.send_signal(signal.SIGHUP)
    wait_until(lambda: house.log().count("action=service_started") == 2, 20, "the sound one is taken")
    house.dovecot.deliver(house.user, [report(1)])
    wait_until(house.events, 20, "the report is read")
    assert [event["rule"] for event in house.events()] == ["own.gone-for-good"]
    assert service.poll() is None
