"""A receiver answers "no such user" for everybody: with the outage guard, and without it."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from bounce_watcher.config import load
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.service.announcing import announcer
from tests.integration.house import ALL_EVENTS, House
from tests.mail import Letter, postfix

GOOD, HOUR = 150, timedelta(hours=1)
DOMAIN = "bigmail.example"
FALSE = "550 5.1.1 The account that you tried to reach does not exist"
EVENTS = [*ALL_EVENTS, "alert.raised", "alert.cleared"]

_numbers = count(1)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def bounce(house: House, name: str, at: datetime) -> None:
    letter = Letter(next(_numbers), f"{name}@{DOMAIN}", FALSE, at)
    house.dovecot.deliver(house.user, [postfix(letter).encode()], received_at=at)


def ordinary_days(house: House, before: datetime) -> None:
    """Two dead a day for ten days, as after each mailing."""
    for day in range(1, 11):
        for number in range(2):
            bounce(house, f"dead{day}n{number}", before - timedelta(days=day, minutes=number))


def outage(house: House, names: Iterable[str], start: datetime, length: timedelta) -> None:
    chosen = list(names)
    for number, name in enumerate(chosen):
        bounce(house, name, start + number * length / len(chosen))


def states(house: House) -> Counter[str]:
    return Counter(row["state"] for row in house.suppressions())


def told(house: House) -> Counter[str]:
    return Counter(request.type for request in house.receiver.requests)


@pytest.fixture
def watched(house: House) -> House:
    house.webhook_keys = f"events = {EVENTS}"
    house.configure()
    return house


def test_nobody_is_suppressed_in_an_outage_and_all_is_right_a_day_later(watched: House) -> None:
    start = now() - 7 * HOUR
    ordinary_days(watched, start)
    watched.call("poll")
    assert (states(watched), told(watched)["alert.raised"]) == (Counter(suppressed=20), 0)

    outage(watched, (f"good{number}" for number in range(GOOD)), start, 7 * HOUR)
    watched.call("poll")
    (alert,) = watched.rows("alerts", "list", "--under-way")
    assert (alert["alert"], alert["subject"], alert["held"]) == ("outage", f"provider {DOMAIN}", GOOD)
    assert states(watched) == Counter(suppressed=20, pending=GOOD)
    assert told(watched) == Counter({"alert.raised": 1, "recipient.suppressed": 20, "bounce.recorded": 20 + GOOD})
    (raised,) = [request for request in watched.receiver.requests if request.type == "alert.raised"]
    assert raised.verified
    assert raised.data["because"] == alert["because"]
    (shown,) = watched.rows("recipients", "show", f"good7@{DOMAIN}")
    assert "held back: " in shown["because"]
    assert "new hard bounces of provider bigmail.example within 3 h; usual 2, alarm from 10" in shown["because"]

    tomorrow(watched)
    assert states(watched) == Counter(suppressed=20)
    assert [row["type"] for row in watched.outbox() if row["state"] == "due"] == ["alert.cleared"], "due at its end"
    assert told(watched)["recipient.suppressed"] == 20
    (alert,) = watched.rows("alerts", "list")
    assert (alert["state"], alert["released"], alert["confirmed"]) == ("cleared", GOOD, 0)


def test_what_may_be_the_beginning_of_an_outage_is_told_an_hour_later(watched: House) -> None:
    start = now() - timedelta(minutes=30)
    ordinary_days(watched, start)
    outage(watched, (f"gone{number}" for number in range(7)), start, timedelta(minutes=7))
    watched.call("poll")
    assert states(watched) == Counter(suppressed=20 + 3, pending=4)
    assert (told(watched)["recipient.suppressed"], told(watched)["alert.raised"]) == (20 + 3, 0)
    (shown,) = watched.rows("recipients", "show", f"gone6@{DOMAIN}")
    assert "; waiting: 7 new hard bounces of provider bigmail.example within 3 h; usual 2, alarm from 10; held " \
        "until " in shown["because"]

    with Ledger.connect(watched.database_url) as ledger:  # what the service does each minute, an hour later
        assert ledger.recording.end_waits(start + 2 * HOUR, HOUR, announcer(load(watched.config))) == 4
    assert states(watched) == Counter(suppressed=27)
    due = [row["recipient"] for row in watched.outbox() if row["state"] == "due"]
    assert due == [f"gone{number}@{DOMAIN}" for number in range(3, 7)]


def test_an_hour_that_passed_before_the_mail_was_read_has_passed(watched: House) -> None:
    start = now() - 2 * HOUR
    ordinary_days(watched, start)
    outage(watched, (f"gone{number}" for number in range(7)), start, timedelta(minutes=7))
    watched.call("poll")
    assert states(watched) == Counter(suppressed=27)
    assert told(watched) == Counter({"recipient.suppressed": 27, "bounce.recorded": 27})
    (shown,) = watched.rows("recipients", "show", f"gone6@{DOMAIN}")
    assert [step["state"] for step in shown["course"]] == ["pending", "suppressed"]
    assert shown["because"].startswith("1 of 1: invalid recipient on ")
    assert "waiting" not in shown["because"]


def tomorrow(house: House) -> None:
    """What the service does each minute, a day later."""
    with Ledger.connect(house.database_url) as ledger:
        ledger.recording.settle_alerts(now() + timedelta(days=1), announcer(load(house.config)))


def test_without_the_guard_all_are_suppressed_and_undo_puts_it_right(watched: House) -> None:
    watched.guarded = watched.capped = False
    watched.configure()
    start = now() - 7 * HOUR
    ordinary_days(watched, start)
    outage(watched, (f"good{number}" for number in range(GOOD)), start, 6 * HOUR)
    watched.call("poll")
    assert states(watched) == Counter(suppressed=20 + GOOD)
    assert watched.rows("alerts", "list") == []

    span = ("--from", start.isoformat(), "--to", (start + 7 * HOUR).isoformat(), "--domain", DOMAIN)
    watched.process("undo", *span)
    watched.call("poll")
    assert states(watched) == Counter(suppressed=20)
    assert told(watched)["recipient.released"] == GOOD
    of_one = [each for each in watched.receiver.requests if each.data.get("recipient") == f"good7@{DOMAIN}"]
    states_told = [each.type for each in of_one if each.type in {"recipient.suppressed", "recipient.released"}]
    assert states_told == ["recipient.suppressed", "recipient.released"]
    assert [each.data["sequence"] for each in of_one if "sequence" in each.data] == [1, 2, 3]
    watched.call("undo", *span)
    watched.call("poll")
    assert told(watched)["recipient.released"] == GOOD, "an undo may be repeated"
