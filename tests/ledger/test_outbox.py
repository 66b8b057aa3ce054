"""The outbox as a queue, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bounce_watcher.ledger.db import statements
from bounce_watcher.ledger.lists.filters import OutboxFilter
from bounce_watcher.ledger.outbox.settled import NO_BODY
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import (
    Actor,
    Attempt,
    Disposition,
    NoticeType,
    Occurrence,
    OutboxItem,
    OutboxState,
)
from bounce_watcher.model.verdict import Reason
from tests.facts import BY
from tests.ledger.making import (
    DELIVERED,
    LEASE,
    START,
    USER,
    Always,
    Platform,
    bounce,
    day,
    decide,
    deliver_all,
    mail,
    page,
    record,
    retry_at,
)

pytestmark = pytest.mark.dialects

GONE = Attempt(Disposition.GONE, "410 Gone")
DEAD = Attempt(Disposition.DEAD, "400 Bad Request")
EVERYTHING = frozenset(NoticeType)
SECOND = timedelta(seconds=1)


def states(ledger: Ledger) -> list[tuple[int, OutboxState]]:
    return [(item.sequence, item.state) for item in ledger.lists.outbox()]


def suppress(ledger: Ledger, recipient: str = USER, platform: Platform | None = None) -> None:
    ledger.suppressions.suppress(recipient, "default", Actor("jo", START, "asked for"), announce=platform or Platform())


def release(ledger: Ledger, recipient: str = USER, platform: Platform | None = None) -> None:
    ledger.suppressions.release(recipient, None, Actor("jo", day(1), "a mistake"), announce=platform or Platform())


def lease(ledger: Ledger, now: object = START, target: str = "platform") -> list[OutboxItem]:
    return ledger.outbox.lease(target, now, LEASE, 100)  # type: ignore[arg-type]


def test_item_comes_back_as_it_went_in(ledger: Ledger) -> None:
    body = '{"a": "\\u0000 😀"}'
    item = OutboxItem("msg_ü", "platform", NoticeType.SUPPRESSED, USER, "default", 2, body, START, day(1))
    ledger.recording.record(
        page(bounce("m1")), decide, lambda told: [item] if told.type is NoticeType.SUPPRESSED else []
    )
    assert list(ledger.lists.outbox()) == [item]
    assert lease(ledger, day(1)) == [item]


def test_nothing_is_leased_before_it_is_due(ledger: Ledger) -> None:
    suppress(ledger, platform=Platform(now=day(2)))
    assert lease(ledger, day(2) - SECOND) == []
    assert ledger.outbox.next_due("platform") == day(2)
    assert len(lease(ledger, day(2))) == 1


def test_delivered_is_done(ledger: Ledger) -> None:
    suppress(ledger)
    (item,) = lease(ledger)
    ledger.outbox.conclude([(item, DELIVERED)], START)
    (done,) = ledger.lists.outbox()
    assert done == replace(item, state=OutboxState.DELIVERED, attempts=1, last_answer="204")
    assert lease(ledger, day(9)) == []
    assert ledger.outbox.next_due("platform") is None


def test_failed_try_waits_for_its_time(ledger: Ledger) -> None:
    suppress(ledger)
    (item,) = lease(ledger)
    ledger.outbox.conclude([(item, retry_at(day(1)))], START)
    assert ledger.outbox.next_due("platform") == day(1)
    assert lease(ledger, day(1) - SECOND) == []
    (again,) = lease(ledger, day(1))
    assert again == replace(item, attempts=1, last_answer="500", next_attempt_at=day(1))


def test_leased_row_is_nobody_elses_until_the_lease_is_over(ledger: Ledger, ledger_url: str) -> None:
    suppress(ledger)
    (item,) = lease(ledger)
    with Ledger.connect(ledger_url) as other:
        assert lease(other, START + LEASE - SECOND) == []
        assert other.outbox.next_due("platform") == START + LEASE
        assert lease(other, START + LEASE) == [item]


def test_outcome_of_a_lost_lease_is_dropped(ledger: Ledger, ledger_url: str) -> None:
    suppress(ledger)
    (item,) = lease(ledger)
    with Ledger.connect(ledger_url) as other:
        (same,) = lease(other, START + LEASE)
        ledger.outbox.conclude([(item, DEAD)], START + LEASE)
        assert states(ledger) == [(1, OutboxState.DUE)]
        other.outbox.conclude([(same, DELIVERED)], START + LEASE)
    assert states(ledger) == [(1, OutboxState.DELIVERED)]


def test_lease_that_is_over_but_taken_by_nobody_still_holds(ledger: Ledger) -> None:
    suppress(ledger)
    (item,) = lease(ledger)
    ledger.outbox.conclude([(item, DELIVERED)], day(1))
    assert states(ledger) == [(1, OutboxState.DELIVERED)]


def test_outcome_without_a_lease_is_dropped(ledger: Ledger) -> None:
    suppress(ledger)
    (item,) = ledger.lists.outbox()
    ledger.outbox.conclude([(item, DELIVERED)], START)
    assert states(ledger) == [(1, OutboxState.DUE)]


def test_order_by_recipient_is_kept(ledger: Ledger) -> None:
    record(ledger, page(bounce("m1"), bounce("n1", "b@example.org")), Platform(types=EVERYTHING))
    first = lease(ledger)
    assert sorted((item.recipient, item.sequence) for item in first) == [("b@example.org", 1), (USER, 1)]
    assert lease(ledger) == []  # 2 must not overtake 1 while that is leased
    for item in first:
        ledger.outbox.conclude([(item, retry_at(day(1)))], START)
    assert lease(ledger, day(1) - SECOND) == []  # nor while it waits for its next try
    assert ledger.outbox.next_due("platform") == day(1)
    assert [item.sequence for item in deliver_all(ledger, now=day(1))] == [1, 1, 2, 2]


def test_dead_row_holds_nobody_up(ledger: Ledger) -> None:
    record(ledger, page(bounce("m1")), Platform(types=EVERYTHING))
    (first,) = lease(ledger)
    ledger.outbox.conclude([(first, DEAD)], START)
    assert [item.sequence for item in lease(ledger)] == [2]


def test_streams_and_targets_have_their_own_order(ledger: Ledger) -> None:
    platform = Platform(targets=("a", "b"), types=EVERYTHING)
    record(ledger, page(bounce("m1", stream="news"), bounce("m2", stream="orders")), platform)
    assert len(lease(ledger, target="a")) == 2
    assert len(lease(ledger, target="b")) == 2


def test_rows_without_a_recipient_have_no_order(ledger: Ledger) -> None:
    def alarm(occurrence: Occurrence) -> list[OutboxItem]:
        return [OutboxItem(f"alert{n}", "platform", NoticeType.ALERT_RAISED, None, None, 0, "{}", START, START)
                for n in range(3)] if occurrence.type is NoticeType.BOUNCE else []

    ledger.recording.record(page(bounce("m1")), decide, alarm)
    assert {item.id for item in lease(ledger)} == {"alert0", "alert1", "alert2"}


def test_limit_takes_those_that_wait_longest(ledger: Ledger) -> None:
    for number in range(5):
        suppress(ledger, f"u{number}@example.org", Platform(now=day(-number)))
    items = ledger.outbox.lease("platform", START, LEASE, 2)
    assert [item.recipient for item in items] == ["u4@example.org", "u3@example.org"]


def test_newer_state_supersedes_one_that_is_unsent(ledger: Ledger) -> None:
    suppress(ledger)
    release(ledger)
    suppress(ledger)
    assert states(ledger) == [(1, OutboxState.SUPERSEDED), (2, OutboxState.SUPERSEDED), (3, OutboxState.DUE)]
    assert [item.sequence for item in deliver_all(ledger)] == [3]


def test_newer_state_inside_one_page_supersedes(ledger: Ledger) -> None:
    softs = [bounce(f"m{n}", reason=Reason.MAILBOX_FULL, at=day(n)) for n in (0, 1, 2, 40)]
    record(ledger, page(*softs))
    assert [state for _, state in states(ledger)] == [OutboxState.SUPERSEDED, OutboxState.DUE]


def test_superseding_spares_what_may_have_been_sent(ledger: Ledger) -> None:
    suppress(ledger)
    (leased,) = lease(ledger)
    release(ledger)
    assert states(ledger) == [(1, OutboxState.DUE), (2, OutboxState.DUE)]
    ledger.outbox.conclude([(leased, retry_at(day(1)))], START)
    suppress(ledger)
    assert states(ledger) == [(1, OutboxState.DUE), (2, OutboxState.SUPERSEDED), (3, OutboxState.DUE)]


def test_superseding_spares_other_targets_recipients_streams_and_types(ledger: Ledger) -> None:
    suppress(ledger, "b@example.org")
    record(ledger, page(bounce("m1", stream="news")))
    record(ledger, page(bounce("m2")), Platform(targets=("a",), types=EVERYTHING))
    release(ledger, platform=Platform(targets=("b",)))
    assert {item.state for item in ledger.lists.outbox()} == {OutboxState.DUE}


def test_gone_keeps_the_row_and_disables_the_endpoint(ledger: Ledger) -> None:
    ledger.outbox.enroll({"platform": "https://old.example"})
    suppress(ledger)
    suppress(ledger, "b@example.org", Platform(targets=("other",)))
    (item,) = lease(ledger)
    ledger.outbox.conclude([(item, GONE)], START)
    assert ledger.lists.disabled_endpoints() == {"platform": "410 Gone"}
    assert states(ledger)[0] == (1, OutboxState.DUE)
    assert lease(ledger, day(1)) == []
    assert ledger.outbox.next_due("platform") is None
    assert len(lease(ledger, target="other")) == 1


def test_endpoint_that_was_never_enrolled_can_be_disabled(ledger: Ledger) -> None:
    suppress(ledger)
    (item,) = lease(ledger)
    ledger.outbox.conclude([(item, GONE)], START)
    assert ledger.lists.disabled_endpoints() == {"platform": "410 Gone"}


def test_answer_of_any_characters_is_kept(ledger: Ledger) -> None:
    suppress(ledger)
    ledger.outbox.conclude([(lease(ledger)[0], Attempt(Disposition.GONE, "410 G\0ne \udcff"))], START)
    assert ledger.lists.disabled_endpoints() == {"platform": "410 G\ufffdne \ufffd"}


def test_another_url_enables_the_endpoint_again(ledger: Ledger) -> None:
    ledger.outbox.enroll({"platform": "https://old.example"})
    suppress(ledger)
    ledger.outbox.conclude([(lease(ledger)[0], GONE)], START)
    ledger.outbox.enroll({"platform": "https://old.example"})
    assert list(ledger.lists.disabled_endpoints()) == ["platform"]
    ledger.outbox.enroll({"platform": "https://new.example"})
    assert ledger.lists.disabled_endpoints() == {}
    assert len(lease(ledger)) == 1


def test_retry_sends_dead_rows_again_from_the_start(ledger: Ledger) -> None:
    suppress(ledger)
    ledger.outbox.conclude([(lease(ledger)[0], DEAD)], START)
    assert ledger.outbox.retry(Actor("jo", day(1)), target="other") == 0
    assert ledger.outbox.retry(Actor("jo", day(1)), everything=True) == 1
    (item,) = ledger.lists.outbox()
    assert (item.state, item.attempts, item.next_attempt_at) == (OutboxState.DUE, 0, day(1))
    assert ledger.outbox.retry(Actor("jo", day(1)), everything=True) == 0


def test_retry_of_what_happened_since(ledger: Ledger) -> None:
    for number, recipient in enumerate(("a@example.org", "b@example.org", "c@example.org")):
        suppress(ledger, recipient, Platform(now=day(number)))
        ledger.outbox.conclude([(lease(ledger, day(number))[0], DEAD)], day(9))
    found = [item.recipient for item in ledger.lists.outbox(OutboxFilter(since=day(1)))]
    assert found == ["b@example.org", "c@example.org"]
    assert ledger.outbox.retry(Actor("jo", day(10)), target="other", since=day(1)) == 0
    assert ledger.outbox.retry(Actor("jo", day(10)), everything=True, since=day(3)) == 0
    assert ledger.outbox.retry(Actor("jo", day(10)), everything=True, since=day(1)) == 2
    assert [item.recipient for item in ledger.lists.outbox(OutboxFilter(OutboxState.DEAD))] == ["a@example.org"]
    assert ledger.outbox.retry(Actor("jo", day(10)), target="platform", since=day(0)) == 1


def test_retry_enables_the_endpoint(ledger: Ledger) -> None:
    suppress(ledger)
    suppress(ledger, "b@example.org")
    first, second = lease(ledger)
    ledger.outbox.conclude([(first, DEAD)], START)
    ledger.outbox.conclude([(second, GONE)], START)
    assert ledger.outbox.retry(Actor("jo", START), ids=[first.id]) == 1
    assert ledger.lists.disabled_endpoints() == {}
    ledger.outbox.conclude([(lease(ledger)[0], GONE)], START)
    assert ledger.outbox.retry(Actor("jo", START), target="platform") == 0
    assert ledger.lists.disabled_endpoints() == {}


def test_retry_of_what_waits_brings_it_forward(ledger: Ledger) -> None:
    suppress(ledger)
    ledger.outbox.conclude([(lease(ledger)[0], retry_at(day(5)))], START)
    assert ledger.outbox.retry(Actor("jo", day(1)), everything=True, state=OutboxState.DUE) == 1
    assert len(lease(ledger, day(1))) == 1


def test_retry_leaves_what_is_being_sent(ledger: Ledger) -> None:
    suppress(ledger)
    (item,) = lease(ledger)
    assert ledger.outbox.retry(Actor("jo", START), everything=True, state=OutboxState.DUE) == 0
    ledger.outbox.conclude([(item, DELIVERED)], START)
    assert states(ledger) == [(1, OutboxState.DELIVERED)]


def test_retried_row_does_not_overtake_a_newer_state(ledger: Ledger) -> None:
    suppress(ledger)
    ledger.outbox.conclude([(lease(ledger)[0], DEAD)], START)
    release(ledger)
    deliver_all(ledger)
    assert ledger.outbox.retry(Actor("jo", day(2)), everything=True) == 0
    assert states(ledger) == [(1, OutboxState.SUPERSEDED), (2, OutboxState.DELIVERED)]


def test_dead_rows_of_one_recipient_are_retried_in_order(ledger: Ledger) -> None:
    for change in (suppress, release):
        change(ledger)
        ledger.outbox.conclude([(lease(ledger)[0], DEAD)], START)
    assert ledger.outbox.retry(Actor("jo", day(2)), everything=True) == 2
    assert [item.sequence for item in deliver_all(ledger, now=day(2))] == [1, 2]


def test_they_are_so_however_many_are_looked_at_at_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for change in (suppress, release):
        change(ledger)
        ledger.outbox.conclude([(lease(ledger)[0], DEAD)], START)
    ids = [item.id for item in ledger.lists.outbox()]
    monkeypatch.setattr(statements, "CHUNK", 1)
    assert ledger.outbox.retry(Actor("jo", day(2)), ids=ids) == 2
    assert states(ledger) == [(1, OutboxState.DUE), (2, OutboxState.DUE)]


@pytest.mark.parametrize("state", [OutboxState.DEAD, OutboxState.SUPERSEDED, OutboxState.DELIVERED])
def test_what_a_retry_would_make_due_is_told_before(ledger: Ledger, state: OutboxState) -> None:
    """One is overtaken, one lost its content, one is just being sent."""
    people = [f"{letter}@example.org" for letter in "abcd"]
    for recipient in people:
        suppress(ledger, recipient)
    ledger.outbox.conclude([(item, DEAD) for item in lease(ledger)], START)
    release(ledger, people[0])
    deliver_all(ledger)
    if state is OutboxState.DELIVERED:
        ledger.outbox.retry(Actor("jo", day(1)), everything=True)
        deliver_all(ledger, now=day(1))
    elif state is OutboxState.SUPERSEDED:
        ledger.outbox.retry(Actor("jo", day(1)), ids=[next(ledger.lists.outbox()).id])
    ledger.privacy.forget(people[1], BY)
    told = [item.id for item in ledger.lists.outbox(OutboxFilter(state, retried_at=day(2)))]
    others = {item.id for item in ledger.lists.outbox(OutboxFilter(state)) if item.body != NO_BODY} - set(told)
    assert ledger.outbox.deliveries.replaced([item.id for item in ledger.lists.outbox()]) >= others
    assert ledger.outbox.retry(Actor("jo", day(2)), everything=True, state=state) == len(told)
    assert [item.id for item in ledger.lists.outbox(OutboxFilter(OutboxState.DUE))] == told


def test_discard_gives_up_on_due_and_dead(ledger: Ledger) -> None:
    for recipient in ("a@example.org", "b@example.org", "c@example.org"):
        suppress(ledger, recipient)
    first, second, third = lease(ledger)
    ledger.outbox.conclude([(first, DEAD)], START)
    ledger.outbox.conclude([(second, DELIVERED)], START)
    assert ledger.outbox.discard(BY, ids=[second.id, "no such id"]) == 0
    assert ledger.outbox.discard(BY, target="other") == 0
    assert ledger.outbox.discard(BY, target="platform") == 2
    ledger.outbox.conclude([(third, DELIVERED)], START)
    assert [item.state for item in ledger.lists.outbox()] == [
        OutboxState.DISCARDED, OutboxState.DELIVERED, OutboxState.DISCARDED]


def test_ids_of_any_number(ledger: Ledger) -> None:
    record(ledger, [mail(*(bounce("m1", f"u{n}@example.org") for n in range(1200)))])
    ids = [item.id for item in ledger.lists.outbox()]
    assert len(ids) == 1200
    assert ledger.outbox.discard(BY, ids=ids) == 1200
    assert ledger.outbox.retry(Actor("jo", START), ids=ids, state=OutboxState.DISCARDED) == 1200


def test_list_by_state_target_and_recipient(ledger: Ledger) -> None:
    suppress(ledger, "a@example.org", Platform(targets=("x", "y")))
    suppress(ledger, "b@example.org", Platform(targets=("x",)))
    (item,) = ledger.outbox.lease("y", START, LEASE, 1)
    ledger.outbox.conclude([(item, DEAD)], START)

    def found(wanted: OutboxFilter) -> list[tuple[str | None, str]]:
        return [(it.recipient, it.target) for it in ledger.lists.outbox(wanted)]

    assert found(OutboxFilter(state=OutboxState.DEAD)) == [("a@example.org", "y")]
    assert found(OutboxFilter(target="x")) == [("a@example.org", "x"), ("b@example.org", "x")]
    assert found(OutboxFilter(recipient="A@EXAMPLE.org")) == [("a@example.org", "x"), ("a@example.org", "y")]
    assert found(OutboxFilter(limit=1)) == [("a@example.org", "x")]


def test_always_is_a_decision(ledger: Ledger) -> None:
    """The fakes of this room are fakes of the real thing: what they decide is entered as it stands."""
    seen = Always(decide(bounce("m1"), None))  # type: ignore[arg-type]
    assert ledger.recording.record(page(bounce("m1")), seen, Platform()).suppressed == 1


def test_no_choice_does_not_stand_for_all(ledger: Ledger) -> None:
    record(ledger, page(bounce("m1")))
    with pytest.raises(ValueError, match="neither ids nor a target"):
        ledger.outbox.retry(Actor("jo", START), state=OutboxState.DUE)
    with pytest.raises(ValueError, match="neither ids nor a target"):
        ledger.outbox.discard(BY)
    assert [item.state for item in ledger.lists.outbox()] == [OutboxState.DUE]
