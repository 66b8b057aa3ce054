"""Alerts as people get them: by mail, and by JSON to a server that stands for any chat."""

import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from pydantic import SecretStr

from bounce_watcher.ledger.recording.alerts import alert_on, occurrence
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.grounds import TargetFails
from bounce_watcher.model.ledger import AlertKind, Disposition, NoticeType, OutboxItem
from bounce_watcher.model.neutral import is_unsafe
from bounce_watcher.outbox.notifier import MOST_TOLD, Notifier, NotifierChannel, message_of, understood
from bounce_watcher.outbox.opening import rehearse_item, rehearse_test
from bounce_watcher.outbox.webhook.notice import notices
from tests.facts import about, an_alert
from tests.outbox.samples import AT
from tests.servers.receiver import Receiver, Reply
from tests.servers.sink import Sink, running

RAISED, CLEARED = NoticeType.ALERT_RAISED, NoticeType.ALERT_CLEARED
HOUR = timedelta(hours=1)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    it = Receiver()
    it.start()
    yield it
    it.stop()


def notifier(url: str = "json://127.0.0.1:9/", alerts: frozenset[AlertKind] = frozenset(AlertKind)) -> Notifier:
    return Notifier("operator", SecretStr(url), alerts, timeout=timedelta(seconds=5))


def channel_to(receiver: Receiver) -> NotifierChannel:
    return NotifierChannel(notifier(f"json://127.0.0.1:{receiver.port}/alerts"), jitter=lambda: 0.0)


def told(
    type: NoticeType = RAISED, kind: AlertKind = AlertKind.OUTAGE, subject: str = "provider example.net",
    label: str = "webhook shop", quote: str | None = None,
) -> list[OutboxItem]:
    alert = alert_on(kind, about(subject), AT, TargetFails(label, AT, 2), quote=quote)
    return list(notices(occurrence(type, AT if type is RAISED else AT + HOUR, alert), [notifier()], lambda: "msg_1"))


# ── what is heard of ────────────────────────────────────────────────────────────────────────────────────────────────

def test_only_alerts_of_its_kinds_are_for_it() -> None:
    picky = notifier(alerts=frozenset({AlertKind.BLOCKS}))
    assert picky.hears(occurrence(RAISED, AT, an_alert(AlertKind.BLOCKS, "blocks", AT)))
    assert not picky.hears(occurrence(RAISED, AT, an_alert(AlertKind.OUTAGE, "provider", AT)))
    assert notices(occurrence(RAISED, AT, an_alert(AlertKind.OUTAGE, "p", AT)), [picky], str) == ()
    assert not notifier().hears(occurrence(NoticeType.TEST, AT, an_alert(AlertKind.BLOCKS, "b", AT)))


# ── what is written ─────────────────────────────────────────────────────────────────────────────────────────────────

def test_one_alert() -> None:
    message = message_of(told(quote="550 5.1.1 user unknown"))
    assert message.title == "bounce-watcher: outage: 1 raised"
    assert message.body.splitlines() == [
        "RAISED at 2026-11-24T06:00:00Z: webhook shop accepts nothing since 2026-11-24 06:00 UTC; 2 notices are due",
        "    \u201c550 5.1.1 user unknown\u201d",
    ]
    assert message.is_bad


def test_several_are_one_message_and_each_alert_is_told_as_it_stands_last() -> None:
    blocks = told(kind=AlertKind.BLOCKS, subject="blocks", label="webhook crm")
    message = message_of([*told(), *blocks, *told(CLEARED)])
    assert message.title == "bounce-watcher: blocks, outage: 1 raised, 1 over"
    assert message.body.splitlines() == [
        "RAISED AND OVER at 2026-11-24T07:00:00Z: webhook shop accepts nothing since 2026-11-24 06:00 UTC; 2 notices "
        "are due",
        "RAISED at 2026-11-24T06:00:00Z: webhook crm accepts nothing since 2026-11-24 06:00 UTC; 2 notices are due",
    ]
    over = message_of(told(CLEARED))
    assert over.body.startswith("OVER at 2026-11-24T07:00:00Z: ")
    assert not over.is_bad


def test_a_flood_is_counted() -> None:
    items = [each for number in range(MOST_TOLD + 7) for each in told(subject=f"provider {number}")]
    lines = message_of(items).body.splitlines()
    assert len(lines) == MOST_TOLD + 1
    assert lines[-1] == "and 7 more: bounce-watcher alerts list"


def test_what_others_wrote_calls_nobody_and_is_no_markup() -> None:
    message = message_of(told(label="<!channel> @everyone", quote="<b>someone@example.org</b>"))
    assert not {"@", "<", ">"} & set(message.title + message.body)
    assert "everyone" in message.body


def test_what_others_wrote_is_no_link_and_hides_nothing() -> None:
    hostile = "550 [your mailbox](https://evil.example/in) \u202egnp.exe \x1b[2J\r\nOVER at 2026: all is well"
    message = message_of(told(label=f"forged: {hostile}", quote=hostile))
    assert len(message.body.splitlines()) == 2
    assert "](" not in message.body
    assert "://" not in message.body
    assert not [each for each in message.body if each != "\n" and is_unsafe(each)]
    assert "https[:]//evil[.]example/in" in message.body, "it can still be read"


# ── how it is sent ──────────────────────────────────────────────────────────────────────────────────────────────────

def test_what_is_due_goes_as_one_message(receiver: Receiver) -> None:
    channel, items = channel_to(receiver), [*told(), *told(kind=AlertKind.FORGED, subject="forged")]
    assert channel.batches(items) == [items]
    attempts = channel.send(items, AT)
    assert [attempt.disposition for attempt in attempts] == [Disposition.DELIVERED] * 2
    [request] = receiver.requests
    assert request.path == "/alerts"
    assert request.json["title"] == "bounce-watcher: forged, outage: 2 raised"
    assert request.json["message"].count("RAISED at") == 2
    assert request.json["type"] == "warning"
    assert channel.batches([]) == []


def test_what_is_not_taken_is_tried_again_by_the_schedule(receiver: Receiver) -> None:
    receiver.always(Reply(503))
    [attempt] = channel_to(receiver).send(told(), AT)
    assert attempt.disposition is Disposition.RETRY
    assert attempt.next_attempt_at == AT + timedelta(seconds=5)
    assert attempt.leave_alone == timedelta(0), "it failed as a whole"
    assert "503" in attempt.answer or "JSON" in attempt.answer


def test_nobody_there() -> None:
    [attempt] = NotifierChannel(notifier()).send(told(), AT)
    assert attempt.disposition is Disposition.RETRY
    assert "127.0.0.1" in attempt.answer


def test_a_server_that_hangs_is_waited_for_no_longer_than_told(receiver: Receiver) -> None:
    receiver.always(Reply(hang=20))
    hurried = Notifier("operator", SecretStr(f"json://127.0.0.1:{receiver.port}/"), timeout=timedelta(seconds=1))
    channel = NotifierChannel(hurried)
    [attempt] = channel.send(told(), AT)
    assert attempt.disposition is Disposition.RETRY
    assert channel.longest == timedelta(seconds=1)


@pytest.mark.parametrize("url", ["nonsense://x", "json://127.0.0.1:9/,nonsense://x"])
def test_a_url_that_apprise_does_not_know(url: str) -> None:
    with pytest.raises(PermanentFailure, match=r"^notifier operator: its URL is none that Apprise understands; see "):
        understood(notifier(url))
    [attempt] = NotifierChannel(notifier(url)).send(told(), AT)
    assert attempt.disposition is Disposition.RETRY, "it is mended in the configuration, and then none is lost"


def test_a_test_says_so(receiver: Receiver) -> None:
    channel = channel_to(receiver)
    assert channel.test(AT).disposition is Disposition.DELIVERED
    assert receiver.requests[0].json["title"] == "bounce-watcher: test"
    receiver.always(Reply(500))
    assert channel.test(AT).disposition is Disposition.RETRY
    channel.close()


def test_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    letters: list[tuple[list[str], bytes]] = []
    monkeypatch.setattr(Sink, "take", lambda _, recipients, content: letters.append((recipients, content)))
    with running([]) as sink:
        url = f"mailto://127.0.0.1:{sink.port}?from=bounces@example.org&to=operator@example.org&mode=insecure"
        [attempt] = NotifierChannel(notifier(url)).send(told(quote="550 no such user"), AT)
    assert attempt.disposition is Disposition.DELIVERED
    [(recipients, content)] = letters
    assert recipients == ["operator@example.org"]
    letter = message_from_bytes(content, policy=policy.default)
    assert letter["subject"] == "bounce-watcher: outage: 1 raised"
    body = letter.get_body(("plain", "html"))
    assert body is not None
    assert "550 no such user" in body.get_content()


def test_neither_secret_nor_address_is_logged_or_told(caplog: pytest.LogCaptureFixture) -> None:
    url = "mailto://someone:s3cret-pass@127.0.0.1:9?from=bounces@example.org&to=operator@example.org&mode=insecure"
    with caplog.at_level(logging.DEBUG, "apprise"):
        [attempt] = NotifierChannel(notifier(url)).send(told(), AT)
    seen = caplog.text + attempt.answer + repr(notifier(url))
    assert "s3cret" not in seen
    assert "operator@" not in seen


# ── what would be sent ──────────────────────────────────────────────────────────────────────────────────────────────

def test_rehearsals_show_the_message_and_not_where_to() -> None:
    [alert] = told()
    assert rehearse_item(alert, notifier(), AT) == "bounce-watcher: outage: 1 raised\n\n" + message_of([alert]).body
    assert rehearse_test(notifier(), AT, "msg_1").startswith("bounce-watcher: test\n\n")


@pytest.mark.parametrize(("url", "said"), [
    ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "POST https://hooks.slack.com/services/{}/{}/{}"),
    ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "https://discord.com/api/webhooks/{}/{} (cert_verify=True)"),
    ("mailtos://alerts:pass-w0rd@mail.example.com?to=op@example.org, slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrI",
     "log-in of {} with {} at mail.example.com"),
])
def test_what_apprise_makes_of_its_url_is_not_repeated(url: str, said: str) -> None:
    tokens = [each for each in re.split(r"[/:@?, ]+", url.partition("://")[2]) if len(each) >= 6]
    trouble = NotifierChannel(notifier(url))._trouble([said.format(*tokens)])
    for token in tokens:
        assert token not in trouble or token == "mail.example.com", token
