"""What runs all day must not read whole tables: SQLite's plans of every statement, as it is really sent."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event

from bounce_watcher.ledger.db.engine import open_engine
from bounce_watcher.ledger.db.paging import PagePosition
from bounce_watcher.ledger.db.query import Choice, FilterField, Query
from bounce_watcher.ledger.history.revise import Revision
from bounce_watcher.ledger.lists.figures import Figures, Of, Span
from bounce_watcher.ledger.lists.filters import (
    EventFilter,
    EventPlace,
    GroupBy,
    OutboxFilter,
    SuppressionFilter,
    SuppressionPlace,
)
from bounce_watcher.ledger.recording.report_counts import DAY, HOUR
from bounce_watcher.ledger.review.groups import group_of, group_of_mail
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.ledger.suppressions.rulings import BulkRequest
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import (
    Actor,
    AlertKind,
    Attempt,
    Disposition,
    Misread,
    OutboxState,
    State,
    Unread,
)
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.policy.rulings import Ruling
from tests.facts import BY, an_alert
from tests.families import for_each
from tests.ledger.making import LEASE, START, USER, Platform, bounce, day, decide, mail, page, record, retry_at
from tests.ledger.test_guard import Desk, flood, usual


def _record(ledger: Ledger) -> object:
    for n in range(3):
        softs = (bounce(f"x{n}{m}", f"{m}@example.org", reason=Reason.MAILBOX_FULL, at=day(n)) for m in "ab")
        record(ledger, page(*softs))
    return record(ledger, page(bounce("y", "a@example.org", at=day(90))))


def _send(ledger: Ledger) -> None:
    for n, attempt in enumerate((retry_at(day(1)), Attempt(Disposition.GONE, "410"))):
        for item in ledger.outbox.lease("platform", day(n), LEASE, 2):
            ledger.outbox.conclude([(item, attempt)], day(n))


def _suppress_and_release(ledger: Ledger) -> None:
    ledger.suppressions.suppress(USER, "default", Actor("jo", START, ""), announce=Platform())
    ledger.suppressions.release(USER, None, Actor("jo", day(1), ""), announce=Platform())
    ledger.suppressions.suppress(USER, "default", Actor("jo", day(2), ""), announce=Platform())


def _leave_groups(ledger: Ledger) -> None:
    lost = bounce("z", "z@example.org", at=day(3), reason=Reason.UNKNOWN)
    record(ledger, page(lost))
    ledger.review.set_aside(group_of(lost) or "", 10, Actor("jo", START, ""))
    record(ledger, page(bounce("zz", "z@example.org", at=day(4), reason=Reason.UNKNOWN)))
    read = replace(lost, bounce_type=Reason.SPAM.bounce_type, reason=Reason.SPAM)
    ledger.history.revise([Revision(lost, read)], decide, Platform(), day(5))


def _leave_mail_groups(ledger: Ledger) -> None:
    odd = [replace(mail(digest=f"odd{n}", kind=Kind.OTHER, at=day(n)), unread=Unread(Misread.NOTICE, f"zorp {n}"))
           for n in range(3)]
    record(ledger, odd)
    group = group_of_mail(odd[0]) or ""
    ledger.review.set_aside(group, 10, Actor("jo", START, ""))
    record(ledger, [replace(odd[0], digest="odd4")])
    ledger.review.group(group, day(9))
    record(ledger, page(replace(bounce("odd1"), message_digest="odd1")))
    ledger.history.purge_raw(day(9))


def _overtake(ledger: Ledger) -> None:
    first, *others = ledger.outbox.lease("platform", day(1), LEASE, 9)
    assert ledger.outbox.still_wanted([first], ("default",)) == [first]
    ledger.suppressions.release(first.recipient or "", None, Actor("jo", day(1), ""), announce=Platform())
    assert ledger.outbox.still_wanted([first, *others], None) == others


@for_each("work", [
    _record,
    _send,
    _overtake,
    _suppress_and_release,
    lambda ledger: ledger.outbox.lease("platform", day(1), LEASE, 2, keeps=("default",)),
    lambda ledger: ledger.outbox.supersede_stale("platform", day(1), keeps=()),
    lambda ledger: ledger.outbox.next_due("platform"),
    lambda ledger: (ledger.outbox.pause("platform", Actor("petra", START, "")), ledger.outbox.resume("platform", BY)),
    lambda ledger: ledger.suppressions.expire(day(100), Platform()),
    lambda ledger: ledger.recording.end_waits(day(100), timedelta(hours=1), Platform()),
    lambda ledger: ledger.history.purge_raw(day(100)),
    lambda ledger: ledger.history.purge_events(day(100)),
    lambda ledger: ledger.history.purge_bodies(day(100)),
    lambda ledger: ledger.outbox.deliveries.tries("msg"),
    lambda ledger: ledger.outbox.deliveries.throughput(day(100)),
    lambda ledger: ledger.lists.recipients(USER),
    lambda ledger: ledger.lists.message("m"),
    lambda ledger: list(ledger.lists.events(EventFilter(recipient=USER))),
    lambda ledger: list(ledger.lists.events(EventFilter(recipient=USER, newest_first=True, limit=3))),
    lambda ledger: list(ledger.lists.events(EventFilter(since=day(1)))),
    lambda ledger: list(ledger.lists.suppressions(SuppressionFilter(recipient=USER))),
    lambda ledger: list(ledger.lists.outbox(OutboxFilter(recipient=USER))),
    lambda ledger: ledger.review.group("g"),
    lambda ledger: (ledger.review.events("g", 5), ledger.review.events("g", 5, newest_first=False)),
    lambda ledger: (ledger.review.mails("g", 5), ledger.review.mails("g", 5, newest_first=False)),
    lambda ledger: ledger.review.mail("g", "m"),
    lambda ledger: ledger.review.group("g", day(9)),
    _leave_mail_groups,
    lambda ledger: ledger.recording.paces(["returns"], day(9)),
    lambda ledger: ledger.review.set_aside("g", 10, Actor("jo", START, "")),
    _leave_groups,
    lambda ledger: ledger.outbox.retry(Actor("jo", START), ids=["msg"]),
    lambda ledger: ledger.outbox.discard(BY, ids=["msg"]),
    lambda ledger: ledger.outbox.deliveries.replaced(["msg"]),
    lambda ledger: list(ledger.lists.outbox(OutboxFilter(OutboxState.DEAD, "platform", retried_at=day(9)))),
], ids=["record", "send", "overtake", "suppress and release", "lease for a list", "thin", "next_due", "pause", "expire",
        "end of waits", "purge", "purge of events", "purge of bodies", "tries", "throughput",
        "recipients", "message", "events of a recipient", "last events of a recipient", "events since",
        "suppressions of a recipient", "outbox of a recipient",
        "group", "events of a group", "mails of a group", "mail of a group", "days of a group",
        "leave groups of mail", "pace of a mailbox", "set aside", "leave groups", "retry", "discard",
        "what was replaced", "what a retry would send"])
def test_no_statement_scans_a_table(tmp_path: Path, work: Callable[[Ledger], object]) -> None:
    plans = _plans(tmp_path, work)
    assert plans
    assert [plan for plan in plans if plan.startswith("SCAN") and "CONSTANT ROW" not in plan] == []
    others = [plan for plan in plans if plan.startswith(("SEARCH earlier", "SEARCH newer", "SEARCH in_force"))]
    assert [plan for plan in others if "(recipient_key=?" not in plan] == [], "one recipient's rows, not a whole queue"


_NOT_OF_EVENTS = frozenset({FilterField.STATE, FilterField.KIND, FilterField.LANGUAGE, FilterField.ACTOR,
                            FilterField.ACTION, FilterField.TARGET})


def _both_ways(read: Callable[[Query, PagePosition], object], wanted: Query, key: tuple[Any, ...]) -> None:
    for place in (PagePosition(), PagePosition(key), PagePosition(key, newer=True)):
        read(wanted, place)


_PARTS = (
    EventFilter(stream="x", after=EventPlace(day(3), "m")), EventFilter(stream="x", since=day(2), until=day(9)),
    EventFilter(kind=Kind.DELAY, bounce_type=BounceType.SOFT), EventFilter(reason=Reason.SPAM, stream="x"),
    EventFilter(recipient=USER, reason=Reason.SPAM),
)


def _by_what_an_index_tells(ledger: Ledger) -> None:
    for by in (FilterField.REASON, FilterField.PROVIDER, FilterField.CAMPAIGN):
        _both_ways(
            ledger.browsing.event_page, Query({by: Choice(("x",)), FilterField.STREAM: Choice(("y",))}), (day(3), "m")
        )


@for_each("work", [
    lambda ledger: ledger.browsing.event("m"),
    lambda ledger: _both_ways(ledger.browsing.event_page, Query(), (day(3), "m")),
    lambda ledger: _both_ways(ledger.browsing.event_page, Query({FilterField.RULE: Choice(("x",))}), (day(3), "m")),
    lambda ledger: _both_ways(ledger.browsing.event_page, Query(recipient=USER, since=day(1)), (day(3), "m")),
    _by_what_an_index_tells,
    lambda ledger: [list(ledger.browsing.all_events(Query({by: Choice(("x",))}))) for by in FilterField
                    if by not in _NOT_OF_EVENTS],
    lambda ledger: [ledger.lists.some_events(replace(wanted, newest_first=newest)) for wanted in _PARTS
                    for newest in (False, True)],
    lambda ledger: [ledger.lists.some_suppressions(wanted) for wanted in (
        SuppressionFilter(stream="x", state=State.PENDING, reason="y", after=SuppressionPlace("a", "b")),
        SuppressionFilter(recipient=USER, state=State.PENDING),
    )],
    lambda ledger: ledger.browsing.event_facets(Query(since=day(1), words=("x",))),
    lambda ledger: _both_ways(partial(ledger.browsing.recipient_page, now=day(9)), Query(), (day(3), 7)),
    lambda ledger: _both_ways(
        partial(ledger.browsing.recipient_page, now=day(9)),
        Query({FilterField.STATE: Choice(("suppressed",)), FilterField.PROVIDER: Choice(("x",)),
               FilterField.DOMAIN: Choice(("y",))}), (day(3), 7)
    ),
    lambda ledger: list(ledger.browsing.all_recipients(Query({FilterField.STREAM: Choice(("x",))}), day(9))),
    lambda ledger: ledger.browsing.recipient_facets(Query(since=day(1))),
    lambda ledger: ledger.browsing.holding(USER),
    lambda ledger: _both_ways(ledger.review.page, Query({FilterField.PROVIDER: Choice(("x",))}), (0, 3, day(3), "g")),
    lambda ledger: list(ledger.review.groups(Query({FilterField.STATE: Choice(("new",)),
                                                 FilterField.LANGUAGE: Choice(("de",))}))),
    lambda ledger: ledger.review.facets(Query(words=("x",))),
    lambda ledger: ledger.log.on("x"),
    lambda ledger: _both_ways(ledger.log.page, Query({FilterField.ACTOR: Choice(("x",))}), (7,)),
], ids=[
    "event", "page of events", "page of a rule's events", "page of a recipient's events",
    "pages of a reason's, a provider's, a campaign's events", "all events",
    "parts of events", "parts of suppressions", "facets of events", "page of recipients",
    "page of some recipients", "all recipients", "facets of recipients", "what holds back", "page of groups",
    "all groups", "facets of groups", "actions on one", "page of actions",
])
def test_what_people_look_through_goes_down_an_index_and_is_sorted_by_it(
    tmp_path: Path, work: Callable[[Ledger], object]
) -> None:
    """Of a whole table just so many rows are read as are asked for, and a stretch of its index."""
    plans = _plans(tmp_path, work)
    assert plans
    scans = [plan for plan in plans if plan.startswith("SCAN") and not plan.startswith("SCAN anon_1")]
    whole = ("SCAN event USING", "SCAN action", "SCAN review_group USING")
    assert [plan for plan in scans if not plan.startswith(whole)] == []
    assert [plan for plan in scans if "LIMIT ?" not in plan] == []
    sorts = [plan for plan in plans if plan.startswith("USE TEMP B-TREE FOR ORDER BY")]
    assert sorts == [], "an index gives the order"


@for_each("wanted", [
    Query({FilterField.RULE: Choice(("x",))}), Query({FilterField.DOMAIN: Choice(("x",))}, since=day(3), until=day(9)),
    Query({FilterField.STREAM: Choice(("x",)), FilterField.TYPE: Choice(("hard",))}),
    Query({FilterField.CODE: Choice(("5.1.1", "550"))}),
    Query({FilterField.MAILBOX: Choice(("x",)), FilterField.MATCH: Choice(("prose",))}), Query(),
    Query({FilterField.CAMPAIGN: Choice(("x",)), FilterField.TYPE: Choice(("hard",)),
           FilterField.STREAM: Choice(("y",))}),
])
def test_events_are_looked_for_and_counted_without_their_rows(tmp_path: Path, wanted: Query) -> None:
    plans = _plans(tmp_path, lambda ledger: (ledger.browsing.event_page(wanted, PagePosition()),
                                             ledger.browsing.event_facets(wanted)))
    steps = {plan.partition(": ")[0] for plan in plans if " event " in plan.partition(": ")[0]}
    rows = {step for step in steps if "(id=?)" in step}
    counted = {step for step in steps if "sending=?" in step}  # a campaign's codes and providers stand in its rows
    assert {step for step in steps - rows - counted if "COVERING INDEX" not in step} == set()


_SOME = Query({FilterField.TYPE: Choice(("x",)), FilterField.PROVIDER: Choice(("y",))}, since=day(1))


@for_each("work", [
    lambda ledger: _both_ways(ledger.browsing.incidents.over, _SOME, (day(3), "m")),
    lambda ledger: (ledger.browsing.incidents.open(Query()), list(ledger.browsing.incidents.all(_SOME))),
    lambda ledger: [ledger.browsing.incidents.held("m", place) for place in (PagePosition(), PagePosition(("a", "b")))],
    lambda ledger: (list(ledger.browsing.incidents.all_held("m")), ledger.browsing.incidents.held_numbers("m")),
    lambda ledger: ledger.browsing.incidents.course(
        an_alert(AlertKind.BLOCKS, "provider x", day(1)), day(0), day(3), timedelta(hours=1)
    ),
    lambda ledger: _both_ways(ledger.outbox.deliveries.page, Query(), (7,)),
    lambda ledger: _both_ways(
        ledger.outbox.deliveries.page,
        Query({FilterField.STATE: Choice(("dead",)), FilterField.TARGET: Choice(("x",))}), (7,)
    ),
    lambda ledger: _both_ways(ledger.outbox.deliveries.page, Query(recipient=USER), (7,)),
    lambda ledger: list(ledger.outbox.deliveries.all(Query({FilterField.STREAM: Choice(("x",))}))),
    lambda ledger: (ledger.outbox.deliveries.dead("x"), ledger.outbox.deliveries.failures()),
    lambda ledger: [
        ledger.outbox.deliveries.replaced_by(item) for item in ledger.lists.outbox(OutboxFilter(recipient=USER))
    ],
], ids=["page of incidents", "incidents under way, and all", "page of the held", "all held", "course of an incident",
        "page of deliveries", "page of a state's deliveries", "page of a recipient's deliveries", "all deliveries",
        "failures", "what replaced one"])
def test_incidents_and_deliveries_go_down_an_index(tmp_path: Path, work: Callable[[Ledger], object]) -> None:
    plans = _plans(tmp_path, work)
    scans = [plan for plan in plans if plan.startswith("SCAN") and "LIMIT ?" not in plan]
    assert [plan for plan in scans if not plan.startswith("SCAN alert")] == []
    assert [plan for plan in plans if plan.startswith(("SCAN held", "SCAN suppression"))] == []


_SPAN = Span(day(-40), day(2) + timedelta(minutes=3))
_DAYS = Span(START.replace(hour=0), day(9).replace(hour=0))
_ONE = (Of(providers=("example.org",)), Of(sendings=("spring",)))


@for_each("work", [
    lambda figures: [figures.totals(_SPAN, of, GroupBy.TYPE) for of in (Of(stream="news"), *_ONE)],
    lambda figures: figures.totals(_SPAN, Of(), GroupBy.PROVIDER, GroupBy.TYPE),
    lambda figures: [figures.slots(_DAYS, length, of, GroupBy.TYPE) for length in (HOUR, DAY) for of in (Of(),
                                                                                                           *_ONE)],
    lambda figures: [figures.top(_DAYS, length, Of(), part, 5) for length in (HOUR, DAY)
                     for part in (GroupBy.PROVIDER, GroupBy.SENDING)],
    lambda figures: [figures.last_at(of) for of in (Of(), *_ONE)],
    lambda figures: (figures.first_day(), figures.first_at("spring"), figures.days_of(["spring"], "news")),
    lambda figures: [figures.newest(_SPAN, of, 5) for of in _ONE],
    lambda figures: (figures.suppressed(_SPAN), figures.suppressed(_SPAN, "news"), figures.suppressed_by_stream(_SPAN)),
    lambda figures: (figures.suppressed_of("spring", "news"), figures.held()),
    lambda figures: (figures.latest_changes(5), figures.latest_changes(5, "news")),
    lambda figures: (figures.sent(_SPAN.since.date(), _SPAN.until.date()), figures.sent_of(["spring"], "news")),
], ids=["totals", "providers", "slots", "top", "last", "first", "newest", "suppressed", "now", "changes", "sent"])
def test_figures_read_a_stretch_of_an_index(tmp_path: Path, work: Callable[[Figures], object]) -> None:
    plans = _plans(tmp_path, lambda ledger: work(ledger.figures))
    assert plans
    assert _scanned(plans) <= {"suppression", "state_change", "(subquery-2)"}
    assert all(" USING INDEX " in plan for plan in plans if plan.startswith("SCAN suppression")), "who waits, no others"
    assert all("LIMIT ?" in plan for plan in plans if plan.startswith("SCAN state_change")), "backwards, a few rows"


def test_what_stands_is_counted_without_a_row_of_the_great_tables(tmp_path: Path) -> None:
    plans = _plans(tmp_path, lambda ledger: ledger.figures.stock())
    assert _scanned(plans) <= {"suppression", "outbox", "alert", "endpoint"}
    great = {plan for plan in plans if plan.startswith(("SCAN suppression", "SCAN outbox"))}
    assert {plan for plan in great if " INDEX " not in plan.partition(": ")[0]} == set(), "an index alone is read"


def test_whom_deliveries_are_for_is_found_by_their_ids(tmp_path: Path) -> None:
    plans = _plans(tmp_path, lambda ledger: (
        ledger.outbox.pause("platform", Actor("petra", START, "")), ledger.outbox.deliveries.paused(["msg"], None)
    ))
    assert [plan for plan in plans if plan.startswith("SEARCH outbox")]
    assert "outbox" not in _scanned(plans)


def test_outages_of_a_time_go_down_an_index(tmp_path: Path) -> None:
    plans = _plans(tmp_path, lambda ledger: ledger.browsing.incidents.outages(day(1), day(9), "google.com"))
    assert [plan for plan in plans if plan.startswith("SEARCH alert")]
    assert "alert" not in _scanned(plans)


def _decide_on_many(ledger: Ledger) -> None:
    """What an outage holds, and what a list shows, amid what is protected."""
    desk = Desk(ledger)
    desk.take([*usual(), *flood(30)])
    (alert,) = ledger.lists.alerts()
    wanted = BulkRequest(Actor("jo", day(9), "x"), "x", desk.platform, desk.policy)
    ledger.suppressions.protect(USER, Actor("jo", START, "x"))
    ledger.lists.protection(USER)
    assert len(list(ledger.suppressions.rule(alert.id, Ruling.CONFIRM, wanted))) == 30
    assert list(ledger.suppressions.release_all(Query({FilterField.STREAM: Choice(("default",))}), wanted))
    ledger.suppressions.unprotect(USER, BY)


def test_decisions_on_many_scan_no_table(tmp_path: Path) -> None:
    plans = _plans(tmp_path, _decide_on_many)
    assert [plan for plan in plans if " protected " in plan.partition(":")[0]]
    assert _scanned(plans) <= {"alert"}, "of which there are but a few"


def _scanned(plans: Iterable[str]) -> set[str]:
    """The tables that are read from end to end, or an index of theirs."""
    return {plan.split()[1].rstrip(":") for plan in plans if plan.startswith("SCAN") and "CONSTANT ROW" not in plan}


def _plans(folder: Path, work: Callable[[Ledger], object]) -> list[str]:
    """What SQLite does for each statement of `work`, each with the statement behind it."""
    engine = open_engine(f"sqlite:///{folder}/ledger.db")
    ledger = Ledger(engine)
    ledger.upgrade()
    record(ledger, page(*(bounce(f"m{n}", f"u{n}@example.org", at=day(n)) for n in range(50))))
    plans: list[str] = []

    def explain(connection: Connection, _: object, statement: str, parameters: Any, *more: object) -> None:
        if statement.startswith(("SELECT", "UPDATE", "INSERT", "DELETE")):
            given = parameters[0] if more[1] else parameters  # many
            raw = connection.connection.cursor()
            raw.execute(f"EXPLAIN QUERY PLAN {statement}", given)
            plans.extend(f"{row[3]}: {statement}" for row in raw.fetchall())

    event.listen(engine, "before_cursor_execute", explain)
    work(ledger)
    ledger.close()
    return plans
