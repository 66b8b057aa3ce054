"""A target's list against the ledger, on both databases; what a person does with it stands in tests/cli."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from bounce_watcher.ledger.outbox.list_comparison import PAGE, FoundEntry, ListComparison, ListEntry, TwoLists
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import (
    Actor,
    Attempt,
    Disposition,
    NoticeType,
    Occurrence,
    OutboxItem,
    OutboxState,
    Scope,
    State,
    Suppression,
    SuppressionSource,
)
from bounce_watcher.model.list_comparison import Cause, Difference, DifferenceKind, DifferenceReason, Side
from bounce_watcher.outbox.webhook.notice import body
from tests.ledger.making import DELIVERED, LEASE, START, Platform, day

A, B, C = "a@example.org", "b@example.org", "c@example.org"
LATER = day(2)
DEAD = Attempt(Disposition.DEAD, "HTTP 400")


def announce(occurrence: Occurrence) -> Sequence[OutboxItem]:
    """As the real one: the body tells the data."""
    return [
        OutboxItem(**{**{name: getattr(item, name) for name in item.__slots__}, "body": body(occurrence)})
        for item in Platform(now=occurrence.at)(occurrence)
    ]


def suppress(ledger: Ledger, *recipients: str, stream: str = "news", scope: Scope = Scope.STREAM) -> None:
    ledger.suppressions.adopt([
        Suppression(
            each, stream, State.SUPPRESSED, None, START, ByPerson("asked for"), SuppressionSource.MANUAL, scope=scope
        )
        for each in recipients
    ], START, announce)


def release(ledger: Ledger, recipient: str, at: datetime = START) -> None:
    ledger.suppressions.release(recipient, None, Actor("jo", at, "a mistake"), announce=announce)


def send(ledger: Ledger, attempt: Attempt = DELIVERED, now: datetime = LATER) -> list[OutboxItem]:
    items = ledger.outbox.lease("platform", now, LEASE, 5000, ())
    ledger.outbox.conclude([(item, attempt) for item in items], now)
    return items


def compared(
    ledger: Ledger, *there: str | FoundEntry, streams: Sequence[str] = (), now: datetime = LATER
) -> ListComparison:
    lists = ledger.outbox.list_comparison("platform", streams, now)
    lists.take(each if isinstance(each, FoundEntry) else FoundEntry(each) for each in there)
    lists.read_here()
    return lists


def differences(
    ledger: Ledger, *there: str | FoundEntry, streams: Sequence[str] = (), now: datetime = LATER
) -> list[Difference]:
    with compared(ledger, *there, streams=streams, now=now) as lists:
        return list(lists.differences())


def cases(found: Sequence[Difference]) -> dict[str, DifferenceKind]:
    return {each.address: each.case for each in found}


def test_what_stands_on_both_sides_whatever_its_case_is_no_difference(ledger: Ledger) -> None:
    suppress(ledger, A, "Bob@Example.org", "user@bücher.example")
    send(ledger)
    assert differences(ledger, "A@EXAMPLE.ORG", "bob@example.org.", "user@xn--bcher-kva.example") == []


def test_streams_and_what_reaches_all_of_them(ledger: Ledger) -> None:
    suppress(ledger, A, stream="news")
    suppress(ledger, B, stream="orders")
    suppress(ledger, C, stream="orders", scope=Scope.GLOBAL)
    send(ledger)
    assert cases(differences(ledger, streams=("news", "offers"))) == {
        A: DifferenceKind.MISSING, C: DifferenceKind.MISSING
    }
    assert cases(differences(ledger)) == {
        A: DifferenceKind.MISSING, B: DifferenceKind.MISSING, C: DifferenceKind.MISSING
    }
    assert cases(differences(ledger, A, B, C, streams=("news",))) == {B: DifferenceKind.ELSEWHERE}


def test_in_several_streams_one_is_one(ledger: Ledger) -> None:
    suppress(ledger, A, stream="news")
    suppress(ledger, A, stream="orders")
    with compared(ledger) as lists:
        assert lists.count(Side.HERE) == 1
        assert len(list(lists.differences())) == 1


def test_what_was_sent_while_the_list_was_read_is_no_news(ledger: Ledger) -> None:
    suppress(ledger, A)
    with ledger.outbox.list_comparison("platform", (), day(2)) as lists:
        send(ledger)  # it was due when we began to read
        suppress(ledger, B)
        send(ledger)  # it was not even decided
        lists.take([])
        lists.read_here()
        assert cases(list(lists.differences())) == {A: DifferenceKind.SENDING, B: DifferenceKind.SENDING}


def test_a_release_sent_while_the_list_was_read_is_no_news(ledger: Ledger) -> None:
    suppress(ledger, A)
    send(ledger)
    release(ledger, A)
    with ledger.outbox.list_comparison("platform", (), day(30)) as lists:
        lists.take([FoundEntry(A)])
        send(ledger)
        lists.read_here()
        assert cases(list(lists.differences())) == {A: DifferenceKind.SENDING}


def test_a_notice_of_another_target_says_nothing(ledger: Ledger) -> None:
    ledger.suppressions.adopt(
        [Suppression(A, "news", State.SUPPRESSED, None, START, ByPerson("asked for"), SuppressionSource.MANUAL)], START,
        Platform(targets=("another",)),
    )
    (found,) = differences(ledger)
    assert (found.case, found.cause) == (DifferenceKind.MISSING, Cause(DifferenceReason.NEVER_TOLD))


def test_an_address_that_we_never_knew_is_never_ours(ledger: Ledger) -> None:
    (found,) = differences(ledger, FoundEntry(A, "unsubscribe", day(1)))
    assert (found.case, found.fixed_at, found.reason, found.since) == (
        DifferenceKind.THEIRS, Side.HERE, "unsubscribe", day(1)
    )


def test_what_we_never_succeeded_in_putting_there_is_not_ours(ledger: Ledger) -> None:
    suppress(ledger, A)
    send(ledger, DEAD)
    release(ledger, A)
    send(ledger, DEAD)
    assert cases(differences(ledger, A)) == {A: DifferenceKind.THEIRS}


@pytest.mark.parametrize(("since", "case"), [
    (None, DifferenceKind.LEFT_OVER), (START, DifferenceKind.LEFT_OVER), (day(0.5), DifferenceKind.LEFT_OVER),
    (day(1), DifferenceKind.LEFT_OVER),
    (day(-1), DifferenceKind.THEIRS), (day(1.5), DifferenceKind.THEIRS),
])
def test_what_we_put_there_and_released_is_ours_by_its_time(
    ledger: Ledger, since: datetime | None, case: DifferenceKind
) -> None:
    suppress(ledger, A)
    send(ledger)
    release(ledger, A, day(1))
    send(ledger, DEAD)
    assert cases(differences(ledger, FoundEntry(A, None, since))) == {A: case}


@pytest.mark.parametrize(("asked", "since", "case"), [
    (timedelta(minutes=10), None, DifferenceKind.LATELY), (timedelta(minutes=10), START, DifferenceKind.LATELY),
    (timedelta(hours=2), None, DifferenceKind.THEIRS), (timedelta(minutes=10), day(1.001), DifferenceKind.LATELY),
    (timedelta(minutes=10), day(1.005), DifferenceKind.THEIRS),
])
def test_after_a_release_that_was_taken_it_is_theirs_once_that_has_settled(
    ledger: Ledger, asked: timedelta, since: datetime | None, case: DifferenceKind
) -> None:
    suppress(ledger, A)
    send(ledger)
    release(ledger, A, day(1))
    send(ledger)
    assert cases(differences(ledger, FoundEntry(A, None, since), now=day(1) + asked)) == {A: case}


def test_held_back_here_is_left_alone(ledger: Ledger) -> None:
    held = Suppression(A, "news", State.PENDING, None, START, ByPerson("held"), SuppressionSource.POLICY)
    ledger.suppressions.adopt([held], START, announce)
    (found,) = differences(ledger, A)
    assert (found.case, found.fixed_at) == (DifferenceKind.HELD, None)


def test_mending_there_tells_the_state_as_it_stands(ledger: Ledger) -> None:
    suppress(ledger, A, B)
    release(ledger, C)
    send(ledger)
    with compared(ledger, B) as lists:
        assert lists.fix_there(list(lists.differences()), announce, day(3)) == 1
        assert lists.fix_there(list(lists.differences()), announce, day(3)) == 0, "it is on its way by now"
    (item,) = send(ledger, now=day(4))
    data = json.loads(item.body)["data"]
    assert (item.recipient, item.type, item.sequence, item.created_at) == (A, NoticeType.SUPPRESSED, 2, day(3))
    assert (data["because"], data["scope"], data["sequence"]) == ("asked for", "stream", 2)
    (record,) = ledger.lists.recipients(A)
    assert (record.sequence, record.state, len(ledger.history.course(A, "news"))) == (2, State.SUPPRESSED, 1)


def test_mending_there_releases_by_what_was_told(ledger: Ledger) -> None:
    suppress(ledger, A)
    send(ledger)
    ledger.suppressions.release(A, None, Actor("jo", day(1), "a mistake"), announce=lambda _: ())
    with compared(ledger, A) as lists:
        assert lists.fix_there(list(lists.differences()), announce, day(3)) == 1
    (item,) = send(ledger, now=day(4))
    assert (item.type, item.stream) == (NoticeType.RELEASED, "news")
    assert json.loads(item.body)["data"]["because"] == "a mistake"


def test_mending_there_leaves_what_has_changed_meanwhile(ledger: Ledger) -> None:
    suppress(ledger, A, B)
    send(ledger)
    ledger.suppressions.release(B, None, Actor("jo", day(1), "a mistake"), announce=lambda _: ())
    with compared(ledger, B) as lists:
        found = list(lists.differences())
        assert cases(found) == {A: DifferenceKind.MISSING, B: DifferenceKind.LEFT_OVER}
        ledger.suppressions.release(A, None, Actor("jo", day(1), "a mistake"), announce=lambda _: ())
        suppress(ledger, B)
        send(ledger)
        assert lists.fix_there(found, announce, day(3)) == 0
    assert all(item.state is not OutboxState.DUE for item in ledger.lists.outbox())


def test_many_in_pages(ledger: Ledger) -> None:
    many = [f"u{number:05}@example.org" for number in range(2 * PAGE + 7)]
    suppress(ledger, *many)
    assert len(differences(ledger)) == len(many)
    with compared(ledger) as lists:
        assert lists.fix_there(list(lists.differences()), announce, day(1)) == 0, "all of it is due"
    send(ledger)
    with compared(ledger, *many[:3]) as lists:
        assert lists.fix_there(list(lists.differences()), announce, day(1)) == len(many) - 3


def test_the_first_of_what_is_listed_twice_is_kept() -> None:
    with TwoLists() as lists:
        assert lists.add(Side.THERE, [ListEntry("a", "A", reason="one"), ListEntry("a", "a", reason="two")]) == 1
        assert lists.add(Side.THERE, [ListEntry("a", "a"), ListEntry("b", "b")]) == 1
        lists.add(Side.HERE, [ListEntry("b", "b")])
        lists.note_moving(["a", "a"])
        assert list(lists.only(Side.THERE)) == [[(ListEntry("a", "A", reason="one"), True)]]
        assert list(lists.only(Side.HERE)) == []
        assert (lists.count(Side.THERE), lists.count(Side.HERE)) == (2, 1)


def test_times_keep_their_zone(ledger: Ledger) -> None:
    since = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    (found,) = differences(ledger, FoundEntry(A, None, since))
    assert found.since == since
