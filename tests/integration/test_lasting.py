"""How long a suppression lasts and how far it reaches: by the real command, from the mailbox to the webhook."""

import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest

from tests.integration.house import House, wait_until
from tests.mail import Letter, complaint, postfix
from tests.servers.dovecot import PASSWORD
from tests.servers.receiver import Received

USER = "reader@full.example"
FULL = "552 5.2.2 <{}>: Recipient's mailbox is over quota"
GONE = "550 5.1.1 <{}>: Recipient address rejected: User unknown in virtual mailbox table"
DAY = timedelta(days=1)

_numbers = count(1)


def deliver(
    house: House, recipient: str, reply: str, at: datetime, *, user: str | None = None,
    write: Callable[[Letter], str] = postfix,
) -> None:
    letter = Letter(next(_numbers), recipient, reply.format(recipient), at)
    house.dovecot.deliver(user or house.user, [write(letter).encode()], received_at=at)


def told(house: House, recipient: str) -> list[Received]:
    """What the receiver heard of a recipient's state, in order."""
    return [each for each in house.receiver.requests if each.verified and each.data["recipient"] == recipient
            and each.type in {"recipient.suppressed", "recipient.released"}]


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


# ── the ladder: 7 days, 30, 180, for good ───────────────────────────────────────────────────────────────────────────

BOUNCES = (0, 7, 14, 22, 53, 234)
"""Days of the reports: three that suppress for the first time, and one after the end of each suppression."""

RUNGS = ((3, 7), (4, 30), (5, 180), (6, None))
"""After so many reports, for so many days."""


def fill(house: House, number: int, last: datetime) -> None:
    """The first `number` reports, the last of them at `last`."""
    for day in BOUNCES[:number]:
        deliver(house, USER, FULL, last - (BOUNCES[number - 1] - day) * DAY)


@pytest.fixture
def yesterday() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - DAY


@pytest.mark.parametrize(("number", "days"), RUNGS)
def test_each_time_it_lasts_longer(house: House, yesterday: datetime, number: int, days: int | None) -> None:
    fill(house, number, yesterday)
    house.call("poll")
    until = None if days is None else yesterday + days * DAY
    (row,) = house.suppressions()
    assert [row[name] for name in ("recipient", "state", "reason", "scope")] == [
        USER, "suppressed", "mailbox_full", "stream",
    ]
    assert (moment(row["since"]), moment(row["until"])) == (yesterday, until)
    last = told(house, USER)[-1]
    assert (last.type, moment(last.data["until"])) == ("recipient.suppressed", until)
    (shown,) = house.rows("recipients", "show", USER)
    ends = [step["until"] for step in shown["course"] if step["state"] == "suppressed"]
    begun = [yesterday - (BOUNCES[number - 1] - BOUNCES[rung + 2]) * DAY for rung in range(number - 2)]
    assert list(map(moment, ends)) == [
        None if days is None else at + days * DAY for at, (_, days) in zip(begun, RUNGS, strict=False)
    ]


def test_it_ends_by_the_clock_of_the_service_and_the_next_bounce_is_a_rung_further(sqlite_house: House) -> None:
    house, now = sqlite_house, partial(datetime.now, UTC)
    last = now().replace(microsecond=0) - 7 * DAY + timedelta(seconds=5)
    until = last + 7 * DAY
    fill(house, 3, last)
    house.call("poll")
    wait_until(lambda: now() > until + timedelta(seconds=1), 20, "suppression expired")
    service = house.start("run")
    wait_until(lambda: [each.type for each in told(house, USER)][-1:] == ["recipient.released"], 30, "the end is told")
    (shown,) = house.rows("recipients", "show", USER)
    step = shown["course"][-1]
    assert (step["state"], step["by"], step["because"], moment(step["at"])) == (
        "released", "clock", "suppression expired", until
    )
    deliver(house, USER, FULL, until + timedelta(seconds=1))
    wait_until(lambda: [each.type for each in told(house, USER)][-1:] == ["recipient.suppressed"], 30, "it is told")
    again = told(house, USER)[-1].data
    assert moment(again["until"]) == until + timedelta(seconds=1) + 30 * DAY
    assert "again, within 60 days of the suppression for it that ended" in again["because"]
    service.send_signal(signal.SIGTERM)
    assert service.wait(30) == 0


# ── streams, and what reaches all of them ───────────────────────────────────────────────────────────────────────────

@pytest.fixture
def two_streams(house: House) -> House:
    """A mailbox for each of two streams, "news" and "shop"."""
    house.more = house.more + f"""
[[mailbox]]
name = "shop"
host = "127.0.0.1"
port = {house.dovecot.imap_port}
security = "none"
username = "other"
password = "{PASSWORD}"
stream = "shop"
poll_every = "1s"
"""
    house.configure()
    return house


def reaches(house: House, stream: str) -> list[tuple[str, str, str]]:
    return [(row["recipient"], row["stream"], row["scope"]) for row in house.rows("suppressions", "list",
                                                                                "--stream", stream)]


def test_an_unproven_complaint_reaches_its_own_stream_alone(two_streams: House, yesterday: datetime) -> None:
    house = two_streams
    deliver(house, "angry@by.example", GONE, yesterday, write=complaint)
    deliver(house, "gone@by.example", GONE, yesterday)
    deliver(house, "other@by.example", GONE, yesterday, user="other")
    house.call("poll")
    angry = ("angry@by.example", "news", "stream")
    assert reaches(house, "news") == [angry, ("gone@by.example", "news", "stream")]
    assert reaches(house, "shop") == [("other@by.example", "shop", "stream")]
    (heard,) = told(house, "angry@by.example")
    assert [heard.data[name] for name in ("stream", "scope", "reason")] == ["news", "stream", "complaint"]


def test_hard_bounces_reach_as_far_as_the_policy_says(two_streams: House, yesterday: datetime) -> None:
    house = two_streams
    house.more += '[policy]\nhard_scope = "global"\ncomplaint_scope = "stream"\n'
    house.configure()
    deliver(house, "gone@by.example", GONE, yesterday)
    deliver(house, "angry@by.example", GONE, yesterday, write=complaint)
    house.call("poll")
    assert reaches(house, "shop") == [("gone@by.example", "news", "global")]
    assert len(reaches(house, "news")) == 2
    deliver(house, "gone@by.example", GONE, yesterday + timedelta(hours=1), user="other")
    house.call("poll")
    assert reaches(house, "news")[1:] == [("gone@by.example", "news", "global"), ("gone@by.example", "shop", "global")]


def test_a_release_says_where_a_global_suppression_stands(two_streams: House, yesterday: datetime) -> None:
    house = two_streams
    house.more += '[policy]\nhard_scope = "global"\n'
    house.configure()
    deliver(house, "angry@by.example", GONE, yesterday)
    deliver(house, "angry@by.example", GONE, yesterday, user="other")
    house.call("poll")
    assert len(reaches(house, "shop")) == 2
    remove = ("suppressions", "remove", "angry@by.example", "--because", "wrote to support", "--stream")
    out = house.call(*remove, "shop")
    assert "It is still suppressed: a suppression in stream news (1 of 1: invalid recipient on " in out
    assert reaches(house, "shop") == [("angry@by.example", "news", "global")]
    house.call(*remove, "shop", status=1)
    house.call(*remove, "news")
    assert reaches(house, "shop") == reaches(house, "news") == []
    house.call("poll")
    by_stream = {stream: [(each.type, each.data["sequence"]) for each in told(house, "angry@by.example")
                          if each.data["stream"] == stream] for stream in ("news", "shop")}
    assert by_stream == {
        "news": [("recipient.suppressed", 2), ("recipient.released", 3)],
        "shop": [("recipient.suppressed", 2), ("recipient.released", 3)],
    }


def test_what_shadow_mode_decided_is_announced(house: House, yesterday: datetime) -> None:
    house.more = '[policy]\nmode = "shadow"\n'
    house.configure()
    deliver(house, "gone@by.example", GONE, yesterday)
    fill(house, 4, yesterday)
    house.call("poll")
    assert house.receiver.requests == ()
    house.more = ""
    house.configure()
    house.call("poll")
    assert house.receiver.requests == (), "of itself nothing is told"
    house.process("suppressions", "announce")
    house.call("poll")
    heard: dict[str, list[dict[str, Any]]] = {
        name: [each.data for each in told(house, name)] for name in ("gone@by.example", USER)
    }
    assert [data["until"] for data in heard["gone@by.example"]] == [None]
    assert [moment(data["until"]) for data in heard[USER]] == [yesterday + 30 * DAY]
    house.call("suppressions", "announce")
    house.call("poll")
    assert len(house.receiver.requests) == 2
