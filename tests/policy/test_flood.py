"""The flood guard's arithmetic alone: caps, what is usual, whose a report is."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.grounds import Cap
from bounce_watcher.model.ledger import BounceEvent
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.guards import flood
from bounce_watcher.policy.guards.flood import AGE, Budget, Over, Passed, hour_of, source
from bounce_watcher.policy.guards.limits import FloodSettings
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.words.grounds import text
from bounce_watcher.words.risk import danger
from tests.policy.samples import complaint, failure

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SETTINGS = FloodSettings(report=3, source=6, hour=12, day=24, month=60)


def report(number: int, at: datetime = AT, host: int | None = None) -> BounceEvent:
    host = number if host is None else host
    ip = f"11.{host // 256 % 256}.{host % 256}.1"
    return failure(Reason.INVALID_RECIPIENT, at, message_digest=f"m{number}", client_ip=ip)


def passed(budget: Budget, events: Iterable[BounceEvent]) -> list[BounceEvent]:
    """Those that pass, each counted if it does."""
    found = []
    for event in events:
        if budget.over(event) is None:
            budget.add(event)
            found.append(event)
    return found


def fresh(hours: dict[int, int] | None = None, confirmed: dict[int, int] | None = None) -> Budget:
    return Budget(SETTINGS, Passed(Counter(hours or {}), confirmed or {}), {})


def each_day(number: int, oldest: int, newest: int) -> dict[int, int]:
    """So many in the hour of AT on each day, from so many days before it to so many."""
    hour = hour_of(failure(Reason.INVALID_RECIPIENT, AT))
    return {hour - 24 * day: number for day in range(newest, oldest + 1)}


@pytest.mark.parametrize(("events", "cap", "limit"), [
    ([replace(report(n), message_digest="one") for n in range(20)], Cap.REPORT, 3),
    ([report(n, host=1) for n in range(20)], Cap.SOURCE, 6),
    ([report(n) for n in range(40)], Cap.HOUR, 10),
    ([report(n, AT + n * HOUR / 4) for n in range(60)], Cap.DAY, 20),
    ([report(n, AT + n * 2 * HOUR) for n in range(200)], Cap.MONTH, 50),
])
def test_each_cap(events: list[BounceEvent], cap: Cap, limit: int) -> None:
    budget = fresh()
    assert len(passed(budget, events)) == limit
    over = next(over for event in events if (over := budget.over(event)))
    assert (over.cap, over.limit) == (cap, limit)


def test_a_complaint_has_room_behind_bounces() -> None:
    budget = fresh()
    passed(budget, [report(n) for n in range(40)])
    left = [replace(complaint(AT, message_digest=f"c{n}"), client_ip=f"12.0.{n}.1") for n in range(40)]
    assert len(passed(budget, left)) == 2


@given(st.lists(st.tuples(st.integers(0, 60 * 24 * 40), st.integers(0, 5)), max_size=400))
def test_no_window_holds_more_than_its_cap(moments: list[tuple[int, int]]) -> None:
    """Whatever the times and the order of reports."""
    events = [report(n, AT + timedelta(minutes=minute), host) for n, (minute, host) in enumerate(moments)]
    hours = Counter(map(hour_of, passed(fresh(), events)))
    days = Counter[int]()
    for hour, number in hours.items():
        days[hour // 24] += number
    assert max(hours.values(), default=0) <= 10
    assert all(sum(hours[each] for each in range(hour, hour + 25)) <= 20 for hour in hours)
    assert all(sum(days[each] for each in range(day, day + 31)) <= 50 for day in days)


def test_what_passed_long_ago_is_usual() -> None:
    """Thirty an hour, once a day, two months ago: then sixty pass."""
    budget = fresh(each_day(30, AGE.days + 20, AGE.days + 1))
    assert len(passed(budget, [report(n) for n in range(99)])) == int(60 * flood.BOUNCES)


def test_what_passed_lately_is_not() -> None:
    budget = fresh(each_day(1, AGE.days - 1, 1))
    assert len(passed(budget, [report(n) for n in range(99)])) == 10


def test_two_busy_days_make_nothing_usual() -> None:
    old = AGE.days
    assert len(passed(fresh(each_day(500, old + 2, old + 1)), [report(n) for n in range(99)])) == 10
    assert len(passed(fresh(each_day(500, old + 3, old + 1)), [report(n) for n in range(99)])) == 99


def test_what_a_person_confirmed_is_usual_at_once() -> None:
    assert len(passed(fresh(confirmed=each_day(30, 3, 1)), [report(n) for n in range(99)])) == int(60 * flood.BOUNCES)


def test_what_is_taken_back_leaves_room() -> None:
    budget = fresh()
    events = [report(n) for n in range(40)]
    first, *_ = passed(budget, events)
    budget.add(first, -1)
    assert len(passed(budget, events[-1:])) == 1


@pytest.mark.parametrize(("ip", "host", "name"), [
    ("203.0.113.77", "mx.example.net", "203.0.113.0/24"),
    ("2001:db8:1:2::3", "mx.example.net", "2001:db8:1::/48"),
    (None, "out7.mx.Example.net", "example.net"),
    (None, None, "unknown"),
])
def test_whose_a_report_is(ip: str | None, host: str | None, name: str) -> None:
    assert source(failure(Reason.INVALID_RECIPIENT, AT, client_ip=ip, reporting_mta=host)) == name


def test_what_is_proven() -> None:
    events = [failure(Reason.INVALID_RECIPIENT, AT, evidence=grade) for grade in Evidence]
    assert [each.evidence for each in events if not flood.is_unproven(each)] == [Evidence.TOKEN, Evidence.SIGNATURE]


def test_in_words() -> None:
    assert text(flood.exclusion(Over(Cap.DAY, 120))) == (
        "held back in a flood: unproven, over the limit of 120 within a day"
    )
    assert text(flood.grounds(1, AT, Over(Cap.SOURCE, 50, 3, "203.0.113.0/24"))) == (
        "1 report held since 2 March 2026 09:00 UTC: more than 50 new suppressions by one host within an hour "
        "(203.0.113.0/24), usual 3 would rest on unproven reports"
    )
    assert danger(FloodSettings()).endswith("suppress them, at most 120 a day and 600 in 30 days")
    assert danger(FloodSettings(enabled=False)).endswith("suppress them, any number")


@pytest.mark.parametrize(("grade", "counts"), [(Evidence.REPORT, True), (Evidence.SIGNATURE, False)])
def test_whether_anything_unproven_counts(grade: Evidence, counts: bool) -> None:
    policy = PolicySettings(evidence_hard=Evidence.TOKEN, evidence_soft=Evidence.TOKEN, evidence_complaint=grade)
    assert policy.counts_unproven is counts
