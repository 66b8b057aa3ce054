"""Figures against the events themselves, on both databases, over times that cut hours and days."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bounce_watcher.ledger.lists.figures import ALL, Of, Sent, Span
from bounce_watcher.ledger.lists.filters import GroupBy
from bounce_watcher.ledger.recording.report_counts import DAY, HOUR
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import Actor, BounceEvent, State
from bounce_watcher.model.sending import SentCount
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.guards.outages import provider
from tests.families import for_each
from tests.ledger.making import START, Platform, bounce, day, page, record

pytestmark = pytest.mark.dialects

REASONS = (Reason.INVALID_RECIPIENT, Reason.MAILBOX_FULL, Reason.BAD_REPUTATION, None)
MIDNIGHT = START.replace(hour=0)


def _event(n: int) -> BounceEvent:
    address, stream = f"u{n}@{('gmail.com', 'outlook.com', 'd.example')[n % 3]}", ("news", "shop")[n % 2]
    at = START + timedelta(minutes=97 * n)
    if n % 11 == 0:
        return bounce(f"m{n}", address, at=at, stream=stream, kind=Kind.COMPLAINT, action=None, reason=None,
                      feedback_type="abuse" if n % 22 else "not-spam")
    return replace(bounce(f"m{n}", address, at=at, stream=stream, reason=REASONS[n % 4]),
                   sending=f"week {n // 50}" if n % 5 else None)


EVENTS = [_event(n) for n in range(200)]
READ: dict[GroupBy, Callable[[BounceEvent], str]] = {
    GroupBy.STREAM: lambda event: event.stream, GroupBy.PROVIDER: provider,
    GroupBy.SENDING: lambda event: event.sending or "",
    GroupBy.TYPE: lambda event: event.type or "", GroupBy.REASON: lambda event: event.reason or "",
}
SPANS = [
    Span(MIDNIGHT, MIDNIGHT + 14 * DAY),
    Span(START + timedelta(minutes=7), START + timedelta(days=3, hours=5, minutes=41)),
    Span(START + timedelta(minutes=7), START + timedelta(minutes=47)),
    Span(START + timedelta(hours=3), START + timedelta(hours=30, minutes=1)),
    Span(START, START),
]


def counted(span: Span, wanted: Callable[[BounceEvent], bool], parts: Sequence[GroupBy]) -> Counter[tuple[str, ...]]:
    return Counter(
        tuple(str(READ[part](event)) for part in parts)
        for event in EVENTS if event.type and span.since <= event.at < span.until and wanted(event)
    )


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    record(ledger, page(*EVENTS))
    return ledger


@for_each("span", SPANS)
@for_each(("of", "wanted"), [
    (ALL, lambda _: True),
    (Of(stream="news"), lambda event: event.stream == "news"),
    (Of(type="hard"), lambda event: event.type == "hard"),
    (Of(reason="mailbox_full"), lambda event: event.reason == "mailbox_full"),
    (Of(reason=""), lambda event: event.reason is None),
    (Of(providers=("google.com", "d.example")), lambda event: provider(event) in {"google.com", "d.example"}),
    (Of(stream="shop", providers=("outlook.com",)), lambda event: event.stream == "shop"
     and provider(event) == "outlook.com"),
    (Of(sendings=("week 1",)), lambda event: event.sending == "week 1"),
    (Of(sendings=("week 0",), providers=("google.com",)), lambda event: event.sending == "week 0"
     and provider(event) == "google.com"),
])
def test_totals_are_those_of_the_events(
    filled: Ledger, span: Span, of: Of, wanted: Callable[[BounceEvent], bool]
) -> None:
    for parts in ((), (GroupBy.TYPE,), (GroupBy.TYPE, GroupBy.REASON), (GroupBy.STREAM,)):
        found = filled.figures.totals(span, of, *parts)
        assert {key: many for key, many in found.items() if many} == counted(span, wanted, parts)


@for_each("span", SPANS)
def test_providers_add_up_to_all(filled: Ledger, span: Span) -> None:
    parts = (GroupBy.PROVIDER, GroupBy.TYPE)
    assert filled.figures.totals(span, ALL, *parts) == counted(span, lambda _: True, parts)


@for_each("length", [HOUR, DAY])
@for_each("of", [ALL, Of(providers=("google.com",)), Of(sendings=("week 1",))])
def test_slots_add_up_to_totals(filled: Ledger, length: timedelta, of: Of) -> None:
    span = SPANS[0]
    slots = filled.figures.slots(span, length, of, GroupBy.TYPE)
    assert all((at - MIDNIGHT) % length == timedelta(0) for at, _ in slots)
    total: Counter[tuple[str, ...]] = Counter()
    for (_, values), many in slots.items():
        total[values] += many
    assert total == filled.figures.totals(span, of, GroupBy.TYPE)
    inside = Span(START, START + HOUR) if length == HOUR else Span(MIDNIGHT, MIDNIGHT + DAY)
    of_first = {values: many for (at, values), many in slots.items() if at == inside.since}
    assert of_first == filled.figures.totals(inside, of, GroupBy.TYPE)


@for_each("length", [HOUR, DAY])
def test_the_most_come_first_and_all_are_counted(filled: Ledger, length: timedelta) -> None:
    totals = filled.figures.totals(SPANS[0], ALL, GroupBy.PROVIDER)
    names, how_many = filled.figures.top(SPANS[0], length, ALL, GroupBy.PROVIDER, 2)
    assert [totals[(name,)] for name in names] == sorted(totals.values(), reverse=True)[:2]
    assert how_many == len(totals) == 3
    sendings, how_many = filled.figures.top(SPANS[0], length, ALL, GroupBy.SENDING, 10)
    assert ("" not in sendings, how_many) == (True, 4)
    assert filled.figures.top(Span(day(-9), day(-8)), length, ALL, GroupBy.PROVIDER, 2) == ([], 0)


def test_hours_that_are_counted_no_more_are_read_in_the_events(ledger: Ledger) -> None:
    record(ledger, page(*EVENTS))
    ledger.history.purge_counts(day(5))
    for span in SPANS:
        assert ledger.figures.totals(span, ALL)[()] == counted(span, lambda _: True, ())[()]


def test_first_and_last(ledger: Ledger) -> None:
    figures = ledger.figures
    assert (figures.first_day(), figures.last_at(), figures.first_at("week 1")) == (None, None, None)
    record(ledger, page(*EVENTS))
    of_google = [event for event in EVENTS if provider(event) == "google.com"]
    of_week = [event for event in EVENTS if event.sending == "week 1" and event.stream == "news"]
    assert figures.first_day() == MIDNIGHT
    assert figures.last_at() == EVENTS[-1].at
    assert figures.last_at(Of(providers=("google.com",))) == of_google[-1].at
    assert figures.first_at("week 1") == min(event.at for event in EVENTS if event.sending == "week 1")
    assert figures.days_of(["week 1", "none"], "news") == {
        "week 1": (of_week[0].at.replace(hour=0, minute=0), of_week[-1].at.replace(hour=0, minute=0))
    }
    newest = figures.newest(SPANS[0], Of(providers=("google.com",)), 3)
    assert [event.id for event in newest] == [event.id for event in reversed(of_google) if event.type][:3]


def test_newly_suppressed_are_addresses_whatever_became_of_them(ledger: Ledger) -> None:
    complaint = bounce("c", "c@d.example", at=day(1), kind=Kind.COMPLAINT, action=None, reason=None,
                       feedback_type="abuse")
    record(ledger, page(bounce("a", "a@d.example", at=day(1)), complaint,
                        bounce("b", "a@d.example", at=day(1), stream="shop")))
    ledger.suppressions.suppress("d@d.example", "shop", Actor("jo", day(1), "asked"), announce=Platform())
    ledger.suppressions.release("a@d.example", None, Actor("jo", day(2), "mended"), announce=Platform())
    found = ledger.figures.suppressed(Span(day(0), day(3)))
    assert (found.addresses, found.complaints) == (3, 1)
    assert ledger.figures.suppressed(Span(day(0), day(3)), "shop").addresses == 2
    assert ledger.figures.suppressed(Span(day(2), day(3))).addresses == 0
    assert ledger.figures.suppressed_by_stream(Span(day(0), day(3))) == {"default": 2, "shop": 2}
    latest = ledger.figures.latest_changes(2)
    assert [(change.recipient, change.state) for change in latest] == [("a@d.example", State.RELEASED)] * 2
    assert {change.stream for change in ledger.figures.latest_changes(9, "shop")} == {"shop"}
    assert ledger.figures.held() == 0


def test_who_of_a_sending_is_suppressed_now(ledger: Ledger) -> None:
    for n in range(3):
        record(ledger, page(replace(bounce(f"m{n}", f"u{n}@d.example", at=day(n)), sending="spring")))
    ledger.suppressions.release("u0@d.example", None, Actor("jo", day(5), "mended"), announce=Platform())
    assert ledger.figures.suppressed_of("spring", "default") == 2
    assert ledger.figures.suppressed_of("spring", "shop") == ledger.figures.suppressed_of(
        "summer", "default"
    ) == 0


def test_what_was_sent_is_known_if_it_was_before(ledger: Ledger) -> None:
    first = START.date()
    ledger.recording.put_counts([
        SentCount(first, "news", "d.example", 100, "spring"), SentCount(first, "news", "e.example", 50, "spring"),
        SentCount(first + timedelta(days=2), "news", "d.example", 10, "summer"),
        SentCount(first + timedelta(days=2), "shop", "d.example", 7),
    ])
    after, behind = first + timedelta(days=1), first + timedelta(days=9)
    assert ledger.figures.sent(first, behind) == {"news": Sent(160, True), "shop": Sent(7, False)}
    assert ledger.figures.sent(after, behind) == {"news": Sent(10, True), "shop": Sent(7, False)}
    assert ledger.figures.sent(after + timedelta(days=60), behind + timedelta(days=60)) == {}
    assert ledger.figures.sent_of(["spring", "summer", ""], "news") == {"spring": 150, "summer": 10}
    assert ledger.figures.sent_of(["spring"], "shop") == {}
