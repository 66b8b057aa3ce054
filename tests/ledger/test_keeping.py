"""The queue of a target that keeps a list, on both databases: the newest state of a recipient, of any stream."""

from dataclasses import replace
from datetime import datetime, timedelta

from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import (
    Actor,
    Attempt,
    Disposition,
    NoticeType,
    OutboxItem,
    OutboxState,
    Scope,
    State,
    Suppression,
    SuppressionSource,
)
from tests.ledger.making import DELIVERED, LEASE, START, USER, Platform, bounce, day, page, record, retry_at

ALL: tuple[str, ...] = ()
OTHER = "other@example.org"
DUE, SUPERSEDED = OutboxState.DUE, OutboxState.SUPERSEDED
SUPPRESSED, RELEASED = NoticeType.SUPPRESSED, NoticeType.RELEASED


def suppress(ledger: Ledger, stream: str = "news", recipient: str = USER, scope: Scope = Scope.STREAM) -> None:
    wanted = Suppression(
        recipient, stream, State.SUPPRESSED, None, START, ByPerson("asked for"), SuppressionSource.MANUAL, scope=scope
    )
    ledger.suppressions.adopt([wanted], START, Platform())


def hold(ledger: Ledger, stream: str, recipient: str = USER) -> None:
    wanted = Suppression(recipient, stream, State.PENDING, None, START, ByPerson("held"), SuppressionSource.POLICY)
    ledger.suppressions.adopt([wanted], START, Platform())


def release(ledger: Ledger, stream: str = "news", recipient: str = USER) -> None:
    ledger.suppressions.release(recipient, stream, Actor("jo", day(1), "a mistake"), announce=Platform())


def lease(ledger: Ledger, keeps: tuple[str, ...] = ALL, now: datetime = START, limit: int = 100) -> list[OutboxItem]:
    return ledger.outbox.lease("platform", now, LEASE, limit, keeps)


def told(items: list[OutboxItem]) -> list[tuple[str | None, str | None, NoticeType]]:
    return [(item.recipient, item.stream, item.type) for item in items]


def states(ledger: Ledger) -> list[tuple[str | None, NoticeType, OutboxState]]:
    return [(item.stream, item.type, item.state) for item in ledger.lists.outbox()]


def deliver(ledger: Ledger, keeps: tuple[str, ...] = ALL) -> list[tuple[str | None, str | None, NoticeType]]:
    """What reaches the target until nothing is due."""
    sent: list[OutboxItem] = []
    while items := lease(ledger, keeps):
        ledger.outbox.conclude([(item, DELIVERED) for item in items], START)
        sent += items
    return told(sent)


# ── the newest state wins ───────────────────────────────────────────────────────────────────────────────────────────

def test_of_several_streams_only_the_newest_state_goes_out(ledger: Ledger) -> None:
    suppress(ledger, "news")
    suppress(ledger, "offers")
    assert told(lease(ledger)) == [(USER, "offers", SUPPRESSED)]
    assert states(ledger) == [("news", SUPPRESSED, SUPERSEDED), ("offers", SUPPRESSED, DUE)]


def test_a_receiver_of_events_is_told_of_each(ledger: Ledger) -> None:
    suppress(ledger, "news")
    suppress(ledger, "offers")
    assert len(ledger.outbox.lease("platform", START, LEASE, 100)) == 2


def test_what_became_pointless_takes_no_place_in_the_batch(ledger: Ledger) -> None:
    for stream in ("news", "offers", "orders"):
        suppress(ledger, stream)
    suppress(ledger, "news", OTHER)
    assert told(lease(ledger, limit=1)) == [(USER, "orders", SUPPRESSED)]
    assert told(lease(ledger, limit=1)) == [(OTHER, "news", SUPPRESSED)]


def test_a_recipient_has_one_row_under_way_at_a_time(ledger: Ledger) -> None:
    suppress(ledger, "news")
    (first,) = lease(ledger)
    suppress(ledger, "offers")
    assert lease(ledger) == [], "the order there would be anybody's guess"
    ledger.outbox.conclude([(first, DELIVERED)], START)
    assert told(lease(ledger)) == [(USER, "offers", SUPPRESSED)]


def test_recipients_go_by_how_long_they_wait_and_do_not_hinder_one_another(ledger: Ledger) -> None:
    suppress(ledger, "news")
    suppress(ledger, "news", OTHER)
    (first,) = lease(ledger, limit=1)
    assert first.recipient == USER
    ledger.outbox.conclude([(first, retry_at(day(1)))], START)
    suppress(ledger, "offers")
    assert deliver(ledger) == [(OTHER, "news", SUPPRESSED)]
    assert told(lease(ledger, now=day(1))) == [(USER, "offers", SUPPRESSED)]


# ── a release while something still holds ───────────────────────────────────────────────────────────────────────────

def test_a_release_while_another_stream_of_the_list_holds_is_superseded(ledger: Ledger) -> None:
    suppress(ledger, "news")
    suppress(ledger, "offers")
    assert deliver(ledger) == [(USER, "offers", SUPPRESSED)]
    release(ledger, "news")
    assert lease(ledger) == []
    assert states(ledger)[-1] == ("news", RELEASED, SUPERSEDED)
    release(ledger, "offers")
    assert deliver(ledger) == [(USER, "offers", RELEASED)]


def test_a_stream_that_the_list_does_not_mirror_holds_nobody(ledger: Ledger) -> None:
    suppress(ledger, "news")
    suppress(ledger, "orders")
    assert deliver(ledger, ("news", "orders"))
    release(ledger, "news")
    assert deliver(ledger, ("news", "offers")) == [(USER, "news", RELEASED)]


def test_a_global_suppression_holds_whatever_its_stream(ledger: Ledger) -> None:
    suppress(ledger, "news")
    assert deliver(ledger, ("news",))
    suppress(ledger, "orders", scope=Scope.GLOBAL)
    assert deliver(ledger, ("news",))
    release(ledger, "news")
    assert lease(ledger, ("news",)) == []
    assert states(ledger)[-1] == ("news", RELEASED, SUPERSEDED)


def test_what_is_held_back_holds_nobody(ledger: Ledger) -> None:
    suppress(ledger, "news")
    assert deliver(ledger)
    hold(ledger, "offers")
    release(ledger, "news")
    assert deliver(ledger) == [(USER, "news", RELEASED)]


def test_another_recipient_holds_nobody(ledger: Ledger) -> None:
    suppress(ledger, "news")
    suppress(ledger, "offers", OTHER)
    deliver(ledger)
    release(ledger, "news")
    assert deliver(ledger) == [(USER, "news", RELEASED)]


# ── thinned ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_a_release_does_not_wait_behind_a_try_that_is_hours_away(ledger: Ledger) -> None:
    suppress(ledger, "news")
    (item,) = lease(ledger)
    ledger.outbox.conclude([(item, retry_at(day(1)))], START)
    release(ledger, "news")
    assert lease(ledger) == [], "it stands behind"
    assert ledger.outbox.supersede_stale("platform", START, ALL) == 1
    assert told(lease(ledger)) == [(USER, "news", RELEASED)]


def test_thinning_spares_what_is_under_way_and_what_belongs_to_others(ledger: Ledger) -> None:
    suppress(ledger, "news")
    (item,) = lease(ledger)
    release(ledger, "news")
    ledger.suppressions.adopt(
        [replace(_plain(), recipient=OTHER)], START, Platform(targets=("another",))
    )
    assert ledger.outbox.supersede_stale("platform", START, ALL) == 0
    assert ledger.outbox.supersede_stale("another", START, ALL) == 0
    assert ledger.outbox.supersede_stale("platform", START + LEASE, ALL) == 1, "its lease is over"
    ledger.outbox.conclude([(item, DELIVERED)], START + LEASE)
    assert states(ledger)[0] == ("news", SUPPRESSED, SUPERSEDED), "whatever came of it, a newer state goes out"
    assert told(lease(ledger)) == [(USER, "news", RELEASED)]


def _plain() -> Suppression:
    return Suppression(USER, "news", State.SUPPRESSED, None, START, ByPerson("asked for"), SuppressionSource.MANUAL)


def test_thinning_takes_each_recipient_down_to_its_newest_state(ledger: Ledger) -> None:
    for number in range(1200):
        record(ledger, page(bounce(f"m{number}", f"u{number % 400}@example.org", stream=f"s{number // 400}")))
    assert ledger.outbox.supersede_stale("platform", START, ALL) == 800
    items = lease(ledger, limit=2000)
    assert len(items) == 400
    assert {item.stream for item in items} == {"s2"}


# ── given back ──────────────────────────────────────────────────────────────────────────────────────────────────────

def test_what_is_given_back_is_due_as_before(ledger: Ledger) -> None:
    suppress(ledger, "news")
    (item,) = lease(ledger)
    ledger.outbox.conclude([(item, retry_at(START))], START)
    (item,) = lease(ledger)
    assert item.attempts == 1
    ledger.outbox.give_back([item])
    (again,) = lease(ledger)
    assert again == item


def test_what_somebody_else_has_leased_meanwhile_is_not_given_back(ledger: Ledger, ledger_url: str) -> None:
    suppress(ledger, "news")
    (item,) = lease(ledger)
    later = START + LEASE + timedelta(seconds=1)
    with Ledger.connect(ledger_url) as other:
        assert lease(other, now=later)
        ledger.outbox.give_back([item])
        assert lease(ledger, now=later) == []


def test_together_with_others_is_no_try(ledger: Ledger) -> None:
    suppress(ledger, "news")
    (item,) = lease(ledger)
    ledger.outbox.conclude([(item, Attempt(Disposition.AGAIN, "HTTP 400"))], START)
    (again,) = lease(ledger)
    assert (again.attempts, again.last_answer, again.next_attempt_at) == (0, "HTTP 400", item.next_attempt_at)
