"""Lists: filtered, ordered, of any length."""

import pytest

from bounce_watcher.ledger.lists.filters import EventFilter, SuppressionFilter
from bounce_watcher.ledger.lists.lists import PAGE
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import Actor, State
from bounce_watcher.model.verdict import BounceType, Reason
from tests.ledger.making import START, Platform, bounce, day, mail, page, record

_EVENTS = (
    bounce("m1", "a@example.org", at=day(1), stream="news"),
    bounce("m2", "b@example.org", at=day(2), reason=Reason.MAILBOX_FULL),
    bounce("m3", "c@example.org", at=day(3), reason=Reason.SPAM),
    bounce("m4", "a@example.org", at=day(4), kind=Kind.DELAY, action=Action.DELAYED, reason=Reason.NETWORK_ERROR),
    bounce("m5", "a@example.org", at=day(5), kind=Kind.COMPLAINT, action=None, reason=None, stream="news"),
)


@pytest.mark.parametrize(("wanted", "digests"), [
    (EventFilter(), "12345"),
    (EventFilter(newest_first=True), "54321"),
    (EventFilter(recipient="A@Example.org"), "145"),
    (EventFilter(recipient="a@example.org", newest_first=True, limit=2), "54"),
    (EventFilter(stream="news"), "15"),
    (EventFilter(kind=Kind.DELAY), "4"),
    (EventFilter(bounce_type=BounceType.SOFT), "24"),
    (EventFilter(reason=Reason.SPAM), "3"),
    (EventFilter(since=day(2), until=day(4)), "23"),
    (EventFilter(since=day(2), recipient="a@example.org"), "45"),
    (EventFilter(limit=2), "12"),
    (EventFilter(limit=0), ""),
    (EventFilter(recipient="nobody@example.org"), ""),
], ids=repr)
def test_events(ledger: Ledger, wanted: EventFilter, digests: str) -> None:
    record(ledger, page(*_EVENTS))
    assert "".join(event.message_digest[1] for event in ledger.lists.events(wanted)) == digests


def test_events_over_many_pages_each_once(ledger: Ledger) -> None:
    events = [bounce(f"m{n}", f"u{n}@example.org", at=day(n // 400)) for n in range(2 * PAGE + 1)]
    record(ledger, [mail(*events, digest="m")])
    expected = sorted((event.at, event.id) for event in events)
    assert [(event.at, event.id) for event in ledger.lists.events()] == expected
    assert [(event.at, event.id) for event in ledger.lists.events(EventFilter(newest_first=True))] == expected[::-1]


def test_a_list_just_one_page_long(ledger: Ledger) -> None:
    record(ledger, [mail(*(bounce(f"m{n}", f"u{n}@example.org") for n in range(PAGE)), digest="m")])
    assert len(list(ledger.lists.events())) == PAGE
    assert len(list(ledger.lists.suppressions())) == PAGE


def test_list_holds_no_lock_while_it_is_read(ledger: Ledger) -> None:
    record(ledger, [mail(*(bounce(f"m{n}", f"u{n}@example.org") for n in range(PAGE + 1)), digest="m")])
    reading = ledger.lists.events()
    next(reading)
    ledger.upgrade()
    assert record(ledger, page(bounce("another", at=day(100)))).events == 1
    assert [event.message_digest for event in reading][-1] == "another"


@pytest.mark.parametrize(("wanted", "recipients"), [
    (SuppressionFilter(), ["a@example.org", "a@example.org", "b@example.org", "c@example.org"]),
    (SuppressionFilter(recipient="A@example.org"), ["a@example.org", "a@example.org"]),
    (SuppressionFilter(recipient="a@example.org", stream="news"), ["a@example.org"]),
    (SuppressionFilter(state=State.PENDING), []),
    (SuppressionFilter(reason=Reason.INVALID_RECIPIENT), ["a@example.org", "a@example.org"]),
    (SuppressionFilter(reason="complaint"), ["c@example.org"]),
    (SuppressionFilter(limit=1), ["a@example.org"]),
], ids=repr)
def test_suppressions(ledger: Ledger, wanted: SuppressionFilter, recipients: list[str]) -> None:
    record(ledger, page(bounce("m1", "a@example.org"), bounce("m2", "a@example.org", stream="news"),
                        bounce("m3", "c@example.org", kind=Kind.COMPLAINT, action=None, reason=None)))
    ledger.suppressions.suppress("b@example.org", "default", Actor("jo", START, ""), announce=Platform())
    assert [it.recipient for it in ledger.lists.suppressions(wanted)] == recipients
