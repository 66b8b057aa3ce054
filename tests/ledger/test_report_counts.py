"""Counts by time against the events themselves, on both databases."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest

from bounce_watcher.ledger.history.revise import Revision
from bounce_watcher.ledger.recording.report_counts import Asked, CountBy, CountScope, start_of
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import BounceEvent, EventType
from bounce_watcher.model.verdict import Reason
from tests.ledger.making import START, Platform, bounce, day, decide, page, record

WHOLE = (day(-10), day(10))
EVENTS = [
    bounce("m1", "a@gmail.com"),
    bounce("m2", "b@gmail.com", at=day(0.5), reason=Reason.MAILBOX_FULL),
    bounce("m3", "b@gmail.com", at=day(1.5), reason=Reason.BAD_REPUTATION, stream="news"),
    replace(bounce("m4", "c@example.org", at=day(2)), sending="spring"),
    bounce("m5", "c@example.org", at=day(2), reason=None),
    bounce("m6", "a@gmail.com", at=day(2), kind=Kind.COMPLAINT, action=None, reason=None, feedback_type="abuse"),
    bounce("m7", "a@gmail.com", at=day(2), kind=Kind.COMPLAINT, action=None, reason=None, feedback_type="not-spam"),
    bounce("m8", "d@example.org", at=day(2), kind=Kind.DELAY, action=Action.DELAYED),
]


def by_type(events: Iterable[BounceEvent]) -> dict[tuple[str | int, ...], int]:
    return dict(Counter((event.type.value,) for event in events if event.type))


@pytest.mark.parametrize("scope", [CountScope.HOUR, CountScope.DAY, CountScope.PROVIDER])
def test_counts_are_those_of_the_events_however_often_they_are_told(ledger: Ledger, scope: CountScope) -> None:
    record(ledger, page(*EVENTS))
    record(ledger, page(*EVENTS))
    assert ledger.browsing.count_reports(Asked(scope, *WHOLE), CountBy.TYPE) == by_type(EVENTS) == {
        ("hard",): 2, ("soft",): 1, ("block",): 1, ("undetermined",): 1, ("complaint",): 1,
    }
    assert ledger.browsing.count_reports(Asked(scope, *WHOLE)) == {(): 6}


def test_one_sending_one_provider_one_stream(ledger: Ledger) -> None:
    record(ledger, page(*EVENTS))
    assert ledger.browsing.count_reports(
        Asked(CountScope.SENDING, *WHOLE), CountBy.SUBJECT, CountBy.REASON
    ) == {("spring", "invalid_recipient"): 1}
    assert ledger.browsing.count_reports(Asked(CountScope.PROVIDER, *WHOLE, subject="google.com"), CountBy.TYPE) == {
        ("hard",): 1, ("soft",): 1, ("block",): 1, ("complaint",): 1,
    }
    assert ledger.browsing.count_reports(Asked(CountScope.DAY, *WHOLE, stream="news")) == {(): 1}
    assert ledger.browsing.count_reports(
        Asked(CountScope.DAY, *WHOLE, reason="mailbox_full"), CountBy.TYPE
    ) == {("soft",): 1}


def test_slots_are_those_that_begin_within(ledger: Ledger) -> None:
    record(ledger, page(*EVENTS))
    midnight = START.replace(hour=0)
    slots = ledger.browsing.count_reports(Asked(CountScope.DAY, midnight, day(10)), CountBy.SLOT)
    days = {start_of(int(slot), CountScope.DAY.length): number for (slot,), number in slots.items()}
    assert days == {midnight: 1, midnight.replace(day=2): 1, midnight.replace(day=3): 4}
    assert ledger.browsing.count_reports(Asked(CountScope.DAY, START, day(10))) == {(): 5}
    assert ledger.browsing.count_reports(Asked(CountScope.HOUR, day(0.5), day(1.5))) == {(): 1}


def test_what_reads_otherwise_is_counted_otherwise(ledger: Ledger) -> None:
    record(ledger, page(*EVENTS))
    (first, *_) = ledger.lists.events()
    after = replace(first, bounce_type=Reason.BAD_REPUTATION.bounce_type, reason=Reason.BAD_REPUTATION,
                    remote_mta="mx.example.net")
    ledger.history.revise([Revision(first, after)], decide, Platform(), day(5), dry_run=False)
    stored = list(ledger.lists.events())
    assert ledger.browsing.count_reports(Asked(CountScope.PROVIDER, *WHOLE), CountBy.TYPE) == by_type(stored)
    assert by_type(stored)[(EventType.HARD.value,)] == 1


def test_hours_of_long_ago_are_dropped_and_days_stay(ledger: Ledger) -> None:
    record(ledger, page(*EVENTS))
    assert ledger.history.purge_counts(day(1)) >= 2
    assert ledger.browsing.count_reports(Asked(CountScope.HOUR, *WHOLE)) == {(): 4}
    assert ledger.browsing.count_reports(Asked(CountScope.DAY, *WHOLE)) == {(): 6}
