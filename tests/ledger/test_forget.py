"""A person erased, and yet still suppressed."""

import sqlite3
from pathlib import Path

import pytest

from bounce_watcher.ledger.actions import Act
from bounce_watcher.ledger.db.paging import PagePosition
from bounce_watcher.ledger.db.query import Query
from bounce_watcher.ledger.lists.filters import EventFilter, OutboxFilter, SuppressionFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import Actor, NoticeType, State
from bounce_watcher.model.verdict import Reason
from tests.facts import BY
from tests.ledger.making import START, USER, Platform, bounce, day, deliver_all, mail, page, record


def test_nothing_of_the_address_is_left_and_it_stays_suppressed(ledger: Ledger) -> None:
    record(ledger, [mail(bounce("m1", diagnostic=f"550 5.1.1 <{USER}> unknown"), bounce("m1", "b@example.org"))])
    deliver_all(ledger)
    erased = ledger.privacy.forget("USER@Example.org", BY)
    assert (erased.messages, erased.events, erased.records, erased.suppressions) == (1, 1, 1, 1)
    assert (erased.webhooks, erased.due) == (1, 0)
    told = [repr(each) for each in (*ledger.lists.events(), *ledger.lists.suppressions(), *ledger.lists.outbox())]
    assert not any(USER in each.casefold() for each in told)
    assert ledger.lists.message("m1") is None
    (stands,) = ledger.lists.suppressions(SuppressionFilter(USER))
    assert stands.state is State.SUPPRESSED
    assert [it.state for it in ledger.lists.recipients(USER)] == [State.SUPPRESSED]
    assert len(list(ledger.lists.events(EventFilter(USER)))) == 1
    assert ledger.history.course(USER, "default")
    assert next(ledger.lists.suppressions(SuppressionFilter("b@example.org"))).recipient == "b@example.org"


def test_a_file_holds_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.connect(f"sqlite:///{path}") as ledger:
        ledger.upgrade()
        record(ledger, page(bounce("m1", diagnostic=f"550 5.1.1 <{USER}> unknown")))
        deliver_all(ledger)
        with sqlite3.connect(path) as connection:  # as an outage would hold it back
            connection.execute("INSERT INTO held VALUES (?, 'default', 'a1')", (USER,))
        connection.close()
        ledger.privacy.forget(USER, BY)
    assert USER.encode() not in path.read_bytes()


def test_much_is_erased_page_by_page_to_the_same(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bounce_watcher.ledger.privacy.erasure.PAGE", 2)
    events = [bounce(f"m{n}", at=day(n), reason=Reason.UNKNOWN if n % 2 else Reason.MAILBOX_FULL) for n in range(7)]
    record(ledger, page(*events, bounce("other", "b@example.org", reason=Reason.UNKNOWN)))
    deliver_all(ledger)
    told = ledger.privacy.outline(USER)
    rehearsed = ledger.privacy.forget(USER, BY, dry_run=True)
    assert (told.messages, told.events, told.records) == (7, 7, 1)
    assert rehearsed == told
    assert ledger.privacy.forget(USER, BY) == told
    assert {event.recipient for event in ledger.lists.events() if event.message_digest != "other"} != {USER}
    assert not any(USER in repr(each) for each in ledger.lists.events())
    assert [each.mails for each in ledger.review.page(Query(), PagePosition()).rows] == [1]
    assert ledger.privacy.outline(USER).events == 0


def test_a_later_report_finds_it_and_leaves_no_words(ledger: Ledger) -> None:
    record(ledger, page(bounce("m1")))
    deliver_all(ledger)
    ledger.privacy.forget(USER, BY)
    platform = Platform()
    outcome = record(ledger, [mail(bounce("m2", at=day(3)), bounce("m2", "b@example.org", at=day(3)))], platform)
    assert (outcome.events, outcome.suppressed) == (2, 1)
    assert {it.recipient for it in platform.told if it.type is NoticeType.SUPPRESSED} == {"b@example.org"}
    (_, later) = ledger.lists.events(EventFilter(USER))
    assert (later.diagnostic, later.quote, later.sent_message_id) == (None, None, None)
    assert ledger.lists.message("m2") is None
    assert record(ledger, page(bounce("m1"), bounce("m2", at=day(3)))).events == 0


def test_it_can_be_released_under_its_own_name(ledger: Ledger) -> None:
    record(ledger, page(bounce("m1")))
    deliver_all(ledger)
    ledger.privacy.forget(USER, BY)
    platform = Platform()
    assert ledger.suppressions.release(USER, None, Actor("jo", day(5), "is back"), announce=platform) == 1
    assert [it.recipient for it in platform.told] == [USER]
    assert list(ledger.lists.suppressions()) == []
    ledger.suppressions.suppress(USER, "default", Actor("jo", day(6), "asked"), announce=platform)
    assert [it.recipient for it in ledger.lists.suppressions()] != [USER]
    assert len(ledger.lists.recipients(USER)) == 1


def test_a_webhook_that_is_due_is_kept_until_it_is_delivered(ledger: Ledger) -> None:
    record(ledger, page(bounce("m1")))
    assert ledger.privacy.forget(USER, BY).due == 1
    assert ledger.privacy.finish_forgetting() is None
    assert ledger.privacy.forget(USER, BY).due == 1, "it is still due"
    assert [it.recipient for it in deliver_all(ledger)] == [USER]
    (told,) = ledger.lists.outbox(OutboxFilter(recipient=USER))
    assert USER not in repr(told)
    assert (told.body, told.last_answer) == ("{}", None)
    again = ledger.privacy.forget(USER, BY)
    assert (again.webhooks, again.due, again.events) == (0, 0, 0)


def test_mail_that_names_it_anywhere_is_dropped(ledger: Ledger) -> None:
    record(ledger, [mail(digest="a user@EXAMPLE.org b", kind=Kind.AUTO_REPLY), mail(digest="c", kind=Kind.OTHER)])
    seen: list[int] = []
    assert ledger.privacy.forget(USER, BY, advance=seen.append).messages == 1
    assert sum(seen) == 2
    assert ledger.lists.message("a user@EXAMPLE.org b") is None
    assert ledger.lists.message("c") is not None


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_rehearsal_erases_nothing(ledger: Ledger, *, dry_run: bool) -> None:
    record(ledger, page(bounce("m1")))
    erased = ledger.privacy.forget(USER, BY, dry_run=dry_run)
    assert (erased.messages, erased.events, erased.suppressions) == (1, 1, 1)
    assert ([it.recipient for it in ledger.lists.events()] == [USER]) is dry_run
    assert (ledger.lists.message("m1") is not None) is dry_run


def test_what_is_over_is_over(ledger: Ledger) -> None:
    ledger.suppressions.suppress(USER, "default", Actor("jo", START, "asked"), announce=Platform(), until=day(2))
    deliver_all(ledger)
    ledger.privacy.forget(USER, BY)
    assert ledger.suppressions.expire(day(3), Platform()) == 1
    assert [it.state for it in ledger.lists.recipients(USER)] == [State.RELEASED]


def test_what_was_done_by_hand_leads_back_to_nobody(ledger: Ledger) -> None:
    record(ledger, page(bounce("m1", "User@example.org"), bounce("m2", "other@example.org")))
    links = ledger.names
    for address in ("User@example.org", "other@example.org"):
        ledger.log.enter(Act(Actor("jo", day(1), f"{address} wrote"), "release", recipient=address))
    ledger.privacy.forget("user@example.org", BY)
    (hidden,) = ledger.lists.recipients("user@example.org")
    done = {links.address(each.subject): each.because for each in ledger.log.newest()}
    assert done == {hidden.recipient: None, "other@example.org": "other@example.org wrote"}
