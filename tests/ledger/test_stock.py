"""How much of what stands in the ledger, on both databases."""

from datetime import timedelta

from bounce_watcher.ledger.lists.stock import Queue, Stock
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import Actor, Attempt, Disposition, State
from tests.ledger.making import LEASE, START, Platform, bounce, day, page, record

SECOND = timedelta(seconds=1)


def suppress(ledger: Ledger, recipients: int) -> None:
    """One a day, and so are the notices of it."""
    for n in range(recipients):
        record(ledger, page(bounce(f"m{n}", f"u{n}@example.org", at=day(n))), Platform(now=day(n)))


def test_an_empty_ledger(ledger: Ledger) -> None:
    assert ledger.figures.stock() == Stock({State.SUPPRESSED: 0, State.PENDING: 0}, {}, {})


def test_suppressions_and_what_targets_are_still_to_be_told(ledger: Ledger) -> None:
    ledger.outbox.enroll({"platform": "one", "silent": "other"})
    suppress(ledger, 4)
    first, second = ledger.outbox.lease("platform", day(10), LEASE, 2)
    taken, refused = Attempt(Disposition.DELIVERED, "200"), Attempt(Disposition.DEAD, "400")
    ledger.outbox.conclude([(first, taken), (second, refused)], day(10))
    stock = ledger.figures.stock()
    assert stock.suppressions == {State.SUPPRESSED: 4, State.PENDING: 0}
    assert stock.queues == {"platform": Queue(due=2, oldest_at=day(2), dead=1), "silent": Queue()}


def test_what_was_tried_in_vain_is_still_the_oldest(ledger: Ledger) -> None:
    suppress(ledger, 2)
    [first] = ledger.outbox.lease("platform", day(10), LEASE, 1)
    ledger.outbox.conclude([(first, Attempt(Disposition.RETRY, "503", day(11)))], day(10))
    assert ledger.figures.stock().queues == {"platform": Queue(due=2, oldest_at=day(0))}


def test_a_target_that_wants_no_more(ledger: Ledger) -> None:
    ledger.outbox.enroll({"platform": "one"})
    record(ledger, page(bounce("m")))
    [item] = ledger.outbox.lease("platform", day(1), LEASE, 1)
    ledger.outbox.conclude([(item, Attempt(Disposition.GONE, "410"))], day(1))
    ledger.recording.settle_alerts(day(2), Platform())
    stock = ledger.figures.stock()
    assert stock.queues["platform"].disabled
    assert not stock.queues["platform"].paused
    assert stock.alerts == {"endpoint": 1}


def test_a_released_recipient_is_suppressed_no_more(ledger: Ledger) -> None:
    ledger.suppressions.suppress("a@example.org", "news", Actor("jo", START, "asked"), announce=Platform())
    assert ledger.figures.stock().suppressions[State.SUPPRESSED] == 1
    ledger.suppressions.release("a@example.org", None, Actor("jo", START + SECOND, "asked again"), announce=Platform())
    assert ledger.figures.stock().suppressions[State.SUPPRESSED] == 0
