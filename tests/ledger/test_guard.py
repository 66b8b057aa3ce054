"""The outage guard and the alerts on both databases: what is held back, and what becomes of it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from bounce_watcher.ledger.history.revise import Revision
from bounce_watcher.ledger.lists.filters import EventFilter, SuppressionFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.ledger import (
    Actor,
    AlertKind,
    Attempt,
    BounceEvent,
    Disposition,
    NoticeType,
    State,
)
from bounce_watcher.model.sending import SentCount
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.guards.limits import FloodSettings, GuardSettings
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.words.grounds import subject, text
from tests.facts import DOUBT, about
from tests.ledger.making import LEASE, Platform, bounce, page

POLICY = PolicySettings()
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OUTAGE = datetime(2020, 12, 14, 14, tzinfo=UTC)
FAR = OUTAGE + 30 * DAY
FALSE = "550 5.1.1 The email account that you tried to reach does not exist"
ALL = frozenset(NoticeType)


def gone(name: str, at: datetime, domain: str = "gmail.com") -> BounceEvent:
    event = bounce(f"{name}@{domain}/{at:%d%H%M%S}", f"{name}@{domain}", at=at, diagnostic=FALSE)
    return replace(event, remote_mta="gmail-smtp-in.l.google.com" if domain == "gmail.com" else f"mx.{domain}")


def usual(days: int = 10, a_day: int = 2) -> Iterator[BounceEvent]:
    """Some true ones each day before the outage, as after each mailing."""
    for day in range(days, 0, -1):
        for n in range(a_day):
            yield gone(f"dead{day}n{n}", OUTAGE - day * DAY + n * MINUTE)


def flood(count: int, start: datetime = OUTAGE, length: timedelta = 7 * HOUR, name: str = "good") -> list[BounceEvent]:
    return [gone(f"{name}{n}", start + n * length / count) for n in range(count)]


class Desk:
    """A ledger under a policy, read in pages of some size."""

    def __init__(self, ledger: Ledger, policy: PolicySettings = POLICY) -> None:
        self.ledger = ledger
        self.policy = policy
        self.platform = Platform(types=ALL, now=OUTAGE)

    def take(self, events: Sequence[BounceEvent], size: int = 500) -> None:
        for start in range(0, len(events), size):
            self.ledger.recording.record(
                page(*events[start : start + size]), partial(decide, settings=self.policy), self.platform, self.policy
            )

    def settle(self, now: datetime = FAR) -> None:
        self.ledger.recording.settle_alerts(now, self.platform)

    def end_waits(self, now: datetime = FAR) -> int:
        return self.ledger.recording.end_waits(now, self.policy.guard.wait, self.platform)

    def state(self, address: str) -> State:
        (record,) = self.ledger.lists.recipients(address)
        return record.state

    def count(self, state: State) -> int:
        return sum(1 for _ in self.ledger.lists.suppressions(SuppressionFilter(state=state)))

    def told(self, kind: NoticeType) -> int:
        return sum(occurrence.type is kind for occurrence in self.platform.told)


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    return Desk(ledger)


def test_a_flood_is_held_back_from_its_first_bounce_and_released_when_it_is_over(desk: Desk) -> None:
    desk.take(list(usual()))
    assert desk.count(State.SUPPRESSED) == 20
    desk.take(flood(200))
    assert (desk.count(State.SUPPRESSED), desk.count(State.PENDING)) == (20, 200)
    (alert,) = desk.ledger.lists.alerts(under_way=True)
    assert (alert.kind, alert.subject) == (AlertKind.OUTAGE, about("provider google.com"))
    assert (alert.usual, alert.alarm_from) == (2, 10)
    told = f"{alert.count} new hard bounces of provider google.com within 3 h; usual 2, "
    assert text(alert.grounds).startswith(told)
    assert "@" not in (alert.quote or "@")
    assert desk.told(NoticeType.ALERT_RAISED) == 1
    assert desk.told(NoticeType.RELEASED) == 0, "nobody has heard of them"

    desk.settle()
    assert (desk.count(State.SUPPRESSED), desk.count(State.PENDING)) == (20, 0)
    assert desk.state("good7@gmail.com") is State.ACTIVE
    (alert,) = desk.ledger.lists.alerts()
    assert (alert.cleared, alert.held, alert.released, alert.confirmed) == (True, 200, 200, 0)
    assert alert.ends_at == OUTAGE + 7 * HOUR + POLICY.guard.quiet
    assert desk.told(NoticeType.ALERT_CLEARED) == 1
    desk.settle()
    assert desk.told(NoticeType.ALERT_CLEARED) == 1


@pytest.mark.parametrize("size", [1, 7, 60, 500])
def test_the_cut_into_pages_changes_no_end(desk: Desk, size: int) -> None:
    desk.take([*usual(), *flood(100)], size)
    assert (desk.count(State.SUPPRESSED), desk.count(State.PENDING)) == (20, 100)
    early = desk.told(NoticeType.RELEASED)
    assert early < POLICY.guard.wait_min, "only the first were told, and taken back"
    assert desk.told(NoticeType.SUPPRESSED) == 20 + early
    desk.take([gone(f"late{n}", OUTAGE + 2 * DAY) for n in range(2)], size)
    desk.settle()
    assert (desk.count(State.SUPPRESSED), desk.count(State.PENDING)) == (22, 0)


def counted(desk: Desk, address: str) -> list[str | None]:
    return [text(event.exclusion) or None for event in desk.ledger.lists.events(EventFilter(recipient=address))]


@pytest.mark.parametrize("size", [1, 500])
def test_what_was_reported_in_it_shows_that_it_counts_no_more(desk: Desk, size: int) -> None:
    full = replace(gone("good3", OUTAGE + 2 * HOUR), id="full", reason=Reason.MAILBOX_FULL, bounce_type=BounceType.SOFT)
    desk.take([*usual(), *flood(50), full], size)
    assert counted(desk, "good3@gmail.com") == [None, None]
    assert counted(desk, "good4@gmail.com") == [None]
    desk.take([gone("good3", OUTAGE + 3 * DAY)], size)  # settles the one, and the clock the others
    desk.settle()
    (alert,) = desk.ledger.lists.alerts()
    words = f"reported in an outage: {text(alert.grounds)}"
    assert counted(desk, "good3@gmail.com") == [words, words, None]
    assert counted(desk, "good4@gmail.com") == [words]
    assert counted(desk, "dead1n0@gmail.com") == [None]


def test_that_stays_so_when_the_history_is_gone_through_again(desk: Desk) -> None:
    """By reclassify: a word about one event of a recipient makes no bounce of an outage count."""
    desk.take([*usual(), *flood(50)])
    desk.settle()
    desk.take([gone("slow", OUTAGE + HOUR)])  # comes when it is over
    fulls = [replace(gone(name, OUTAGE + 9 * DAY), id=f"full{name}", reason=Reason.SPAM, bounce_type=BounceType.BLOCK)
             for name in ("good3", "slow")]
    desk.take(fulls)
    before = [counted(desk, f"{name}@gmail.com")[0] for name in ("good3", "slow")]
    assert all((words or "").startswith("reported in an outage: ") for words in before)
    desk.ledger.history.revise(
        [Revision(event, replace(event, reason=Reason.MAILBOX_FULL, bounce_type=BounceType.SOFT)) for event in fulls],
        partial(decide, settings=desk.policy), desk.platform, FAR,
    )
    assert [counted(desk, f"{name}@gmail.com") for name in ("good3", "slow")] == [[words, None] for words in before]
    assert desk.state("good3@gmail.com") is State.WATCHING
    assert desk.state("slow@gmail.com") is State.WATCHING


def test_two_days_of_outage_hit_the_same_twice_and_suppress_nobody(desk: Desk) -> None:
    desk.take([*usual(), *flood(100), *flood(100, OUTAGE + DAY, 3 * HOUR)])
    assert desk.count(State.PENDING) == 100
    desk.settle()
    assert (desk.count(State.SUPPRESSED), desk.count(State.PENDING)) == (20, 0)
    assert [alert.held for alert in desk.ledger.lists.alerts()] == [100, 100]


@pytest.mark.parametrize("size", [1, 7, 500])
def test_nor_does_one_of_a_reason_that_waits_for_a_second_bounce(desk: Desk, size: int) -> None:
    """Each day of it leaves the first of two bounces, were it not struck out."""
    floods = [*flood(60), *flood(60, OUTAGE + DAY, 3 * HOUR)]
    disabled = [replace(event, reason=Reason.MAILBOX_DISABLED) for event in floods]
    full = replace(gone("good3", OUTAGE - DAY), id="full", reason=Reason.MAILBOX_FULL, bounce_type=BounceType.SOFT)
    desk.take([*usual(), full, *disabled], size)
    desk.settle()
    assert (desk.count(State.SUPPRESSED), desk.count(State.PENDING)) == (20, 0)
    assert {desk.state(f"good{n}@gmail.com") for n in range(60) if n != 3} == {State.ACTIVE}
    assert desk.state("good3@gmail.com") is State.WATCHING, "for the full mailbox"
    for n in range(60):
        *_, first, second = counted(desk, f"good{n}@gmail.com")
        assert (first or "").startswith("reported in an outage: ")
        assert (second or "").startswith("reported in an outage: ")
    desk.take([replace(gone("good4", OUTAGE + 9 * DAY), reason=Reason.MAILBOX_DISABLED)])
    assert desk.state("good4@gmail.com") is State.WATCHING


def test_who_bounces_after_the_outage_is_suppressed(desk: Desk) -> None:
    desk.take([*usual(), *flood(50)])
    desk.take([gone("good3", OUTAGE + 3 * DAY)])  # nobody has settled anything by now
    assert desk.state("good3@gmail.com") is State.SUPPRESSED
    desk.settle()
    assert desk.state("good3@gmail.com") is State.SUPPRESSED
    assert desk.state("good4@gmail.com") is State.ACTIVE


def test_what_speaks_against_a_recipient_besides_confirms(desk: Desk) -> None:
    disabled = replace(gone("old", OUTAGE - 5 * DAY), reason=Reason.MAILBOX_DISABLED, diagnostic="550 disabled")
    desk.take([*usual(), disabled, gone("old", OUTAGE + HOUR), *flood(50)])
    assert desk.state("old@gmail.com") is State.PENDING
    desk.settle()
    assert desk.state("old@gmail.com") is State.SUPPRESSED
    (record,) = desk.ledger.lists.recipients("old@gmail.com")
    assert (text(record.grounds) or "").startswith("confirmed: also mailbox_disabled on 9 December 2020; ")
    (alert,) = desk.ledger.lists.alerts()
    assert (alert.held, alert.released, alert.confirmed) == (51, 50, 1)


def test_late_reports_of_an_outage_that_is_over_do_not_count(desk: Desk) -> None:
    desk.take([*usual(), *flood(50)])
    desk.settle()
    desk.take([gone("slow", OUTAGE + HOUR)])
    assert desk.state("slow@gmail.com") is State.ACTIVE
    (event,) = [event for event in desk.ledger.lists.events() if event.recipient == "slow@gmail.com"]
    assert (text(event.exclusion) or "").startswith("reported in an outage: ")


def test_other_providers_go_on(desk: Desk) -> None:
    desk.take([*usual(), *flood(50)])
    desk.take([gone("x", OUTAGE + HOUR, "example.org")])
    assert desk.state("x@example.org") is State.SUPPRESSED


def test_a_person_may_decide_before_it_is_over(desk: Desk) -> None:
    desk.take([*usual(), *flood(50)])
    now = OUTAGE + 8 * HOUR
    for name in ("good1", "good2"):
        desk.ledger.suppressions.suppress(
            f"{name}@gmail.com", "default", Actor("jo", now, "asked"), announce=desk.platform
        )
    desk.ledger.suppressions.release("good2@gmail.com", None, Actor("jo", now, "is back"), announce=desk.platform)
    desk.settle()
    assert desk.state("good1@gmail.com") is State.SUPPRESSED
    assert desk.state("good2@gmail.com") is State.RELEASED
    (alert,) = desk.ledger.lists.alerts()
    assert (alert.held, alert.released, alert.cleared) == (50, 48, True)


def test_a_wording_at_many_domains_is_an_outage_as_well(desk: Desk) -> None:
    desk.take(list(usual()))
    words = replace(gone("x", OUTAGE), diagnostic="550 5.1.1 user lookup success but no user record found")
    desk.take([
        replace(words, id=f"w{n}", recipient=f"info@company{n}.example", remote_mta=None, at=OUTAGE + n * MINUTE)
        for n in range(40)
    ])
    assert desk.count(State.PENDING) == 40
    (alert,) = desk.ledger.lists.alerts()
    assert subject(alert.subject) == "wording common.no-such-user # # user lookup success but no user record found"


def test_the_dead_of_a_list_are_suppressed_as_usual(desk: Desk) -> None:
    """2 % of 1,000 at each mailing, weekly: after three mailings that is what is usual."""
    for week in range(3):
        desk.take([gone(f"w{week}n{n}", OUTAGE + week * 7 * DAY + n * MINUTE) for n in range(20)])
        desk.take([gone(f"e{week}{day}", OUTAGE + (week * 7 + day) * DAY) for day in range(1, 6)])
    desk.settle()
    before, alarms = desk.count(State.SUPPRESSED), desk.told(NoticeType.ALERT_RAISED)
    desk.take([gone(f"w3n{n}", OUTAGE + 21 * DAY + n * MINUTE) for n in range(25)])
    assert (desk.count(State.SUPPRESSED), desk.count(State.PENDING)) == (before + 3, 22), "from 0.2 of 20 on"
    assert desk.end_waits() == 22
    assert desk.count(State.SUPPRESSED) == before + 25
    assert (desk.told(NoticeType.RELEASED), desk.told(NoticeType.ALERT_RAISED)) == (0, alarms)


def test_a_new_ledger_learns_before_it_holds(ledger: Ledger) -> None:
    desk = Desk(ledger, replace(POLICY, flood=FloodSettings(enabled=False)))
    desk.take(flood(300))
    assert (desk.count(State.SUPPRESSED), desk.count(State.PENDING)) == (300, 0)


@pytest.mark.parametrize("policy", [
    PolicySettings(guard=GuardSettings(enabled=False)),
    PolicySettings(evidence_hard=Evidence.TOKEN),
], ids=["the guard is off", "reports that prove nothing"])
def test_what_raises_no_alarm(ledger: Ledger, policy: PolicySettings) -> None:
    desk = Desk(ledger, policy)
    desk.take([*usual(), *flood(100)])
    assert list(desk.ledger.lists.alerts()) == []
    assert desk.count(State.PENDING) == 0


# ── own trouble ─────────────────────────────────────────────────────────────────────────────────────────────────────

def blocked(n: int, at: datetime) -> BounceEvent:
    said = f"550 5.7.1 [203.0.113.{5 if n % 2 else 6}] has been refused for user{n}@gmail.com"
    return replace(bounce(f"b{n}", f"user{n}@gmail.com", at=at, reason=Reason.BAD_REPUTATION, diagnostic=said))


def test_blocks_become_one_alert_for_each_ip_and_touch_nobody(desk: Desk) -> None:
    desk.take([blocked(n, OUTAGE + n * MINUTE) for n in range(50)], 10)
    alerts = list(desk.ledger.lists.alerts(under_way=True))
    assert Counter(subject(alert.subject) for alert in alerts) == Counter({
        "block google.com bad_reputation 203.0.113.5": 1, "block google.com bad_reputation 203.0.113.6": 1,
    })
    assert all(alert.kind is AlertKind.BLOCKS and alert.count == 25 for alert in alerts)
    assert alerts[0].quote == "# # # has been refused for <address>"
    assert desk.state("user1@gmail.com") is State.ACTIVE
    desk.take([blocked(100 + 2 * n, OUTAGE + 4 * HOUR + n * MINUTE) for n in range(12)])
    desk.settle(OUTAGE + 8 * HOUR)
    (left,) = desk.ledger.lists.alerts(under_way=True)
    assert left.subject.ip == "203.0.113.6", "what goes on at half the strength is the same trouble"
    desk.settle()
    assert desk.told(NoticeType.ALERT_RAISED) == desk.told(NoticeType.ALERT_CLEARED) == 2


def test_blocks_are_told_as_a_share_of_what_was_sent_where_that_is_known(desk: Desk) -> None:
    full = [replace(bounce(f"f{n}", f"full{n}@gmail.com", at=OUTAGE, reason=Reason.MAILBOX_FULL)) for n in range(15)]
    desk.take([*full, *(blocked(2 * n, OUTAGE + n * MINUTE) for n in range(25))])
    (alert,) = desk.ledger.lists.alerts()
    assert "; share of bounces 62.5 %: 25 of 40; alarm from 20; since 14 December 2020 14:00 UTC" in text(alert.grounds)
    today = OUTAGE.date()
    desk.ledger.recording.put_counts([
        SentCount(today, "news", "gmail.com", 4000), SentCount(today, "shop", "googlemail.com", 1200, "spring"),
        SentCount(today, "news", "company.example", 70_000), SentCount(today - DAY, "news", "gmail.com", 9),
    ])
    desk.take([blocked(1000, OUTAGE + 30 * MINUTE)])
    (alert,) = desk.ledger.lists.alerts()
    assert "; 0.5 % of 5200 mails sent to it since 14 December 2020; alarm from 20; " in text(alert.grounds)


def test_few_among_many_reports_are_no_trouble(desk: Desk) -> None:
    full = (replace(bounce(f"f{n}", f"full{n}@gmail.com", at=OUTAGE, reason=Reason.MAILBOX_FULL)) for n in range(300))
    desk.take([*full, *(blocked(2 * n, OUTAGE) for n in range(25))])
    assert list(desk.ledger.lists.alerts()) == []


def test_forged_reports_are_told(desk: Desk) -> None:
    desk.take([replace(gone(f"x{n}", OUTAGE), doubt=DOUBT) for n in range(20)])
    assert [alert.kind for alert in desk.ledger.lists.alerts()] == [AlertKind.FORGED]


def test_a_receiver_that_wants_no_more_is_told_until_it_is_back(desk: Desk) -> None:
    desk.take([gone("x", OUTAGE)])
    (item, *_) = desk.ledger.outbox.lease("platform", FAR, LEASE, 1)
    desk.ledger.outbox.conclude([(item, Attempt(Disposition.GONE, "HTTP 410"))], FAR)
    desk.settle()
    (alert,) = desk.ledger.lists.alerts(under_way=True)
    assert (alert.kind, alert.subject.name, alert.quote) == (AlertKind.ENDPOINT, "platform", "HTTP 410")
    desk.settle()
    desk.ledger.outbox.retry(Actor("jo", FAR), target="platform")
    desk.settle(FAR + HOUR)
    (alert,) = desk.ledger.lists.alerts()
    assert alert.cleared
    assert desk.told(NoticeType.ALERT_RAISED) == desk.told(NoticeType.ALERT_CLEARED) == 1


def test_counts_that_are_older_than_any_baseline_go(desk: Desk) -> None:
    desk.take([*usual(), *flood(50)])
    assert desk.ledger.history.purge_counts(FAR) > 0
    assert desk.ledger.history.purge_counts(FAR) == 0
