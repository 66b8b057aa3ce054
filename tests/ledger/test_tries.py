"""The tries of a delivery: kept with what was answered, counted by the hour, and gone with what they are about."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bounce_watcher.ledger.outbox.tries import LONGEST, MOST_KEPT, Throughput, step_of
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import Actor, Attempt, Disposition, OutboxItem, OutboxState, Tried
from tests.facts import BY
from tests.families import for_each
from tests.ledger.making import DELIVERED, LEASE, START, USER, Platform, day, deliver_all, retry_at

MS = timedelta(milliseconds=1)
MINUTE = timedelta(minutes=1)
AGAIN = Attempt(Disposition.AGAIN, "HTTP 413")


def tell(ledger: Ledger, *recipients: str, target: str = "platform") -> None:
    for recipient in recipients:
        ledger.suppressions.suppress(
            recipient, "default", Actor("jo", START, "asked for"), announce=Platform((target,))
        )


def attempt(ledger: Ledger, *attempts: Attempt, target: str = "platform", since: float = 0) -> OutboxItem:
    """One after the other, a minute apart."""
    for n, each in enumerate(attempts):
        now = day(since) + n * MINUTE
        (item,) = ledger.outbox.lease(target, now, LEASE, 1)
        ledger.outbox.conclude([(item, each)], now)
    return item


def took(attempt: Attempt, ms: float) -> Attempt:
    return replace(attempt, took=ms * MS)


def test_each_try_is_kept_with_its_answer(ledger: Ledger) -> None:
    tell(ledger, USER)
    failed = Attempt(Disposition.RETRY, "HTTP 503", START + MINUTE, took=81.2 * MS)
    item = attempt(ledger, failed, took(AGAIN, 0.2), took(DELIVERED, 12_000))
    assert ledger.outbox.deliveries.tries(item.id) == [
        Tried(3, START + 2 * MINUTE, 12_000 * MS, Disposition.DELIVERED, "204"),
        Tried(2, START + MINUTE, 0 * MS, Disposition.AGAIN, "HTTP 413"),
        Tried(1, START, 81 * MS, Disposition.RETRY, "HTTP 503", START + MINUTE),
    ]
    assert ledger.outbox.deliveries.tries("msg_of_nobody") == []


def test_tries_are_told_apart_by_delivery_when_many_end_at_once(ledger: Ledger) -> None:
    tell(ledger, "a@example.org", "b@example.org", "c@example.org")
    a, b, c = ledger.outbox.lease("platform", START, LEASE, 3)
    ledger.outbox.conclude([(a, took(DELIVERED, 1)), (b, took(DELIVERED, 2)), (c, retry_at(day(1)))], START)
    assert [(tried.number, tried.took, tried.disposition) for item in (a, b, c)
            for tried in ledger.outbox.deliveries.tries(item.id)] == [
        (1, 1 * MS, Disposition.DELIVERED), (1, 2 * MS, Disposition.DELIVERED), (1, None, Disposition.RETRY),
    ]


def test_a_try_whose_lease_was_lost_is_not_kept(ledger: Ledger, ledger_url: str) -> None:
    tell(ledger, USER)
    (item,) = ledger.outbox.lease("platform", START, LEASE, 1)
    with Ledger.connect(ledger_url) as other:
        (same,) = other.outbox.lease("platform", START + LEASE, LEASE, 1)
        ledger.outbox.conclude([(item, Attempt(Disposition.DEAD, "late"))], START + LEASE)
        assert ledger.outbox.deliveries.tries(item.id) == []
        other.outbox.conclude([(same, DELIVERED)], START + LEASE)
    assert [tried.answer for tried in ledger.outbox.deliveries.tries(item.id)] == ["204"]
    assert ledger.outbox.deliveries.throughput(START + LEASE) == {"platform": Throughput(1, 0)}


def test_what_is_sent_again_by_hand_goes_on_counting(ledger: Ledger) -> None:
    tell(ledger, USER)
    item = attempt(ledger, Attempt(Disposition.DEAD, "HTTP 400"))
    ledger.outbox.retry(Actor("jo", day(1)), ids=[item.id])
    attempt(ledger, DELIVERED, since=1)
    assert [
        (tried.number, tried.answer) for tried in ledger.outbox.deliveries.tries(item.id)
    ] == [(2, "204"), (1, "HTTP 400")]
    assert [item.attempts for item in ledger.lists.outbox()] == [1]


def test_the_last_ones_are_kept(ledger: Ledger) -> None:
    tell(ledger, USER)
    item = attempt(ledger, *[replace(AGAIN, answer=f"HTTP {n}") for n in range(MOST_KEPT + 3)])
    numbers = [tried.number for tried in ledger.outbox.deliveries.tries(item.id)]
    assert numbers == list(range(MOST_KEPT + 3, 3, -1))


@pytest.mark.parametrize(("answer", "kept"), [
    ("x" * 5000, "x" * LONGEST), ("<script>\0\udcff</script>", "<script>\ufffd\ufffd</script>"),
])
def test_answers_are_kept_short_and_whatever_is_in_them(ledger: Ledger, answer: str, kept: str) -> None:
    tell(ledger, USER)
    item = attempt(ledger, Attempt(Disposition.DEAD, answer))
    assert [tried.answer for tried in ledger.outbox.deliveries.tries(item.id)] == [kept]


# ── they go with their delivery ─────────────────────────────────────────────────────────────────────────────────────

def test_they_go_with_the_body(ledger: Ledger) -> None:
    tell(ledger, USER, "dead@example.org")
    taken, refused = ledger.outbox.lease("platform", START, LEASE, 2)
    ledger.outbox.conclude([(taken, DELIVERED), (refused, Attempt(Disposition.DEAD, "HTTP 400"))], START)
    assert ledger.history.purge_bodies(day(1)) == 1
    assert ledger.outbox.deliveries.tries(taken.id) == []
    assert len(ledger.outbox.deliveries.tries(refused.id)) == 1, "what gave up keeps what it is judged by"


def test_they_go_with_the_person(ledger: Ledger) -> None:
    tell(ledger, USER, "other@example.org")
    taken, other = sorted(ledger.outbox.lease("platform", START, LEASE, 2), key=lambda item: item.recipient != USER)
    ledger.outbox.conclude([(taken, DELIVERED), (other, DELIVERED)], START)
    ledger.privacy.forget(USER, BY, dry_run=True)
    assert len(ledger.outbox.deliveries.tries(taken.id)) == 1
    ledger.privacy.forget(USER, BY)
    assert ledger.outbox.deliveries.tries(taken.id) == []
    assert len(ledger.outbox.deliveries.tries(other.id)) == 1


# ── counted ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_how_much_a_target_took_and_how_quickly(ledger: Ledger) -> None:
    tell(ledger, *(f"{n}@example.org" for n in range(10)))
    items = ledger.outbox.lease("platform", START, LEASE, 10)
    times = [100] * 6 + [180, 200, 5000]
    ledger.outbox.conclude([*((item, took(DELIVERED, ms)) for item, ms in zip(items, times, strict=False)),
                     (items[9], took(retry_at(START), 9000))], START)
    attempt(ledger, took(AGAIN, 9000), Attempt(Disposition.GONE, "410"))
    late = ledger.outbox.deliveries.throughput(START)["platform"]
    assert (late.delivered, late.failed) == (9, 2), "what was cut into smaller calls did not fail"
    assert late.median is not None
    assert late.slow is not None
    assert abs(late.median / (100 * MS) - 1) < 0.2
    assert abs(late.slow / (5000 * MS) - 1) < 0.2


def test_only_of_late(ledger: Ledger) -> None:
    tell(ledger, USER)
    deliver_all(ledger)
    assert ledger.outbox.deliveries.throughput(day(0.99)) == {"platform": Throughput(1)}
    assert ledger.outbox.deliveries.throughput(day(1)) == {}
    assert ledger.history.purge_counts(START) == 0
    assert ledger.history.purge_counts(day(1)) == 1
    assert ledger.outbox.deliveries.throughput(START) == {}


@for_each(("ms", "step"), [(None, -1), (0, 0), (1, 0), (2, 2), (3, 3), (1000, 19), (-5, 0)])
def test_steps_of_time(ms: float | None, step: int) -> None:
    assert step_of(None if ms is None else ms * MS) == step


def test_a_row_that_was_never_tried_has_none(ledger: Ledger) -> None:
    tell(ledger, USER)
    assert [
        (item.state, ledger.outbox.deliveries.tries(item.id)) for item in ledger.lists.outbox()
    ] == [(OutboxState.DUE, [])]
