"""What people look through of incidents and of the outbox, on both databases."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bounce_watcher.ledger.db.paging import PagePosition
from bounce_watcher.ledger.db.query import Choice, FilterField, Query
from bounce_watcher.ledger.lists.incidents import HeldRecipient
from bounce_watcher.ledger.outbox.listing import Failure
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import Actor, Alert, AlertKind, Attempt, Disposition, OutboxState
from bounce_watcher.words.grounds import subject
from tests.facts import an_alert
from tests.ledger.making import DELIVERED, LEASE, START, Platform, bounce, day, page, record, retry_at
from tests.ledger.test_guard import DAY, HOUR, OUTAGE, Desk, desk, flood, gone, usual  # noqa: F401 - a fixture

SUBJECTS = (
    "provider google.com", "block google.com bad_reputation -", "block google.community spam -", "provider b.example",
    "wording rule provider google.com", "100%_off",
)


def kept(ledger: Ledger, *, cleared: bool) -> list[Alert]:
    """One a day of each subject, as its kind."""
    kinds = (AlertKind.OUTAGE, AlertKind.BLOCKS, AlertKind.BLOCKS, AlertKind.OUTAGE, AlertKind.OUTAGE, AlertKind.TARGET)
    many = [an_alert(kind, name, day(n)) for n, (kind, name) in
            enumerate(zip(kinds, SUBJECTS, strict=True))]
    ledger.recording.tell_alerts(many, [], day(9), Platform())
    if cleared:
        ledger.recording.tell_alerts([], many, day(9), Platform())
    return many


@pytest.mark.parametrize(("wanted", "found"), [
    (Query(), (5, 4, 3, 2, 1, 0)),
    (Query({FilterField.PROVIDER: Choice(("google.com",))}), (1, 0)),
    (Query({FilterField.PROVIDER: Choice(("google.com", "b.example"))}), (3, 1, 0)),
    (Query({FilterField.PROVIDER: Choice((), ("google.com",))}), (5, 4, 3, 2)),
    (Query({FilterField.PROVIDER: Choice(("%",))}), ()),
    (Query({FilterField.TYPE: Choice(("blocks", "target"))}), (5, 2, 1)),
    (Query(since=day(2), until=day(4)), (3, 2)),
])
@pytest.mark.parametrize("cleared", [True, False])
def test_alerts_are_found_by_each_filter(ledger: Ledger, wanted: Query, found: tuple[int, ...], cleared: bool) -> None:
    kept(ledger, cleared=cleared)
    subjects = [SUBJECTS[n] for n in found]
    rows = ledger.browsing.incidents.over(
        wanted, PagePosition()
    ).rows if cleared else ledger.browsing.incidents.open(wanted)
    assert [subject(alert.subject) for alert in rows] == subjects
    assert [subject(alert.subject) for alert in ledger.browsing.incidents.all(wanted)] == subjects
    assert not (
        ledger.browsing.incidents.open(wanted) if cleared
        else ledger.browsing.incidents.over(wanted, PagePosition()).rows
    )
    state = Choice(("open" if cleared else "ended",))
    assert list(ledger.browsing.incidents.all(Query({**wanted.choices, FilterField.STATE: state}))) == []


@pytest.mark.parametrize(("since", "until", "provider", "found"), [
    (day(0), day(9), None, ["provider google.com", "provider b.example", "wording rule x"]), (day(1), day(2), None, []),
    (day(0), day(9), "b.example", ["provider b.example"]), (day(0), day(0.5), None, ["provider google.com"]),
    (day(3.5), day(3.6), None, ["provider b.example"]),
])
def test_outages_are_found_by_the_time_that_they_touch(
    ledger: Ledger, since: datetime, until: datetime, provider: str | None, found: list[str]
) -> None:
    begins = ((0, "provider google.com"), (3, "provider b.example"), (5, "wording rule x"))
    many = [replace(an_alert(AlertKind.OUTAGE, name, day(at)), ends_at=day(at + 1))
            for at, name in begins]
    block = replace(an_alert(AlertKind.BLOCKS, "block google.com spam -", day(0)), ends_at=day(9))
    ledger.recording.tell_alerts([*many, block], [], day(9), Platform())
    assert [subject(each.subject) for each in ledger.browsing.incidents.outages(since, until, provider)] == found


def everyone_held(ledger: Ledger, alert: str, rows: int) -> Iterator[HeldRecipient]:
    place: PagePosition | None = PagePosition(rows=rows)
    while place is not None:
        found = ledger.browsing.incidents.held(alert, place)
        assert len(found.rows) <= rows
        yield from found.rows
        place = PagePosition(found.older, rows=rows) if found.older else None


def test_those_held_come_page_by_page_with_what_was_told_before(desk: Desk) -> None:  # noqa: F811
    desk.take(list(usual()))
    desk.take(flood(3))
    desk.take(flood(40)[3:])
    (alert,) = desk.ledger.lists.alerts()
    whole = list(desk.ledger.browsing.incidents.all_held(alert.id))
    assert list(everyone_held(desk.ledger, alert.id, 7)) == whole
    assert [each.recipient for each in whole] == sorted(f"good{n}@gmail.com" for n in range(40))
    told = {each.recipient for each in whole if each.told_at}
    assert told == {f"good{n}@gmail.com" for n in range(3)}
    assert all(each.told_at >= OUTAGE for each in whole if each.told_at)
    numbers = desk.ledger.browsing.incidents.held_numbers(alert.id)
    assert (numbers.held, numbers.told, numbers.more) == (40, 3, False)

    desk.ledger.suppressions.release(
        "good7@gmail.com", None, Actor("jo", OUTAGE + HOUR, "known"), announce=desk.platform
    )
    assert desk.ledger.browsing.incidents.held_numbers(alert.id).held == 39, "a person was quicker"
    assert list(desk.ledger.browsing.incidents.all_held("none")) == []


def test_the_course_of_an_outage_counts_what_the_guard_counts(desk: Desk) -> None:  # noqa: F811
    desk.take(list(usual()))
    desk.take(flood(40))
    desk.take([gone("good0", OUTAGE + HOUR)])
    (alert,) = desk.ledger.lists.alerts()

    def course(since: datetime, until: datetime, step: timedelta) -> dict[datetime, int]:
        return desk.ledger.browsing.incidents.course(alert, since, until, step)

    by_hour = course(OUTAGE - HOUR, OUTAGE + 8 * HOUR, HOUR)
    assert sum(by_hour.values()) == 40, "each address once"
    assert set(by_hour) <= {OUTAGE + n * HOUR for n in range(8)}
    midnight = OUTAGE.replace(hour=0)
    assert course(midnight - 2 * DAY, midnight + DAY, DAY) == {midnight - 2 * DAY: 2, midnight - DAY: 2, midnight: 40}


# ── the outbox ──────────────────────────────────────────────────────────────────────────────────────────────────────

def told(ledger: Ledger, many: int = 6) -> None:
    """Of `many` addresses, one a day; the first two gave up alike, the third is tried again, the fourth delivered."""
    platform = Platform(targets=("a", "b"))
    for n in range(many):
        platform.now = day(n)
        record(ledger, page(bounce(f"m{n}", f"u{n}@example.org", at=day(n))), platform)
    attempts = (Attempt(Disposition.DEAD, "no"), Attempt(Disposition.DEAD, "no"), retry_at(day(9)), DELIVERED)
    items = ledger.outbox.lease("a", day(8), LEASE, len(attempts))
    ledger.outbox.conclude(list(zip(items, attempts, strict=True)), day(8))


def who(ledger: Ledger, wanted: Query, place: PagePosition | None = None) -> list[tuple[str, str]]:
    rows = ledger.outbox.deliveries.page(wanted, place or PagePosition()).rows
    assert place or rows == tuple(ledger.outbox.deliveries.all(wanted))
    return [((item.recipient or "")[:2], item.target) for item in rows]


def test_deliveries_are_found_by_each_filter(ledger: Ledger) -> None:
    told(ledger)
    of_a = [(f"u{n}", "a") for n in range(5, -1, -1)]
    assert who(ledger, Query({FilterField.TARGET: Choice(("a",))})) == of_a
    assert who(ledger, Query({FilterField.TARGET: Choice((), ("b",))})) == of_a
    assert who(ledger, Query({FilterField.STATE: Choice(("dead",))})) == [("u1", "a"), ("u0", "a")]
    assert who(
        ledger, Query({FilterField.STATE: Choice(("dead", "delivered"))})
    ) == [("u3", "a"), ("u1", "a"), ("u0", "a")]
    due_of_a = Query(
        {FilterField.STATE: Choice(("due",)), FilterField.TARGET: Choice(("a",))}, since=day(3), until=day(5)
    )
    assert who(ledger, due_of_a) == [("u4", "a")]
    assert who(ledger, Query(recipient="U2@example.org")) == [("u2", "b"), ("u2", "a")]
    assert who(ledger, Query({FilterField.STREAM: Choice(("other",))})) == []
    assert who(ledger, Query({FilterField.TYPE: Choice(("recipient.released",))})) == []


def test_pages_of_deliveries_follow_one_another(ledger: Ledger) -> None:
    told(ledger)
    wanted = Query({FilterField.STATE: Choice(("due",))})
    first = ledger.outbox.deliveries.page(wanted, PagePosition(rows=4))
    second = ledger.outbox.deliveries.page(wanted, PagePosition(first.older, rows=4))
    assert [*first.rows, *second.rows] == list(ledger.outbox.deliveries.all(wanted))[:8]
    back = ledger.outbox.deliveries.page(wanted, PagePosition(second.newer, newer=True, rows=4))
    assert back.rows == first.rows


def test_failures_are_told_by_target_and_answer(ledger: Ledger) -> None:
    told(ledger)
    found = ledger.outbox.deliveries.failures()
    assert not found.more
    assert sorted(found.found, key=lambda each: each.state) == [
        Failure("a", OutboxState.DEAD, "no", 2, day(0), day(1), day(0)),
        Failure("a", OutboxState.DUE, "500", 1, day(2), day(2), day(9)),
    ]
    assert [item.recipient for item in ledger.outbox.deliveries.dead("a")] == ["u0@example.org", "u1@example.org"]
    assert ledger.outbox.deliveries.dead("b") == []


def test_what_replaced_a_delivery_is_the_next_state_told_to_the_same_target(ledger: Ledger) -> None:
    platform = Platform(targets=("a", "b"))
    record(ledger, page(bounce("m", "u@example.org", at=START)), platform)
    for n, because in enumerate(("one", "two")):
        ledger.suppressions.release("u@example.org", None, Actor("jo", day(2 * n + 1), because), announce=platform)
        record(ledger, page(bounce(f"n{n}", "u@example.org", at=day(2 * n + 2))), platform)
    of_a = [item for item in ledger.lists.outbox() if item.target == "a"]
    assert len(of_a) > 2
    assert [ledger.outbox.deliveries.replaced_by(item) for item in of_a] == [*(item.id for item in of_a[1:]), None]


def test_who_wants_no_more_is_known_by_when_and_why(ledger: Ledger) -> None:
    told(ledger)
    (item,) = ledger.outbox.lease("b", day(8), LEASE, 1)
    ledger.outbox.conclude([(item, Attempt(Disposition.GONE, "410 Gone"))], day(8))
    assert ledger.outbox.deliveries.disabled() == {"b": (day(8), "410 Gone")}
