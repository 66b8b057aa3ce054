"""Lists in parts: one after the other they are the whole, however short each is cut."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from bounce_watcher.ledger.db import paging
from bounce_watcher.ledger.db.paging import TimeLimit, looking
from bounce_watcher.ledger.lists import lists
from bounce_watcher.ledger.lists.filters import EventFilter, SuppressionFilter
from bounce_watcher.ledger.lists.lists import Portion
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import Actor, State
from bounce_watcher.model.verdict import BounceType, Reason
from tests.families import for_each
from tests.ledger.making import START, Platform, bounce, day, page, record

_REASONS = (Reason.INVALID_RECIPIENT, Reason.MAILBOX_FULL, Reason.INVALID_RECIPIENT, Reason.SPAM)


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    events = [
        bounce(f"m{n:02}", f"u{n % 13:02}@example.org", at=day(n // 4), stream=("news", "shop", "news")[n % 3],
               reason=_REASONS[n % 4])
        for n in range(40)
    ]
    odd = bounce("m50", "a@example.org", at=day(4), kind=Kind.COMPLAINT, action=None, reason=None)
    late = bounce("m51", "A@example.org", at=day(6), kind=Kind.DELAY, action=Action.DELAYED,
                  reason=Reason.NETWORK_ERROR)
    record(ledger, page(*events, odd, late))
    ledger.suppressions.suppress("every@example.org", "default", Actor("jo", START, ""), announce=Platform())
    return ledger


@contextmanager
def _at_its_end(engine: Engine) -> Iterator[tuple[Connection, TimeLimit]]:
    """The time is over when the first rows have been looked at."""
    with looking(engine) as (connection, limit):
        limit.end()
        yield connection, limit


@pytest.fixture
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "_FIRST_STRETCH", 3)
    monkeypatch.setattr(lists, "looking", _at_its_end)


@pytest.fixture(params=["in time", "hurried"])
def _pace(request: pytest.FixtureRequest) -> None:
    if request.param == "hurried":
        request.getfixturevalue("_hurried")


def _all(read: Callable[[Any], Portion[Any, Any]], wanted: Any) -> Iterator[Any]:
    for number in count():
        part = read(wanted)
        yield from part.rows
        if part.following is None:
            return
        assert number < 99
        wanted = replace(wanted, after=part.following)


@pytest.mark.usefixtures("_pace")
@for_each("wanted", [
    EventFilter(),
    EventFilter(stream="shop"),
    EventFilter(stream="nowhere"),
    EventFilter(kind=Kind.COMPLAINT),
    EventFilter(bounce_type=BounceType.SOFT, stream="news"),
    EventFilter(reason=Reason.SPAM),
    EventFilter(reason=Reason.INVALID_RECIPIENT, stream="shop", since=day(2)),
    EventFilter(recipient="U01@Example.org"),
    EventFilter(recipient="u01@example.org", reason=Reason.MAILBOX_FULL),
    EventFilter(since=day(3), until=day(6)),
    EventFilter(stream="shop", since=day(3), until=day(6)),
    EventFilter(stream="shop", since=day(30)),
], ids=repr)
def test_parts_of_events_are_all_of_them(filled: Ledger, wanted: EventFilter) -> None:
    for asked in (wanted, replace(wanted, newest_first=True)):
        expected = list(filled.lists.events(asked))
        for rows in (1, 4, 100):
            assert list(_all(filled.lists.some_events, replace(asked, limit=rows))) == expected


@pytest.mark.usefixtures("_pace")
@for_each("wanted", [
    SuppressionFilter(),
    SuppressionFilter(stream="shop"),
    SuppressionFilter(stream="nowhere"),
    SuppressionFilter(state=State.SUPPRESSED),
    SuppressionFilter(state=State.PENDING),
    SuppressionFilter(reason="complaint"),
    SuppressionFilter(reason="none", stream="news"),
    SuppressionFilter(recipient="U02@example.org"),
    SuppressionFilter(recipient="u02@example.org", stream="shop"),
], ids=repr)
def test_parts_of_suppressions_are_all_of_them(filled: Ledger, wanted: SuppressionFilter) -> None:
    expected = list(filled.lists.suppressions(wanted))
    for rows in (1, 4, 100):
        assert list(_all(filled.lists.some_suppressions, replace(wanted, limit=rows))) == expected


def test_a_full_part_is_followed(filled: Ledger) -> None:
    part = filled.lists.some_events(EventFilter(limit=3))
    assert len(part.rows) == 3
    assert part.following is not None
    assert part.following.id == part.rows[-1].id
    assert filled.lists.some_events(EventFilter(limit=100)).following is None


@pytest.mark.usefixtures("filled", "_hurried")
def test_a_part_in_which_nothing_was_found_in_time_tells_where_to_go_on(ledger: Ledger) -> None:
    part = ledger.lists.some_events(EventFilter(stream="nowhere", limit=5))
    assert part.rows == ()
    assert part.following is not None
    third = list(ledger.lists.events(EventFilter(limit=3)))[-1]
    assert (part.following.at, part.following.id) == (third.at, third.id)
