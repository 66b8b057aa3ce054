"""Looking through events and recipients: by every filter, page by page in both directions, within a limit of time."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import event, text

from bounce_watcher.ledger.actions import Act
from bounce_watcher.ledger.db import paging
from bounce_watcher.ledger.db.engine import open_engine
from bounce_watcher.ledger.db.paging import Page, PagePosition, TimeLimit, TookTooLong, looking
from bounce_watcher.ledger.db.query import Choice, FilterField, Query
from bounce_watcher.ledger.lists import browse
from bounce_watcher.ledger.lists.browse import _event_walk
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import Actor, BounceEvent, Decision, State, Step
from bounce_watcher.model.verdict import Reason
from tests.facts import EXCLUDED
from tests.families import for_each
from tests.ledger.making import Platform, bounce, day, page, record

pytestmark = pytest.mark.dialects

REASONS = (Reason.MAILBOX_FULL, Reason.INVALID_RECIPIENT, Reason.BLOCKLISTED, Reason.UNKNOWN, None)


def _events() -> Iterator[BounceEvent]:
    for n in range(60):
        domain = ("gmail.com", "kmu.example", "sub.kmu.example")[n % 3]
        event = bounce(
            f"{n:032x}", f"u{n % 12}@{domain}", at=day(n // 2), reason=REASONS[n % 5],
            stream=("news", "receipts")[n % 2], diagnostic=f"452 Quota 100% of_user {n}",
        )
        yield replace(
            event, sending=("spring", None)[n % 2], rule=("a.full", "b_full", None)[n % 3],
            mailbox=("returns", "other")[n % 2], evidence=(Evidence.TOKEN, Evidence.REPORT)[n % 2],
            status=("4.2.2", None)[n % 2], code=(452, 550)[n % 2],
        )
    yield bounce("c" * 32, "c@gmail.com", at=day(31), reason=None, kind=Kind.COMPLAINT, action=None,
                 feedback_type="abuse")
    yield bounce("d" * 32, "d@gmail.com", at=day(32), reason=None, kind=Kind.DELAY, action=Action.DELAYED)


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    record(ledger, page(*_events()))
    return ledger


def _through(read: Callable[[PagePosition], Page[Any]], rows: int = 7) -> list[Any]:
    """All pages from the newest to the oldest, and back: the same rows both ways."""
    down: list[Any] = []
    found = read(PagePosition(rows=rows))
    down.extend(found.rows)
    while found.older is not None:
        found = read(PagePosition(found.older, rows=rows))
        down.extend(found.rows)
    back = list(found.rows)
    while found.newer is not None:
        found = read(PagePosition(found.newer, newer=True, rows=rows))
        back = [*(row for row in found.rows if row not in back), *back]  # the first page may be filled up
    assert back == down
    return down


@for_each(("wanted", "meant"), [
    (Query(), lambda e: True),
    (Query({FilterField.TYPE: Choice(("hard", "complaint"))}), lambda e: e.type in {"hard", "complaint"}),
    (Query({FilterField.TYPE: Choice(("other",))}), lambda e: e.type is None),
    (Query({FilterField.TYPE: Choice((), ("soft", "other"))}), lambda e: e.type not in {"soft", None}),
    (Query({FilterField.TYPE: Choice(("undetermined",))}), lambda e: e.type == "undetermined"),
    (Query({FilterField.REASON: Choice(("mailbox_full",))}), lambda e: e.reason == "mailbox_full"),
    (Query({FilterField.REASON: Choice(("",))}), lambda e: e.reason is None),
    (Query({FilterField.REASON: Choice(("mailbox_full", "unknown"))}),
     lambda e: e.reason in {"mailbox_full", "unknown"}),
    (Query({FilterField.REASON: Choice((), ("mailbox_full",))}), lambda e: e.reason != "mailbox_full"),
    (Query({FilterField.PROVIDER: Choice(("google.com",))}), lambda e: e.recipient.endswith("@gmail.com")),
    (Query({FilterField.DOMAIN: Choice(("kmu.example",))}), lambda e: e.recipient.endswith("@kmu.example")),
    (Query({FilterField.DOMAIN: Choice(("KMU.example", "gmail.com"))}),
     lambda e: not e.recipient.endswith("sub.kmu.example")),
    (Query({FilterField.DOMAIN: Choice((), ("gmail.com",))}), lambda e: not e.recipient.endswith("@gmail.com")),
    (Query({FilterField.DOMAIN: Choice(("%",))}), lambda e: False),
    (Query({FilterField.STREAM: Choice(("news",))}), lambda e: e.stream == "news"),
    (Query({FilterField.CAMPAIGN: Choice(("spring",))}), lambda e: e.sending == "spring"),
    (Query({FilterField.CAMPAIGN: Choice((), ("spring",))}), lambda e: e.sending != "spring"),
    (Query({FilterField.CODE: Choice(("4.2.2",))}), lambda e: e.status == "4.2.2"),
    (Query({FilterField.CODE: Choice(("550", "4.2.2"))}), lambda e: e.code == 550 or e.status == "4.2.2"),
    (Query({FilterField.CODE: Choice((), ("550",))}), lambda e: e.code != 550),
    (Query({FilterField.RULE: Choice(("b_full",))}), lambda e: e.rule == "b_full"),
    (Query({FilterField.RULE: Choice((), ("b_full",))}), lambda e: e.rule != "b_full"),
    (Query({FilterField.MAILBOX: Choice(("other",))}), lambda e: e.mailbox == "other"),
    (Query({FilterField.MATCH: Choice(("token",))}), lambda e: e.evidence == "token"),
    (Query(words=("QUOTA 100%", "of_user 1")), lambda e: "of_user 1" in (e.diagnostic or "")),
    (Query(words=("of%user",)), lambda e: False),
    (Query(recipient="U3@gmail.com"), lambda e: e.recipient == "u3@gmail.com"),
    (Query(since=day(5), until=day(9)), lambda e: day(5) <= e.at < day(9)),
    (Query({FilterField.STREAM: Choice(("news",)), FilterField.REASON: Choice(("mailbox_full",)),
            FilterField.PROVIDER: Choice(("google.com",))},
           since=day(2)),
     lambda e: e.stream == "news" and e.reason == "mailbox_full" and "gmail" in e.recipient and e.at >= day(2)),
    (Query({FilterField.REASON: Choice(("a\0b\ud800",))}), lambda e: False),
])
def test_each_filter_finds_what_it_says(filled: Ledger, wanted: Query, meant: Callable[[BounceEvent], bool]) -> None:
    stored = list(filled.lists.events())
    expected = sorted((e for e in stored if meant(e)), key=lambda e: (e.at, e.id), reverse=True)
    assert _through(lambda place: filled.browsing.event_page(wanted, place)) == expected
    assert list(filled.browsing.all_events(wanted)) == expected
    facets = filled.browsing.event_facets(wanted)
    assert facets is not None
    assert (facets.total, facets.more) == (len(expected), False)
    for counts in facets.counts.values():
        assert sum(counts.values()) == len(expected), "every facet adds up to the list"
    types = facets.counts[FilterField.TYPE]
    assert types == {name: n for name in {e.type or "other" for e in expected}
                     if (n := sum((e.type or "other") == name for e in expected))}


def test_no_row_twice_and_none_lost_while_others_are_added(filled: Ledger) -> None:
    """Newer ones come before the first page; those that come late with an old time are not skipped over."""
    stored = {event.id for event in filled.lists.events()}
    seen: list[str] = []
    place, n = PagePosition(rows=5), 0
    while True:
        found = filled.browsing.event_page(Query(), place)
        seen += [event.id for event in found.rows]
        n += 1
        record(filled, page(bounce(f"n{n:031x}", at=day(100 + n)), bounce(f"o{n:031x}", at=day(n % 30))))
        if found.older is None:
            break
        place = PagePosition(found.older, rows=5)
    assert len(seen) == len(set(seen))
    assert stored <= set(seen)


def test_the_page_before_is_reached_again_after_rows_were_added(filled: Ledger) -> None:
    first = filled.browsing.event_page(Query(), PagePosition(rows=5))
    second = filled.browsing.event_page(Query(), PagePosition(first.older, rows=5))
    record(filled, page(*(bounce(f"n{n:031x}", at=day(100 + n)) for n in range(3))))
    before = filled.browsing.event_page(Query(), PagePosition(second.newer, newer=True, rows=5))
    assert before.rows == first.rows
    assert before.newer is not None
    newest = filled.browsing.event_page(Query(), PagePosition(before.newer, newer=True, rows=5))
    assert [event.at for event in newest.rows][:3] == [day(102), day(101), day(100)]
    assert (len(newest.rows), newest.newer) == (5, None)


def test_beyond_a_time_that_is_asked_for_nothing_is_looked_for(filled: Ledger, ledger_url: str) -> None:
    """A place may stand in the address since another time was asked for."""
    walk = _event_walk(Query(since=day(10), until=day(20)))
    engine, asked = open_engine(ledger_url), list[str]()
    with looking(engine) as (connection, limit):
        event.listen(connection, "before_cursor_execute", lambda _, __, statement, *more: asked.append(statement))
        older = walk.page(connection, limit, PagePosition((day(5), "x"), rows=5))
        assert asked == []
        newer = walk.page(connection, limit, PagePosition((day(25), "x"), newer=True, rows=5))
        first = walk.page(connection, limit, PagePosition(rows=5))
        back = walk.page(connection, limit, PagePosition(older.newer, newer=True, rows=5))
    engine.dispose()
    assert (older.rows, older.older) == ((), None)
    assert newer.rows == first.rows, "the beginning"
    assert back.rows[-1].at == min(each.at for each in filled.browsing.all_events(Query(since=day(10), until=day(20))))


class _Soon(TimeLimit):
    """Over after some looks."""

    def __init__(self, looks: int) -> None:
        self._left = looks

    @property
    def is_over(self) -> bool:
        self._left -= 1
        return self._left < 0

    @is_over.setter
    def is_over(self, value: bool) -> None: ...


def test_what_takes_long_is_cut_off_and_goes_on_from_there(ledger_url: str, ledger: Ledger) -> None:
    many = [bounce(f"{n:032x}", f"u{n}@example.org", at=day(n / 1000)) for n in range(2500)]
    rare = replace(many[3], rule="rare")
    noted = Decision(Step.NOTE, ByPerson("noted"), exclusion=EXCLUDED)
    ledger.recording.record(page(*many[:3], rare, *many[4:]), lambda *_: noted, Platform())
    walk = _event_walk(Query({FilterField.RULE: Choice(("rare",))}))
    engine = open_engine(ledger_url)
    with looking(engine) as (connection, _):
        cut = walk.page(connection, _Soon(0), PagePosition())
        assert cut.rows == ()
        assert cut.looked_back_to == cut.older
        assert cut.looked_back_to is not None
        assert cut.looked_back_to[0] == many[-1000].at, "a thousand rows were looked at"
        found = walk.page(connection, TimeLimit(), PagePosition(cut.older))
    engine.dispose()
    assert [row.id for row in found.rows] == [rare.id]
    assert found.looked_back_to is None


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page ends behind its first few rows."""
    monkeypatch.setattr(paging, "_FIRST_STRETCH", 3)
    monkeypatch.setattr(browse, "looking", lambda engine, *_: looking(engine, enough=0))


@pytest.mark.usefixtures("hurried")
@for_each("wanted", [
    Query({FilterField.STREAM: Choice(("news",))}),
    Query({FilterField.STREAM: Choice(("news",))}, since=day(2), until=day(20)),
    Query({FilterField.REASON: Choice(("mailbox_full",)), FilterField.STREAM: Choice(("news",))}),
    Query({FilterField.RULE: Choice(("none",))}),
])
def test_pages_that_stop_early_lose_nothing(filled: Ledger, wanted: Query) -> None:
    assert _through(lambda place: filled.browsing.event_page(wanted, place)) == list(filled.browsing.all_events(wanted))
    found = filled.browsing.event_facets(wanted)
    assert found is not None
    assert found.total <= len(list(filled.browsing.all_events(wanted)))


@pytest.mark.usefixtures("hurried")
def test_what_was_not_counted_is_told(filled: Ledger) -> None:
    found = filled.browsing.event_facets(Query({FilterField.STREAM: Choice(("news",))}))
    assert found is not None
    assert found.more


def test_no_worker_is_started_for_a_page(ledger_url: str, ledger: Ledger) -> None:
    engine = open_engine(ledger_url)
    if engine.dialect.name == "postgresql":
        with looking(engine) as (connection, _):
            assert connection.scalar(text("SHOW max_parallel_workers_per_gather")) == "0"
        with engine.connect() as connection:
            assert connection.scalar(text("SHOW max_parallel_workers_per_gather")) != "0", "for others all is as it was"
    engine.dispose()


def test_a_query_ends_at_its_limit_on_either_database(ledger_url: str, ledger: Ledger) -> None:
    engine = open_engine(ledger_url)
    slow = text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000000) "
                "SELECT count(*) FROM n")
    with pytest.raises(TookTooLong), looking(engine, within=0.2) as (connection, limit):
        connection.execute(slow)
    with looking(engine, enough=60) as (connection, limit):
        assert connection.scalar(text("SELECT 1")) == 1
        assert not limit.is_over
    engine.dispose()


# ── recipients ──────────────────────────────────────────────────────────────────────────────────────────────────────

NOW = day(40)


@pytest.fixture
def changed(filled: Ledger) -> Ledger:
    """Watched, suppressed, released: by reports and by hand."""
    for n in range(6):
        filled.suppressions.suppress(f"u{n}@gmail.com", "news", Actor("jo", day(33 + n), "asked"),
                        announce=Platform(now=day(33 + n)))
    filled.suppressions.release("u1@gmail.com", None, Actor("jo", day(39), "back"), announce=Platform(now=day(39)))
    return filled


@pytest.mark.usefixtures("hurried")
@for_each("wanted", [
    Query(), Query({FilterField.STREAM: Choice(("news",))}), Query({FilterField.DOMAIN: Choice(("gmail.com",))}),
    Query({FilterField.PROVIDER: Choice(("google.com",))}, since=day(20), until=day(38)),
])
def test_recipients_of_all_states_stand_in_one_order_where_pages_stop_early(changed: Ledger, wanted: Query) -> None:
    found = _through(lambda place: changed.browsing.recipient_page(wanted, place, NOW), rows=4)
    assert found == list(changed.browsing.all_recipients(wanted, NOW))


@for_each("wanted", [
    Query(), Query({FilterField.STATE: Choice(("suppressed",))}),
    Query({FilterField.STATE: Choice((), ("suppressed",))}),
    Query({FilterField.STATE: Choice(("watching", "released"))}), Query({FilterField.STREAM: Choice(("news",))}),
    Query({FilterField.DOMAIN: Choice(("kmu.example",))}), Query({FilterField.PROVIDER: Choice(("google.com",))}),
    Query({FilterField.PROVIDER: Choice((), ("google.com",))}),
    Query({FilterField.REASON: Choice(("invalid_recipient", ""))}),
    Query(since=day(20), until=day(38)),
])
def test_recipients_stand_once_a_stream_the_last_changed_first(changed: Ledger, wanted: Query) -> None:
    found = _through(lambda place: changed.browsing.recipient_page(wanted, place, NOW), rows=4)
    assert found == list(changed.browsing.all_recipients(wanted, NOW))
    assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)
    assert len({(each.recipient, each.stream) for each in found}) == len(found)
    records = {(r.recipient, r.stream): r for each in found for r in changed.lists.recipients(each.recipient)}
    for each in found:
        stored = records[each.recipient, each.stream]
        assert (each.state, each.grounds) == (stored.state, stored.grounds)
        assert each.until == (stored.suppression.until if stored.suppression else None)
        at = [event.at for event in changed.browsing.all_events(Query({FilterField.STREAM: Choice((each.stream,))},
                                                             recipient=each.recipient))
              if event.action == "failed" and event.at >= day(10)]
        assert each.bounces == len(at)
    facets = changed.browsing.recipient_facets(wanted)
    assert facets is not None
    assert facets.total == len(found)
    assert sum(facets.counts[FilterField.STATE].values()) == len(found)


def test_who_was_released_is_no_more_among_the_suppressed(changed: Ledger) -> None:
    by_state = {
        state: [each.recipient for each in changed.browsing.all_recipients(Query({FilterField.STATE: Choice((state,))}),
                                                                           NOW)]
        for state in State
    }
    assert by_state[State.RELEASED] == ["u1@gmail.com"]
    assert "u1@gmail.com" not in by_state[State.SUPPRESSED]
    assert by_state[State.SUPPRESSED][:4] == ["u5@gmail.com", "u4@gmail.com", "u3@gmail.com", "u2@gmail.com"]


def test_recipients_are_not_lost_while_their_states_change(changed: Ledger) -> None:
    first = changed.browsing.recipient_page(Query(), PagePosition(rows=5), NOW)
    changed.suppressions.suppress("new@kmu.example", "news", Actor("jo", day(41), "x"), announce=Platform())
    rest: list[Any] = []
    place = PagePosition(first.older, rows=5)
    while True:
        found = changed.browsing.recipient_page(Query(), place, NOW)
        rest += found.rows
        if found.older is None:
            break
        place = PagePosition(found.older, rows=5)
    everybody = list(changed.browsing.all_recipients(Query(), NOW))
    assert [*first.rows, *rest] == everybody[1:]
    back = changed.browsing.recipient_page(Query(), PagePosition(first.older, newer=True, rows=5), NOW)
    assert "new@kmu.example" in [each.recipient for each in back.rows]


# ── actions ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_actions_by_who_did_what_and_when(ledger: Ledger) -> None:
    def act(at: datetime, actor: str, action: str) -> None:
        ledger.log.enter(Act(Actor(actor, at, "because"), action, "subject"), 2)

    for n in range(9):
        act(day(n), ("jo", "petra")[n % 2], ("release", "suppress", "forget")[n % 3])
    everything = _through(lambda place: ledger.log.page(Query(), place), rows=2)
    assert [done.at for done in everything] == [day(n) for n in reversed(range(9))]
    assert everything == list(ledger.log.all(Query()))
    wanted = Query(
        {FilterField.ACTOR: Choice(("jo",)), FilterField.ACTION: Choice((), ("forget",))}, since=day(1), until=day(8)
    )
    assert [done.at for done in ledger.log.all(wanted)] == [day(6), day(4)]
    assert [done.at for done in ledger.log.on("subject", 2)] == [day(8), day(7)]
    assert ledger.log.on("another") == []
