"""Troubles that last become alerts, once each, and are over when they are known to be."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bounce_watcher.config import Settings
from bounce_watcher.intake.imap.account import ImapAccount, Security
from bounce_watcher.ledger.lists.figures import Figures
from bounce_watcher.ledger.lists.stock import Queue
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.about import LEDGER, About, AboutKind
from bounce_watcher.model.errors import TemporaryFailure
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.grounds import Subject, SubjectKind
from bounce_watcher.model.ledger import Alert, AlertKind, Attempt, Disposition, NoticeType, OutboxState
from bounce_watcher.outbox.notifier import Message, Notifier, NotifierChannel
from bounce_watcher.outbox.webhook.target import WebhookTarget
from bounce_watcher.policy.settings import Mode, PolicySettings
from bounce_watcher.service import alarms, app
from bounce_watcher.service.alarms import Alarms, LedgerAlarm, findings
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.app import Cooldown, Service
from bounce_watcher.service.state import MailboxState, ServiceState, Troubles, What
from bounce_watcher.words.faults import describe
from bounce_watcher.words.grounds import text
from tests.facts import BY
from tests.ledger.making import LEASE, Platform, bounce, mail, page, record
from tests.servers.receiver import Receiver
from tests.troubles import failed

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
RETURNS = ImapAccount("returns", "127.0.0.1", 9, Security.NONE, "bounces")
SHOP = WebhookTarget("shop", "https://shop.example.com/bounces", (SecretStr("whsec_x"),))
OPERATOR = Notifier("operator", SecretStr("json://127.0.0.1:9/"))
MAILBOX = MailboxState("returns", "INBOX", "news", last_read_at=NOON)
DOWN = replace(MAILBOX, trouble=failed("someone@example.org was refused", NOON))


@dataclass
class Desk:
    """A ledger, and the state of a service that is as the test says, at the time that it says."""

    ledger: Ledger
    settings: Settings
    now: datetime = NOON
    state: ServiceState = field(default_factory=lambda: ServiceState(NOON, Mode.ENFORCE, (MAILBOX,), {}))
    troubles: Troubles = field(default_factory=Troubles)

    def look(self, minutes: int = 0) -> list[Alert]:
        """The alerts under way after so many minutes more. Each look is that of a service begun anew."""
        self.now += minutes * MINUTE
        announce = announcer(self.settings)
        Alarms(self.settings, self.ledger, lambda: self.state, self.troubles, announce).look()
        return list(self.ledger.lists.alerts(under_way=True))

    def told(self) -> list[tuple[str, str]]:
        return [(item.target, item.type) for item in self.ledger.lists.outbox()]

    def mailbox(self, state: MailboxState) -> None:
        self.state = replace(self.state, mailboxes=(state,))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with Ledger.connect(url) as ledger:
        ledger.upgrade()
        settings = Settings(SecretStr(url), mailboxes=(RETURNS,), webhooks=(SHOP,), notifiers=(OPERATOR,))
        it = Desk(ledger, settings)
        monkeypatch.setattr(alarms, "utcnow", lambda: it.now)
        yield it


# ── mail that can't be filed ────────────────────────────────────────────────────────────────────────────────────────

def test_mail_that_cannot_be_filed_makes_an_alert_that_names_folder_and_quota(desk: Desk) -> None:
    said = "mailbox returns: folder Done is full (STORAGE of quota root done: 99 of 100 KiB used); make room"
    filing = {About(AboutKind.FILING, "returns"): failed(said, NOON)}
    desk.state = replace(desk.state, troubles=filing)
    assert desk.look(14) == []
    alert, = desk.look(1)
    assert (alert.kind, alert.subject.name) == (AlertKind.MAILBOX, "returns")
    assert text(alert.grounds) == "mail of mailbox returns is read and can't be filed since 2026-03-02 12:00 UTC"
    assert "folder Done is full" in (alert.quote or "") and "quota root done: 99 of 100 KiB" in (alert.quote or "")
    assert len(desk.look(60)) == 1
    desk.state = replace(desk.state, troubles={})
    assert desk.look(1) == []


# ── mailboxes ───────────────────────────────────────────────────────────────────────────────────────────────────────

def test_a_mailbox_that_cannot_be_read_is_told_once_and_when_it_is_over(desk: Desk) -> None:
    desk.mailbox(DOWN)
    assert desk.look(14) == []
    [alert] = desk.look(1)
    assert (alert.kind, alert.subject.name, alert.since, alert.ends_at) == (AlertKind.MAILBOX, "returns", NOON, None)
    assert text(alert.grounds) == "mailbox returns can't be read since 2026-03-02 12:00 UTC"
    assert alert.quote == "…@example.org was refused"
    assert desk.look(600) == [alert]
    desk.mailbox(MAILBOX)
    assert desk.look() == []
    assert desk.told() == [("operator", NoticeType.ALERT_RAISED), ("operator", NoticeType.ALERT_CLEARED)]
    [over] = desk.ledger.lists.alerts()
    assert over.ends_at == desk.now


def test_a_service_begun_anew_neither_ends_an_alert_before_it_knows_nor_repeats_it(desk: Desk) -> None:
    desk.mailbox(DOWN)
    desk.look(15)
    desk.mailbox(replace(MAILBOX, last_read_at=None))
    assert len(desk.look()) == 1, "nothing has been read yet"
    desk.mailbox(replace(DOWN, trouble=failed("refused", desk.now)))
    assert len(desk.look(20)) == 1, "down since another time, as far as it knows"
    assert len(desk.told()) == 1


def test_a_mailbox_that_makes_no_progress_is_told_at_once(desk: Desk) -> None:
    desk.mailbox(replace(MAILBOX, stopped=True, moved_at=NOON - HOUR))
    [alert] = desk.look()
    assert text(alert.grounds) == "mailbox returns makes no progress since 2026-03-02 11:00 UTC"


def test_a_mailbox_that_is_watched_no_more(desk: Desk) -> None:
    desk.mailbox(DOWN)
    desk.look(15)
    desk.state = replace(desk.state, mailboxes=())
    desk.settings = replace(desk.settings, mailboxes=())
    assert desk.look() == []


def test_never(desk: Desk) -> None:
    desk.settings = replace(desk.settings, unread_after=None, untold_after=None)
    desk.mailbox(DOWN)
    assert desk.look(10_000) == []


def test_in_shadow_mode_the_operator_hears_of_it_and_nobody_else(desk: Desk) -> None:
    webhooks = (replace(SHOP, types=frozenset(NoticeType)),)
    desk.settings = replace(desk.settings, policy=PolicySettings(mode=Mode.SHADOW), webhooks=webhooks)
    desk.mailbox(DOWN)
    desk.look(15)
    assert desk.told() == [("operator", NoticeType.ALERT_RAISED)]


# ── mailboxes to which no mail comes ────────────────────────────────────────────────────────────────────────────────

READ = replace(MAILBOX, read_since=NOON - 2 * HOUR)


def come(desk: Desk, *hours_ago: float) -> None:
    """Mail, so many hours before noon."""
    record(desk.ledger, [mail(digest=f"m{ago}", kind=Kind.OTHER, at=NOON - ago * HOUR) for ago in hours_ago])


def is_silent_for_a_day(desk: Desk) -> None:
    """The longest pause before was one of 6 hours."""
    come(desk, *range(24, 24 * 20, 6))


def quiet(alerts: list[Alert]) -> list[Alert]:
    return [alert for alert in alerts if alert.kind is AlertKind.QUIET]


def test_a_mailbox_that_gets_no_mail_is_told_once_and_when_mail_comes_again(desk: Desk) -> None:
    is_silent_for_a_day(desk)
    desk.mailbox(READ)
    [alert] = desk.look()
    assert (alert.kind, alert.subject.name, alert.since) == (AlertKind.QUIET, "returns", NOON - 23 * HOUR)
    assert (alert.raised_at, alert.ends_at) == (NOON, None)
    assert (alert.count, alert.alarm_from, alert.usual) == (23, 12, 6)
    assert text(alert.grounds) == (
        "no mail has come to mailbox returns since 2026-03-01 13:00 UTC, while the longest usual pause was 6 hours; "
        "check the Return-Path of sent mail, and forwarding and filters of the mailbox"
    )
    for _ in range(50):
        desk.mailbox(replace(READ, last_read_at=desk.now))
        assert desk.look(24 * 60) == [alert], "as long as it lasts, though nothing is known of the days before any more"
    assert desk.told() == [("operator", NoticeType.ALERT_RAISED)]
    record(desk.ledger, [mail(digest="again", kind=Kind.OTHER, at=desk.now)])
    desk.mailbox(replace(READ, last_read_at=desk.now))
    assert desk.look(1) == []
    assert desk.told() == [("operator", NoticeType.ALERT_RAISED), ("operator", NoticeType.ALERT_CLEARED)]
    [over] = desk.ledger.lists.alerts()
    assert over.ends_at == desk.now


@pytest.mark.parametrize("state", [
    replace(READ, last_read_at=None),
    replace(READ, trouble=failed("refused", NOON)),
    replace(READ, stopped=True, moved_at=NOON),
    replace(READ, waiting=1, oldest_waiting_at=NOON),
    replace(READ, read_since=None),
    replace(READ, read_since=NOON - 119 * MINUTE),
    replace(READ, read_since=NOON - 48 * HOUR, last_read_at=NOON - 12 * HOUR),
], ids=["not read yet", "in trouble", "stopped", "behind", "begun", "just back", "seldom read"])
def test_silence_that_may_be_our_own_is_none_and_ends_none(desk: Desk, state: MailboxState) -> None:
    is_silent_for_a_day(desk)
    desk.mailbox(state)
    assert quiet(desk.look()) == []
    desk.mailbox(READ)
    told = quiet(desk.look())
    assert len(told) == 1
    desk.mailbox(state)
    assert quiet(desk.look(1)) == told


@pytest.mark.parametrize("hours", [
    [], [24], range(24, 24 * 14, 6), range(24, 24 * 20, 25), range(11, 24 * 20, 6), range(24 * 17, 24 * 29, 6),
], ids=["none", "one", "new", "little", "lately", "only long ago"])
def test_where_too_little_is_known_or_mail_comes_nothing_is_told(desk: Desk, hours: list[int]) -> None:
    come(desk, *hours)
    desk.mailbox(READ)
    assert desk.look() == []


def test_a_silent_mailbox_that_is_watched_no_more(desk: Desk) -> None:
    is_silent_for_a_day(desk)
    desk.mailbox(READ)
    assert len(desk.look()) == 1
    desk.state = replace(desk.state, mailboxes=())
    desk.settings = replace(desk.settings, mailboxes=())
    assert desk.look() == []


def test_who_wants_to_hear_nothing_of_silence(desk: Desk) -> None:
    picky = replace(OPERATOR, alerts=frozenset({AlertKind.MAILBOX}))
    desk.settings = replace(desk.settings, notifiers=(picky,))
    is_silent_for_a_day(desk)
    desk.mailbox(READ)
    assert len(desk.look()) == 1
    assert desk.told() == []


# ── targets ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_a_target_that_takes_nothing(desk: Desk) -> None:
    record(desk.ledger, page(bounce("m")), Platform(targets=("shop",), now=NOON))
    desk.state = replace(desk.state, troubles={About(AboutKind.WEBHOOK, "shop"): failed("HTTP 503", NOON)})
    assert desk.look(59) == []
    [alert] = desk.look(1)
    assert (alert.kind, alert.subject.name, alert.count, alert.quote) == (AlertKind.TARGET, "shop", 1, "HTTP 503")
    assert text(alert.grounds) == "webhook shop accepts nothing since 2026-03-02 12:00 UTC; 1 notice is due"
    desk.state = replace(desk.state, troubles={})
    assert desk.look() == [alert], "begun anew: it has tried nothing yet"
    desk.state = replace(desk.state, counted={What.TRIES: {("shop", "delivered"): 1}})
    assert desk.look() == []


def test_dead_letters(desk: Desk) -> None:
    record(desk.ledger, page(bounce("m")), Platform(targets=("shop",), now=NOON))
    [item] = desk.ledger.outbox.lease("shop", NOON, LEASE, 1)
    desk.ledger.outbox.conclude([(item, Attempt(Disposition.DEAD, "400"))], NOON)
    [alert] = desk.look()
    assert text(alert.grounds) == (
        "1 notice to webhook shop was given up; fix the cause, then bounce-watcher outbox retry --target shop"
    )
    assert desk.look(5) == [alert]
    desk.ledger.outbox.discard(BY, ids=[item.id])
    assert desk.look() == []


@pytest.mark.parametrize(("queue", "lasts"), [
    (Queue(due=1), True),
    (Queue(due=1, disabled=True), False),  # there is an alert on that
    (Queue(due=1, paused=True), False),    # nothing is tried
    (Queue(), False),                      # what was in trouble has gone
])
def test_what_a_trouble_of_a_target_comes_to(desk: Desk, queue: Queue, lasts: bool) -> None:
    state = replace(desk.state, troubles={About(AboutKind.WEBHOOK, "shop"): failed("HTTP 503", NOON)})
    found = findings(desk.settings, state, {"shop": queue}, {}, NOON + HOUR)
    assert ((AlertKind.TARGET, Subject(SubjectKind.TARGET, "shop")) in found.lasting) is lasts


# ── the ledger ──────────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """What notifiers were told without the outbox."""
    it: list[Message] = []
    monkeypatch.setattr(NotifierChannel, "tell", lambda _, message: it.append(message))
    return it


def test_of_a_ledger_that_is_away_the_operator_is_told_past_it(heard: list[Message]) -> None:
    alarm, trouble = LedgerAlarm((OPERATOR,), 15 * MINUTE), failed("the server is away", NOON)
    for minute in range(30):
        alarm.look(trouble, NOON + minute * MINUTE)
    assert [message.title for message in heard] == ["bounce-watcher: the database can't be used"]
    assert "since 2026-03-02 12:00 UTC" in heard[0].body
    assert "the server is away" in heard[0].body
    for _ in range(3):
        alarm.look(None, NOON + HOUR)
    assert [message.is_bad for message in heard] == [True, False]


def test_who_cannot_be_told_is_told_later(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Message] = []

    def tell(_: NotifierChannel, message: Message) -> str | None:
        tried.append(message)
        return None if len(tried) == 3 else "no"

    monkeypatch.setattr(NotifierChannel, "tell", tell)
    alarm = LedgerAlarm((OPERATOR,), MINUTE)
    for minute in range(1, 6):
        alarm.look(failed("away", NOON), NOON + minute * MINUTE)
    assert len(tried) == 3


def test_a_ledger_that_fails_is_no_crash(desk: Desk, heard: list[Message], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Ledger) -> None:
        raise TemporaryFailure("away")

    monkeypatch.setattr(Figures, "queues", fail)
    looking = Alarms(desk.settings, desk.ledger, lambda: desk.state, desk.troubles, announcer(desk.settings))
    looking.look()
    assert describe(desk.troubles.open()[LEDGER].fault) == "away"
    desk.now = datetime.now(UTC) + HOUR
    looking.look()
    assert len(heard) == 1


# ── pace ────────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_pace_counts_from_what_succeeded() -> None:
    now = NOON
    pace = Cooldown(15 * MINUTE, lambda: now)
    assert pace.allows
    pace.succeeded()
    now += 14 * MINUTE
    assert not pace.allows
    now += MINUTE
    assert pace.allows
    pace.succeeded()
    now -= HOUR
    assert pace.allows, "a clock that was set back"
    assert Cooldown(timedelta(0), lambda: now).allows


def test_an_alert_waits_in_the_outbox_for_a_notifier_that_is_down(desk: Desk) -> None:
    desk.mailbox(DOWN)
    desk.look(15)
    [item] = desk.ledger.lists.outbox()
    assert (item.target, item.state, item.recipient) == ("operator", OutboxState.DUE, None)


# ── all together ────────────────────────────────────────────────────────────────────────────────────────────────────

def test_a_running_service_tells_of_a_mailbox_that_it_cannot_reach(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "EXPIRE_EVERY", timedelta(seconds=0.2))
    monkeypatch.setattr(app, "DELIVER_EVERY", timedelta(seconds=0.2))
    monkeypatch.setattr(alarms, "utcnow", lambda: datetime.now(UTC))
    chat = Receiver()
    chat.start()
    notifier = replace(OPERATOR, url=SecretStr(f"json://127.0.0.1:{chat.port}/"))
    settings = replace(desk.settings, webhooks=(), notifiers=(notifier,), unread_after=timedelta(0), workers=1)
    with Service(settings, Ledger.connect(settings.database_url.get_secret_value())):
        [request] = chat.wait_for(1, 30)
    chat.stop()
    assert request.json["title"] == "bounce-watcher: mailbox: 1 raised"
    assert "mailbox returns can't be read since" in request.json["message"]
    assert "refused by 127.0.0.1:9" in request.json["message"]
