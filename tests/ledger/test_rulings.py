"""All that an incident holds, decided by a person: told once, and taken back neither by the guard nor by an undo."""

from dataclasses import replace
from datetime import datetime

import pytest

from bounce_watcher.ledger.db.query import Choice, FilterField, Query
from bounce_watcher.ledger.lists.filters import SuppressionFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.ledger.suppressions.rulings import BulkRequest, Ruled
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import Actor, Alert, ChangedBy, NoticeType, State, SuppressionSource
from bounce_watcher.policy.guards.incident import Incident
from bounce_watcher.policy.rulings import Ruling, SkipReason
from bounce_watcher.words.grounds import text
from tests.facts import BY
from tests.ledger.making import START, Platform, bounce, day, deliver_all, page
from tests.ledger.test_guard import HOUR, MINUTE, OUTAGE, POLICY, Desk, desk, flood, gone, usual  # noqa: F401
from tests.ledger.test_undo import POLICY as DECIDE

LATER = OUTAGE + 8 * HOUR
WHY = "they lost their directory"


def held_back(desk: Desk, many: int = 60) -> Alert:  # noqa: F811 - a fixture's value
    """An outage in the middle of which all of `many` are held."""
    desk.take([*usual(), *flood(many)])
    (alert,) = desk.ledger.lists.alerts(under_way=True)
    assert desk.count(State.PENDING) == many
    return alert


def rule(desk: Desk, alert: Alert, ruling: Ruling, now: datetime = LATER, *, dry_run: bool = False) -> list[Ruled]:  # noqa: F811
    wanted = BulkRequest(Actor("jo", now, WHY), "x", desk.platform, desk.policy)
    return list(desk.ledger.suppressions.rule(alert.id, ruling, wanted, dry_run=dry_run))


def figures(desk: Desk) -> tuple[int, int, int]:  # noqa: F811
    (alert,) = desk.ledger.lists.alerts()
    return alert.held, alert.released, alert.confirmed


def test_all_held_are_released_and_nobody_is_told(desk: Desk) -> None:  # noqa: F811
    alert = held_back(desk)
    done = rule(desk, alert, Ruling.RELEASE)
    assert {(each.was, each.state, text(each.grounds)) for each in done} == {(State.PENDING, State.ACTIVE, WHY)}
    assert len({each.recipient for each in done}) == 60
    assert (desk.count(State.PENDING), desk.told(NoticeType.RELEASED)) == (0, 0)
    assert desk.count(State.SUPPRESSED) == 20, "those of before"
    assert figures(desk) == (60, 60, 0)
    (*_, step) = desk.ledger.history.course("good7@gmail.com", "default")
    assert (step.at, step.state, step.by, text(step.grounds)) == (LATER, State.ACTIVE, ChangedBy.PERSON, WHY)


def test_all_held_are_put_in_force_and_told_as_a_persons_decision(desk: Desk) -> None:  # noqa: F811
    alert = held_back(desk)
    told = desk.told(NoticeType.SUPPRESSED)
    done = rule(desk, alert, Ruling.CONFIRM)
    assert {(each.was, each.state, each.reason) for each in done} == {
        (State.PENDING, State.SUPPRESSED, "invalid_recipient")
    }
    assert desk.told(NoticeType.SUPPRESSED) == told + 60
    (stands,) = desk.ledger.lists.suppressions(SuppressionFilter("good7@gmail.com"))
    assert (stands.source, stands.reason) == (SuppressionSource.MANUAL, "invalid_recipient")
    assert text(stands.grounds) == f"confirmed by hand: {WHY}"
    assert figures(desk) == (60, 0, 60)


@pytest.mark.parametrize("ruling", Ruling)
def test_twice_comes_to_the_same_as_once(desk: Desk, ruling: Ruling) -> None:  # noqa: F811
    alert = held_back(desk)
    rule(desk, alert, ruling)
    before = list(desk.ledger.lists.suppressions()), len(desk.platform.told), figures(desk)
    assert rule(desk, alert, ruling, LATER + HOUR) == []
    assert rule(desk, alert, Ruling.RELEASE, LATER + HOUR) == []
    assert (list(desk.ledger.lists.suppressions()), len(desk.platform.told), figures(desk)) == before


@pytest.mark.parametrize("ruling", Ruling)
def test_a_rehearsal_tells_the_same_and_writes_nothing(desk: Desk, ruling: Ruling) -> None:  # noqa: F811
    alert = held_back(desk)
    before = list(desk.ledger.lists.suppressions()), list(desk.ledger.lists.outbox()), figures(desk)
    told = rule(desk, alert, ruling, dry_run=True)
    assert (list(desk.ledger.lists.suppressions()), list(desk.ledger.lists.outbox()), figures(desk)) == before
    assert rule(desk, alert, ruling) == told


def test_the_end_of_the_outage_leaves_what_was_confirmed_and_what_was_released(desk: Desk) -> None:  # noqa: F811
    alert = held_back(desk)
    rule(desk, alert, Ruling.CONFIRM)
    desk.settle()
    (over,) = desk.ledger.lists.alerts()
    assert (over.cleared, over.released, over.confirmed) == (True, 0, 60)
    assert (desk.count(State.SUPPRESSED), desk.count(State.PENDING)) == (80, 0)
    assert desk.told(NoticeType.RELEASED) == 0


def test_more_reports_of_the_outage_take_nothing_back_that_was_confirmed(desk: Desk) -> None:  # noqa: F811
    alert = held_back(desk)
    rule(desk, alert, Ruling.CONFIRM)
    again = [gone("good7", LATER + MINUTE), gone("good8", OUTAGE - MINUTE)]
    desk.take([*again, *flood(40, LATER, 3 * HOUR, "more")])
    (grown,) = desk.ledger.lists.alerts()
    assert grown.ends_at and alert.ends_at and grown.ends_at > alert.ends_at
    assert desk.told(NoticeType.RELEASED) == 0
    assert (desk.count(State.SUPPRESSED), desk.count(State.PENDING)) == (80, 40)
    desk.settle()
    assert (desk.count(State.SUPPRESSED), desk.count(State.PENDING)) == (80, 0)


def test_what_comes_after_a_release_is_held_anew_and_ends_with_the_outage(desk: Desk) -> None:  # noqa: F811
    alert = held_back(desk)
    rule(desk, alert, Ruling.RELEASE)
    desk.take([gone("good7", LATER + MINUTE), *flood(30, LATER, 2 * HOUR, "more")])
    assert desk.count(State.PENDING) == 31
    rule(desk, alert, Ruling.RELEASE, LATER + 3 * HOUR)
    assert desk.count(State.PENDING) == 0
    desk.settle()
    assert (desk.count(State.SUPPRESSED), desk.count(State.PENDING)) == (20, 0)
    (over,) = desk.ledger.lists.alerts()
    assert (over.cleared, over.held, over.released) == (True, 91, 91)


def test_an_undo_releases_nobody_whom_a_person_confirmed(desk: Desk) -> None:  # noqa: F811
    alert = held_back(desk, 30)
    rule(desk, alert, Ruling.CONFIRM)
    incident = Incident.of(alert)
    assert incident is not None
    undone = list(
        desk.ledger.suppressions.undo(incident, DECIDE, desk.platform, Actor("jo", LATER + HOUR), subject="an incident")
    )
    assert [each.released for each in undone] == [False] * len(undone)
    assert desk.count(State.SUPPRESSED) == 50


def test_who_is_held_by_two_incidents_is_held_by_none_afterwards(desk: Desk) -> None:  # noqa: F811
    desk.take(list(usual()))
    desk.take([gone(f"x{n}", OUTAGE + n * MINUTE, f"d{n % 12}.example" if n > 3 else "gmail.com") for n in range(40)])
    desk.take(flood(40, OUTAGE + HOUR, HOUR))
    wording, provider = sorted(
        desk.ledger.lists.alerts(under_way=True), key=lambda each: each.subject.kind, reverse=True
    )
    assert {each.id for each in desk.ledger.browsing.holding("x1@gmail.com")["default"]} == {wording.id, provider.id}
    held = desk.count(State.PENDING)
    done = {each.recipient for each in rule(desk, provider, Ruling.RELEASE)}
    assert {"x1@gmail.com", "good7@gmail.com"} <= done
    assert "x9@d9.example" not in done
    assert desk.count(State.PENDING) == held - len(done)
    assert desk.ledger.browsing.holding("x1@gmail.com") == {}
    desk.settle()
    assert all(each.cleared for each in desk.ledger.lists.alerts())
    assert desk.count(State.PENDING) == 0


def test_many_go_in_batches(desk: Desk) -> None:  # noqa: F811
    alert = held_back(desk, 1200)
    assert len(rule(desk, alert, Ruling.RELEASE)) == 1200
    assert desk.count(State.PENDING) == 0


def test_an_alert_that_is_none_holds_nobody(desk: Desk) -> None:  # noqa: F811
    held_back(desk)
    wanted = BulkRequest(Actor("jo", LATER, WHY), "x", desk.platform, desk.policy)
    assert list(desk.ledger.suppressions.rule("none\0", Ruling.RELEASE, wanted)) == []
    assert desk.count(State.PENDING) == 60


# ── who is protected ────────────────────────────────────────────────────────────────────────────────────────────────

def test_who_is_protected_is_neither_confirmed_by_hand_nor_at_the_end(desk: Desk) -> None:  # noqa: F811
    alert = held_back(desk)
    desk.ledger.suppressions.protect("good7@gmail.com", Actor("jo", LATER, "a customer"))
    done = {each.recipient: each for each in rule(desk, alert, Ruling.CONFIRM)}
    assert done["good7@gmail.com"].left is SkipReason.PROTECTED
    assert (desk.count(State.PENDING), figures(desk)) == (1, (60, 0, 59))
    by_domain = replace(POLICY, protected_domains=frozenset({"gmail.com"}))
    wanted = BulkRequest(Actor("jo", LATER, WHY), "x", desk.platform, by_domain)
    assert [
        each.left for each in desk.ledger.suppressions.rule(alert.id, Ruling.CONFIRM, wanted)
    ] == [SkipReason.PROTECTED]
    desk.take([bounce("own", "good7@gmail.com", at=OUTAGE - HOUR)])
    desk.settle()
    assert desk.state("good7@gmail.com") is State.ACTIVE
    assert figures(desk) == (60, 1, 59)


def test_who_is_protected_while_it_waits_is_let_go(desk: Desk) -> None:  # noqa: F811
    desk.take([*usual(), *flood(8)])
    held = [each.recipient for each in desk.ledger.lists.suppressions(SuppressionFilter(state=State.PENDING))]
    assert len(held) > 1
    desk.ledger.suppressions.protect(held[0], Actor("jo", LATER, "a customer"))
    desk.end_waits()
    assert [desk.state(each) for each in held] == [State.ACTIVE, *[State.SUPPRESSED] * (len(held) - 1)]


# ── all that a list shows ───────────────────────────────────────────────────────────────────────────────────────────

ANNA, BEN, CARL, DORA = "anna@one.example", "ben@one.example", "carl@two.example", "dora@two.example"


def filed(ledger: Ledger) -> None:
    """Anna and Carl bounced hard, Dora complained, Ben was suppressed by hand."""
    complaint = replace(bounce("c", DORA, at=day(3), reason=None, action=None, feedback_type="abuse"),
                        kind=Kind.COMPLAINT)
    ledger.recording.record(page(bounce("a", ANNA, at=day(1)), bounce("b", CARL, at=day(2), stream="news"), complaint),
                  DECIDE, Platform())
    ledger.suppressions.suppress(BEN, "default", Actor("jo", day(4), "asked"), announce=Platform())


def release_all(
    ledger: Ledger, shown: Query, platform: Platform | None = None, *included: SkipReason, dry_run: bool = False
) -> dict[str, SkipReason | None]:
    by = Actor("jo", day(9), "a typing error")
    wanted = BulkRequest(by, "x", platform or Platform(), POLICY, frozenset(included))
    return {each.recipient: each.left for each in ledger.suppressions.release_all(shown, wanted, dry_run=dry_run)}


@pytest.mark.parametrize(("choices", "found"), [
    ({}, {ANNA: None, CARL: None, DORA: SkipReason.COMPLAINT, BEN: SkipReason.BY_HAND}),
    ({FilterField.REASON: Choice(("invalid_recipient",))}, {ANNA: None, CARL: None}),
    ({FilterField.STREAM: Choice(("news",))}, {CARL: None}),
    ({FilterField.DOMAIN: Choice(("one.example",))}, {ANNA: None, BEN: SkipReason.BY_HAND}),
    ({FilterField.PROVIDER: Choice(("two.example",))}, {CARL: None, DORA: SkipReason.COMPLAINT}),
    ({FilterField.STATE: Choice(("suppressed",)), FilterField.REASON: Choice((), ("complaint",))},
     {ANNA: None, CARL: None, BEN: SkipReason.BY_HAND}),
    ({FilterField.STATE: Choice(("pending",))}, {}), ({FilterField.STATE: Choice(("watching",))}, {}),
    ({FilterField.STATE: Choice((), ("suppressed",))}, {}),
])
def test_what_a_list_shows_is_released_but_for_those_left_out(
    ledger: Ledger, choices: dict[FilterField, Choice], found: dict[str, SkipReason | None]
) -> None:
    filed(ledger)
    platform = Platform()
    shown = Query(choices)
    assert release_all(ledger, shown, dry_run=True) == found
    assert len(list(ledger.lists.suppressions())) == 4
    assert release_all(ledger, shown, platform) == found
    released = {name for name, left in found.items() if left is None}
    assert {each.recipient for each in ledger.lists.suppressions()} == {ANNA, BEN, CARL, DORA} - released
    assert sorted(it.recipient or "" for it in platform.told) == sorted(released)
    again = release_all(ledger, shown, platform)
    assert set(again) == set(found) - released
    assert len(platform.told) == len(released)


def test_those_left_out_are_released_if_somebody_says_so(ledger: Ledger) -> None:
    filed(ledger)
    ledger.suppressions.protect("@one.example", Actor("jo", START, "ours"))
    assert release_all(ledger, Query(), None, SkipReason.COMPLAINT) == {
        ANNA: SkipReason.PROTECTED, BEN: SkipReason.PROTECTED, CARL: None, DORA: None
    }
    assert release_all(ledger, Query(), None, SkipReason.PROTECTED) == {ANNA: None, BEN: SkipReason.BY_HAND}
    assert release_all(ledger, Query(), None, SkipReason.PROTECTED, SkipReason.BY_HAND) == {BEN: None}
    assert list(ledger.lists.suppressions()) == []


def test_a_time_narrows_it_and_who_was_forgotten_is_left_out(ledger: Ledger) -> None:
    filed(ledger)
    deliver_all(ledger)
    ledger.privacy.forget(ANNA, BY)
    assert release_all(ledger, Query(since=day(2), until=day(3))) == {CARL: None}
    left = release_all(ledger, Query(until=day(3)))
    assert list(left.values()) == [SkipReason.FORGOTTEN]


def test_who_is_held_is_let_go_and_counted_by_its_incident(desk: Desk) -> None:  # noqa: F811
    held_back(desk)
    shown = Query({FilterField.STATE: Choice(("pending",))})
    wanted = BulkRequest(Actor("jo", LATER, WHY), "x", desk.platform, POLICY)
    assert len(list(desk.ledger.suppressions.release_all(shown, wanted))) == 60
    assert (desk.count(State.PENDING), figures(desk)) == (0, (60, 60, 0))
    assert desk.told(NoticeType.RELEASED) == 0
