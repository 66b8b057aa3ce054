"""A target that a person paused, on both databases."""

from datetime import timedelta

from bounce_watcher.ledger.lists.stock import Queue
from bounce_watcher.ledger.outbox.queue import Pause
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import Actor, Attempt, Disposition
from tests.facts import BY
from tests.ledger.making import DELIVERED, LEASE, START, USER, Platform, day, deliver_all

MOVES = Actor("petra", START, "moves\0 to another host")
MINUTE = timedelta(minutes=1)


def tell(ledger: Ledger, target: str = "platform", recipient: str = USER) -> None:
    ledger.suppressions.suppress(recipient, "default", Actor("jo", START, "asked for"), announce=Platform((target,)))


def test_nothing_is_leased_until_it_is_resumed(ledger: Ledger) -> None:
    tell(ledger)
    tell(ledger, "other", "b@example.org")
    assert ledger.outbox.pause("platform", MOVES)
    assert ledger.outbox.lease("platform", day(1), LEASE, 9) == []
    assert ledger.outbox.next_due("platform") is None
    assert len(deliver_all(ledger, "other")) == 1
    assert ledger.figures.queues()["platform"] == Queue(due=1, oldest_at=START, paused=True)
    assert ledger.outbox.resume("platform", BY)
    assert ledger.figures.queues()["platform"] == Queue(due=1, oldest_at=START)
    assert len(deliver_all(ledger)) == 1


def test_a_pause_stands_as_it_was_made(ledger: Ledger) -> None:
    assert ledger.outbox.pause("platform", MOVES)
    assert not ledger.outbox.pause("platform", Actor("otto", day(1), "again"))
    assert ledger.outbox.paused() == {"platform": Pause(START, "petra", "moves\ufffd to another host")}
    assert ledger.outbox.resume("platform", BY)
    assert not ledger.outbox.resume("platform", BY)
    assert not ledger.outbox.resume("nobody", BY)
    assert ledger.outbox.paused() == {}


def test_what_is_under_way_is_written(ledger: Ledger) -> None:
    tell(ledger)
    (item,) = ledger.outbox.lease("platform", START, LEASE, 1)
    ledger.outbox.pause("platform", MOVES)
    ledger.outbox.conclude([(item, DELIVERED)], START + MINUTE)
    assert ledger.figures.queues()["platform"] == Queue(paused=True)


def test_neither_retry_nor_another_url_ends_a_pause(ledger: Ledger) -> None:
    tell(ledger)
    ledger.outbox.enroll({"platform": "https://one.example"})
    (item,) = ledger.outbox.lease("platform", START, LEASE, 1)
    ledger.outbox.conclude([(item, Attempt(Disposition.GONE, "410"))], START)
    ledger.outbox.pause("platform", MOVES)
    ledger.outbox.enroll({"platform": "https://two.example"})
    ledger.outbox.retry(Actor("jo", day(1)), target="platform")
    assert ledger.lists.disabled_endpoints() == {}
    assert list(ledger.outbox.paused()) == ["platform"]
    assert ledger.outbox.lease("platform", day(2), LEASE, 1) == []
    ledger.outbox.resume("platform", BY)
    assert len(ledger.outbox.lease("platform", day(2), LEASE, 1)) == 1
