"""Counts by time against the events themselves, on both databases."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from bounce_watcher.ledger.history.revise import Revision
from bounce_watcher.ledger.lists.figures import ALL, Of, Span
from bounce_watcher.ledger.lists.filters import GroupBy
from bounce_watcher.ledger.recording.report_counts import DAY, HOUR
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import BounceEvent, EventType
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.guards.outages import provider
from tests.ledger.making import START, Platform, bounce, day, decide, page, record

MIDNIGHT = START.replace(hour=0)
WHOLE = Span(MIDNIGHT - 10 * DAY, MIDNIGHT + 10 * DAY)
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


def by_type(events: Iterable[BounceEvent]) -> dict[tuple[str, ...], int]:
    return dict(Counter((event.type.value,) for event in events if event.type))


def slots(ledger: Ledger, length: timedelta, of: Of = ALL, *parts: GroupBy) -> dict[tuple[str, ...], int]:
    """What is counted by slots of that length, summed up."""
    found: Counter[tuple[str, ...]] = Counter()
    for (_, values), number in ledger.figures.slots(WHOLE, length, of, *parts).items():
        found[values] += number
    return dict(found)


@pytest.mark.parametrize(("length", "parts"), [(HOUR, ()), (DAY, ()), (DAY, (GroupBy.PROVIDER,))])
def test_counts_are_those_of_the_events_however_often_they_are_told(
    ledger: Ledger, length: timedelta, parts: tuple[GroupBy, ...]
) -> None:
    record(ledger, page(*EVENTS))
    record(ledger, page(*EVENTS))
    found: Counter[tuple[str, ...]] = Counter()
    for (kind, *_), number in slots(ledger, length, ALL, GroupBy.TYPE, *parts).items():
        found[kind,] += number
    assert dict(found) == by_type(EVENTS) == {
        ("hard",): 2, ("soft",): 1, ("block",): 1, ("undetermined",): 1, ("complaint",): 1,
    }
    assert slots(ledger, length) == {(): 6}


def test_one_sending_one_provider_one_stream(ledger: Ledger) -> None:
    record(ledger, page(*EVENTS))
    assert slots(ledger, DAY, ALL, GroupBy.SENDING, GroupBy.REASON) == {("spring", "invalid_recipient"): 1}
    assert slots(ledger, DAY, Of(providers=("google.com",)), GroupBy.TYPE) == {
        ("hard",): 1, ("soft",): 1, ("block",): 1, ("complaint",): 1,
    }
    assert slots(ledger, DAY, Of(stream="news")) == {(): 1}
    assert slots(ledger, DAY, Of(reason="mailbox_full"), GroupBy.TYPE) == {("soft",): 1}


def test_days_are_those_of_utc(ledger: Ledger) -> None:
    record(ledger, page(*EVENTS))
    days = {begin: number for (begin, _), number in ledger.figures.slots(WHOLE, DAY, ALL).items()}
    assert days == {MIDNIGHT: 1, MIDNIGHT + DAY: 1, MIDNIGHT + 2 * DAY: 4}
    assert ledger.figures.totals(Span(day(0.5), day(1.5)), ALL).total() == 1


def test_what_reads_otherwise_is_counted_otherwise(ledger: Ledger) -> None:
    record(ledger, page(*EVENTS))
    (first, *_) = ledger.lists.events()
    after = replace(first, bounce_type=Reason.BAD_REPUTATION.bounce_type, reason=Reason.BAD_REPUTATION,
                    remote_mta="mx.example.net")
    ledger.history.revise([Revision(first, after)], decide, Platform(), day(5), dry_run=False)
    stored = list(ledger.lists.events())
    assert slots(ledger, DAY, ALL, GroupBy.TYPE) == slots(ledger, HOUR, ALL, GroupBy.TYPE) == by_type(stored)
    assert by_type(stored)[EventType.HARD.value,] == 1
    providers = slots(ledger, DAY, ALL, GroupBy.PROVIDER)
    assert providers == dict(Counter((provider(event),) for event in stored if event.type))


def test_hours_of_long_ago_are_dropped_and_days_stay(ledger: Ledger) -> None:
    record(ledger, page(*EVENTS))
    assert ledger.history.purge_counts(day(1)) >= 2
    assert slots(ledger, HOUR) == {(): 4}
    assert slots(ledger, DAY) == {(): 6}
