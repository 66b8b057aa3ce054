"""The flood guard on both databases: what nothing proves is capped, and what becomes of what is held."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from bounce_watcher.ledger.history.revise import Revision
from bounce_watcher.ledger.lists.filters import EventFilter, SuppressionFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.ledger.suppressions.rulings import BulkRequest
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.ledger import Actor, Alert, AlertKind, BounceEvent, NoticeType, Scope, State
from bounce_watcher.model.sending import Delivery
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.guards.flood import BOUNCES
from bounce_watcher.policy.guards.incident import Incident
from bounce_watcher.policy.guards.limits import FloodSettings, GuardSettings
from bounce_watcher.policy.rulings import Ruling
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.words.grounds import text
from tests.ledger.making import Platform, bounce, mail

# The guards that look at other things are off: what they do is tried elsewhere.
POLICY = PolicySettings(guard=GuardSettings(enabled=False))
CAPS = POLICY.flood
DAY_OF_BOUNCES, MONTH_OF_BOUNCES = int(CAPS.day * BOUNCES), int(CAPS.month * BOUNCES)
SMALL = replace(POLICY, flood=FloodSettings(report=2, source=6, hour=6, day=6, month=12))
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 3, 2, tzinfo=UTC)


class Desk:
    def __init__(self, ledger: Ledger, policy: PolicySettings = POLICY) -> None:
        self.ledger = ledger
        self.policy = policy
        self.decide = partial(decide, settings=policy)
        self.platform = Platform(types=frozenset(NoticeType))

    def take(self, events: Iterable[BounceEvent], size: int = 200) -> None:
        """In mails by their digest, in pages of some size."""
        mails: dict[str, list[BounceEvent]] = {}
        for event in events:
            mails.setdefault(event.message_digest, []).append(event)
        pages = [mail(*each) for each in mails.values()]
        for start in range(0, len(pages), size):
            self.ledger.recording.record(pages[start : start + size], self.decide, self.platform, self.policy)

    def settle(self, now: datetime) -> None:
        self.ledger.recording.settle_alerts(now, self.platform, self.policy)

    def state(self, address: str) -> State:
        (record,) = self.ledger.lists.recipients(address)
        return record.state

    def count(self, state: State) -> int:
        return sum(1 for _ in self.ledger.lists.suppressions(SuppressionFilter(state=state)))

    @property
    def floods(self) -> list[Alert]:
        return [alert for alert in self.ledger.lists.alerts() if alert.kind is AlertKind.FLOOD]

    def rule(self, ruling: Ruling, now: datetime) -> None:
        (alert,) = self.floods
        wanted = BulkRequest(Actor("jo", now, "looked through"), "x", self.platform, self.policy)
        list(self.ledger.suppressions.rule(alert.id, ruling, wanted))


def forged(
    n: int, at: datetime = START, *, report: str | None = None, host: int | None = None,
    evidence: Evidence = Evidence.REPORT, who: int | None = None, reason: Reason = Reason.INVALID_RECIPIENT,
) -> BounceEvent:
    """The n-th report: of the n-th good address by the n-th host in words of its own, unless it is said otherwise."""
    host = n if host is None else host
    who = n if who is None else who
    event = bounce(report or f"forged{n}", f"good{who}@d{who}.example", at=at, reason=reason, diagnostic=f"gone {n:x}")
    ip = f"{11 + host // 65536}.{host // 256 % 256}.{host % 256}.7"
    return replace(event, client_ip=ip, reporting_mta=f"mx.d{host}.example", evidence=evidence, rule=f"rule.{n}")


def complaint(n: int, at: datetime = START, evidence: Evidence = Evidence.REPORT) -> BounceEvent:
    event = bounce(f"complaint{n}", f"good{n}@d{n}.example", at=at, reason=None, kind=Kind.COMPLAINT, action=None,
                   feedback_type="abuse")
    return replace(event, client_ip=f"12.{n // 256}.{n % 256}.7", evidence=evidence)


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    return Desk(ledger)


@pytest.fixture
def small(ledger: Ledger) -> Desk:
    return Desk(ledger, SMALL)


# ── what a forger gets ──────────────────────────────────────────────────────────────────────────────────────────────

def test_one_report_suppresses_few(desk: Desk) -> None:
    desk.take(forged(n, report="one", host=1) for n in range(300))
    assert desk.count(State.SUPPRESSED) == CAPS.report
    assert desk.count(State.PENDING) == 300 - CAPS.report
    (alert,) = desk.floods
    assert alert.held == alert.count == 300 - CAPS.report
    told = "290 reports held since 2 March 2026 00:00 UTC: more than 10 new suppressions by one report"
    assert told in text(alert.grounds)


def test_one_host_suppresses_few_an_hour(desk: Desk) -> None:
    desk.take(forged(n, START + n * MINUTE / 10, host=1) for n in range(100))
    assert desk.count(State.SUPPRESSED) == CAPS.source


def test_many_hosts_suppress_few_a_day(desk: Desk) -> None:
    desk.take(forged(n, START + n * DAY / 400) for n in range(400))
    assert desk.count(State.SUPPRESSED) == DAY_OF_BOUNCES


def test_many_hosts_suppress_few_an_hour(desk: Desk) -> None:
    desk.take(forged(n, START + n * HOUR / 200) for n in range(200))
    assert desk.count(State.SUPPRESSED) == int(CAPS.hour * BOUNCES)


def test_patience_gets_few_a_month(desk: Desk) -> None:
    desk.take(forged(n, START + n * 30 * DAY / 900) for n in range(900))
    assert desk.count(State.SUPPRESSED) == MONTH_OF_BOUNCES
    assert len(desk.floods) == 1


def test_writing_twice_gets_no_more(desk: Desk) -> None:
    """From other hosts on other days, about the same addresses."""
    reports = [(n + 1000 * again, START + again * 3 * DAY + n * DAY / 300, n) for again in range(3) for n in range(300)]
    desk.take(forged(n, at, who=who) for n, at, who in reports)
    assert desk.count(State.SUPPRESSED) <= 3 * DAY_OF_BOUNCES


@pytest.mark.parametrize("evidence", [Evidence.KNOWN_MESSAGE, Evidence.VERP])
def test_what_can_be_guessed_proves_nothing(desk: Desk, evidence: Evidence) -> None:
    desk.take(forged(n, START + n * DAY / 300, evidence=evidence) for n in range(300))
    assert desk.count(State.SUPPRESSED) == DAY_OF_BOUNCES


def test_what_passed_lately_raises_no_cap(desk: Desk) -> None:
    """A month of patience makes itself usual no sooner than a month later."""
    desk.take(forged(n, START + n // 90 * DAY) for n in range(90 * 6))
    passed = desk.count(State.SUPPRESSED)
    desk.take(forged(1000 + n, START + 7 * DAY) for n in range(300))
    assert desk.count(State.SUPPRESSED) <= MONTH_OF_BOUNCES
    assert passed <= MONTH_OF_BOUNCES


def test_complaints_have_room_beside_bounces_and_reach_their_stream(desk: Desk) -> None:
    desk.take(forged(n, START + n * DAY / 400) for n in range(400))
    desk.take(complaint(1000 + n, START + n * DAY / 100) for n in range(100))
    assert desk.count(State.SUPPRESSED) == CAPS.day
    assert {each.scope for each in desk.ledger.lists.suppressions()} == {Scope.STREAM}


def test_a_proven_complaint_reaches_all_streams(desk: Desk) -> None:
    desk.take([complaint(1, evidence=Evidence.SIGNATURE)])
    (suppression,) = desk.ledger.lists.suppressions()
    assert suppression.scope is Scope.GLOBAL


def test_what_is_proven_is_not_capped(desk: Desk) -> None:
    desk.take(forged(n, report=f"r{n // 50}", host=1, evidence=Evidence.SIGNATURE) for n in range(500))
    assert desk.count(State.SUPPRESSED) == 500
    assert not desk.floods


def test_soft_bounces_are_capped_too(small: Desk) -> None:
    for week in range(3):
        small.take(
            forged(100 * week + n, START + 7 * week * DAY, who=n, reason=Reason.MAILBOX_FULL) for n in range(20)
        )
    assert small.count(State.SUPPRESSED) == 5
    assert small.count(State.PENDING) == 15


def test_a_soft_suppression_is_not_made_longer(small: Desk) -> None:
    for week in range(3):
        small.take([forged(100 + week, START + 7 * week * DAY, who=1, reason=Reason.MAILBOX_FULL)])
    at = START + 15 * DAY + 2 * HOUR
    small.take(forged(n, at) for n in range(200, 220))
    small.take([forged(300, at + HOUR, who=1)])
    (suppression,) = small.ledger.lists.suppressions(SuppressionFilter("good1@d1.example"))
    assert suppression.state is State.SUPPRESSED
    assert suppression.until is not None


def test_pages_and_order_change_no_number(desk: Desk) -> None:
    events = [forged(n, START + n * DAY / 300) for n in range(300)]
    desk.take(reversed(events), size=7)
    assert desk.count(State.SUPPRESSED) == DAY_OF_BOUNCES


def test_late_reports_have_the_days_behind_them_as_well(desk: Desk) -> None:
    later = [forged(n, START + 10 * DAY + n * 10 * DAY / 900) for n in range(900)]
    earlier = [forged(n, START + (n - 1000) * 10 * DAY / 900) for n in range(1000, 1900)]
    desk.take([*later, *earlier])
    assert desk.count(State.SUPPRESSED) == MONTH_OF_BOUNCES


@pytest.mark.dialects
def test_writers_count_together(ledger_url: str) -> None:
    with Ledger.connect(ledger_url) as ledger:
        ledger.upgrade()

    def write(part: int) -> None:
        with Ledger.connect(ledger_url) as ledger:
            Desk(ledger).take((forged(n, START + n * DAY / 400) for n in range(part, 400, 4)), size=10)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    with Ledger.connect(ledger_url) as ledger:
        assert Desk(ledger).count(State.SUPPRESSED) == DAY_OF_BOUNCES
        assert Desk(ledger).count(State.PENDING) == 400 - DAY_OF_BOUNCES


# ── what is held ────────────────────────────────────────────────────────────────────────────────────────────────────

HELD = "good9@d9.example"


@pytest.fixture
def flooded(small: Desk) -> Desk:
    """Five suppressed, five held: the tenth among them."""
    small.take(forged(n, START + n * MINUTE) for n in range(10))
    assert small.count(State.PENDING) == 5
    return small


def test_a_held_report_says_why_it_does_not_count(flooded: Desk) -> None:
    (event,) = flooded.ledger.lists.events(EventFilter(HELD))
    assert text(event.exclusion) == (
        "held back in a flood: unproven, over the limit of 5 within an hour"
    )
    (record,) = flooded.ledger.lists.recipients(HELD)
    assert (text(record.grounds) or "").startswith("1 of 1: invalid recipient on 2 March 2026; held back in a flood: ")
    assert not [each for each in flooded.platform.told if each.recipient == HELD and each.type in {
        NoticeType.SUPPRESSED, NoticeType.RELEASED,
    }]


def test_the_alert_is_told_and_lasts_while_anybody_is_held(flooded: Desk) -> None:
    flooded.settle(START + 300 * DAY)
    assert [alert.cleared for alert in flooded.floods] == [False]
    flooded.rule(Ruling.RELEASE, START + 300 * DAY)
    flooded.settle(START + 301 * DAY)
    assert [alert.cleared for alert in flooded.floods] == [True]
    told = [each.type for each in flooded.platform.told if each.data.get("alert") == "flood"]
    assert told == [NoticeType.ALERT_RAISED, NoticeType.ALERT_CLEARED]


def test_no_time_decides(flooded: Desk) -> None:
    flooded.settle(START + 300 * DAY)
    flooded.ledger.recording.end_waits(START + 300 * DAY, timedelta(0), flooded.platform)
    assert flooded.state(HELD) is State.PENDING


def test_a_person_confirms(flooded: Desk) -> None:
    flooded.rule(Ruling.CONFIRM, START + DAY)
    assert flooded.count(State.SUPPRESSED) == 10
    (alert,) = flooded.floods
    assert (alert.held, alert.confirmed, alert.released) == (5, 5, 0)


def test_a_person_releases(flooded: Desk) -> None:
    flooded.rule(Ruling.RELEASE, START + DAY)
    assert flooded.state(HELD) is State.ACTIVE
    assert [alert.released for alert in flooded.floods] == [5]


def test_what_a_person_confirmed_is_usual_from_then_on(small: Desk) -> None:
    for day in range(3):
        small.take(forged(100 * day + n, START + day * DAY + n * MINUTE) for n in range(30))
    small.rule(Ruling.CONFIRM, START + 3 * DAY)
    assert small.count(State.SUPPRESSED) == 90
    small.take(forged(1000 + n, START + 3 * DAY + n * MINUTE) for n in range(30))
    assert small.count(State.SUPPRESSED) == 120


def test_a_single_cleaning_makes_nothing_usual(small: Desk) -> None:
    small.take(forged(n, START + n * MINUTE) for n in range(50))
    small.rule(Ruling.CONFIRM, START + DAY)
    small.take(forged(100 + n, START + DAY + 2 * HOUR + n * MINUTE) for n in range(50))
    assert small.count(State.SUPPRESSED) == 55


def test_a_proven_report_suppresses(flooded: Desk) -> None:
    flooded.take([forged(20, START + HOUR / 2, who=9, evidence=Evidence.TOKEN)])
    assert flooded.state(HELD) is State.SUPPRESSED
    assert [alert.confirmed for alert in flooded.floods] == [1]


def test_a_later_report_that_finds_room_suppresses(flooded: Desk) -> None:
    flooded.take([forged(20, START + DAY + HOUR, who=9)])
    assert flooded.state(HELD) is State.SUPPRESSED
    (event, *_) = (event for event in flooded.ledger.lists.events(EventFilter(HELD)) if event.exclusion is None)
    assert event.message_digest == "forged20"


def test_a_second_report_at_once_confirms_nothing(flooded: Desk) -> None:
    flooded.take([forged(20, START + 11 * MINUTE, who=9)])
    assert flooded.state(HELD) is State.PENDING
    assert [alert.held for alert in flooded.floods] == [5]


def test_a_delivery_releases(flooded: Desk) -> None:
    flooded.ledger.recording.deliver([Delivery(HELD, "default", START + DAY)], flooded.platform)
    assert flooded.state(HELD) is State.ACTIVE
    flooded.settle(START + DAY)
    assert [alert.released for alert in flooded.floods] == [1]


def test_the_flood_undone_takes_back_what_passed(flooded: Desk) -> None:
    flooded.take([forged(50, START + HOUR, evidence=Evidence.TOKEN)])
    (alert,) = flooded.floods
    incident = Incident.of(alert)
    assert incident is not None
    by = Actor("jo", START + 2 * DAY)
    list(flooded.ledger.suppressions.undo(incident, flooded.decide, flooded.platform, by, subject="an incident"))
    assert flooded.count(State.PENDING) == 0
    assert [each.recipient for each in flooded.ledger.lists.suppressions()] == ["good50@d50.example"]


def test_a_simulation_holds_what_was_held(flooded: Desk) -> None:
    found = list(flooded.ledger.history.simulate(flooded.decide, START + DAY))
    assert [(each.now is None) == (each.then is None) for each in found] == [True] * 10


def test_other_rules_let_nothing_pass(small: Desk) -> None:
    """Reports that nobody understood suppress no more when a rule reads them than when it had been there before."""
    small.take(replace(forged(n, START + n * MINUTE), bounce_type=None, reason=None) for n in range(20))
    unread = list(small.ledger.lists.events())
    revisions = [
        Revision(event, replace(event, reason=Reason.INVALID_RECIPIENT,
                                bounce_type=Reason.INVALID_RECIPIENT.bounce_type)) for event in unread
    ]
    small.ledger.history.revise(revisions, small.decide, small.platform, START + DAY, policy=SMALL)
    assert (small.count(State.SUPPRESSED), small.count(State.PENDING)) == (5, 15)
    assert [alert.held for alert in small.floods] == [15]


def test_what_is_held_stays_so_under_other_words(flooded: Desk) -> None:
    """A rule that reads a held report as it was read leaves it held."""
    events = list(flooded.ledger.lists.events(EventFilter(HELD)))
    revisions = [Revision(event, replace(event, rule="other")) for event in events]
    flooded.ledger.history.revise(revisions, flooded.decide, flooded.platform, START + DAY, policy=SMALL)
    assert flooded.state(HELD) is State.PENDING


def test_without_the_guard_everything_passes(ledger: Ledger) -> None:
    desk = Desk(ledger, replace(POLICY, flood=FloodSettings(enabled=False)))
    desk.take(forged(n, report="one") for n in range(300))
    assert desk.count(State.SUPPRESSED) == 300
