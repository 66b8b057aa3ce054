"""Providers, streams and campaigns: their rows add up, their own trouble is told with what to do, names do no harm."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote

import pytest

from bounce_watcher.intake.imap.account import ImapAccount, Security
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import BounceEvent
from bounce_watcher.model.sending import SentCount
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.service.clock import utcnow
from bounce_watcher.web.pages.statistics.streams import policy_words
from bounce_watcher.web.view import links as to
from bounce_watcher.web.view.advice import ADVICE, PAGES
from bounce_watcher.words.formatting import PROVIDERS
from tests.families import for_each
from tests.ledger.making import bounce
from tests.web.conftest import Web
from tests.web.looking import links, page, rows, section, words
from tests.web.test_overview import HOSTILE, RANGES, bounces, recorded, told

Make = Callable[..., Web]
BLOCK = "550 5.7.1 Unfortunately, messages from [192.0.2.25] weren't sent. Please contact your provider."


def blocked(number: int, *, hours: int = 20) -> list[BounceEvent]:
    now = utcnow() - timedelta(minutes=1)
    return [
        bounce(f"k{n}", f"k{n}@outlook.com", at=now - timedelta(hours=hours) * n / number, stream="news",
               reason=Reason.BAD_REPUTATION, diagnostic=BLOCK)
        for n in range(number)
    ]


@pytest.mark.parametrize("asked", RANGES)
def test_providers_and_the_others_add_up_to_all(web: Make, asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bounce_watcher.web.pages.statistics.providers.MOST", 10)
    client = web()
    recorded(client, [*bounces(200), *bounces(99, spread=timedelta(hours=9), start=600)])
    html = page(client, f"/providers?range={asked}")
    table = rows(html)
    total = re.search(r"All ([\d,]+) bounces", words(html))
    assert total
    assert sum(int(row[1]) for row in table) == int(total[1])
    assert (len(table), "other" in table[-1][0]) == (11, True)
    for row in table[:-1]:
        assert sum(int(cell) for cell in row[2:7]) == int(row[1])


def test_the_unusual_provider_comes_first(web: Make) -> None:
    client, week = web(), timedelta(days=7)
    steady = [event for event in bounces(600) if event.recipient.endswith("gmail.com")]
    recorded(client, [*steady, *blocked(80), bounce("old", at=utcnow() - 5 * week)])
    table = rows(page(client, "/providers?range=24h"))
    assert (table[0][0], table[0][-1]) == ("Microsoft outlook.com, hotmail.com, Microsoft 365", "Unusual")
    by_bounces = rows(page(client, "/providers?range=30d&sort=bounces"))
    assert [int(row[1]) for row in by_bounces] == sorted((int(row[1]) for row in by_bounces), reverse=True)


def test_own_trouble_is_told_with_its_words_and_what_to_do(web: Make) -> None:
    client = web()
    recorded(client, [*blocked(30), *bounces(90)])
    html = page(client, "/providers/outlook.com?range=24h")
    own = words(section(html, "own"))
    advice = ADVICE[Reason.BAD_REPUTATION]
    for each in ("Blocked: reputation 30 bounces", advice, "Sending IP: 192.0.2.25", BLOCK):
        assert each in own
    (link,) = links(section(html, "own"), "/events")
    assert "provider=outlook.com" in link
    assert told(client, link) == 30
    assert links(html, "https://") == [PAGES["outlook.com"][1]]
    told_ = "30 of 30 bounces in the last 24 hours are about the sender, most of them for “Blocked: reputation”"
    assert told_ in words(html)
    said = rows(section(html, "words"))
    assert said[0][1:] == ["30", "common.no-such-user"]
    assert "192.0.2.25" not in said[0][0]
    assert rows(section(html, "domains")) == [["outlook.com", "30"]]


def test_own_trouble_tells_its_first_and_last_day_however_many_reports_there_are(
    web: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bounce_watcher.web.pages.statistics.providers.LOOKED_AT", 3)
    client, events = web(), blocked(40, hours=100)
    recorded(client, events)
    own = words(section(page(client, "/providers/outlook.com"), "own"))
    first, last = events[-1].at, events[0].at
    assert f"First {first.day} {first:%b}, last {last.day} {last:%b}." in own


def test_every_reason_of_the_senders_has_advice_and_no_other() -> None:
    assert set(ADVICE) == {reason for reason in Reason if reason.bounce_type is BounceType.BLOCK}
    assert PAGES.keys() <= PROVIDERS.keys()


def test_a_provider_of_whom_nothing_is_stored_is_not_found(web: Make) -> None:
    answer = web().get("/providers/none.example")
    assert (answer.status_code, "No report stored about none.example." in answer.text) == (404, True)


def test_a_quiet_provider_says_when_it_last_bounced(web: Make) -> None:
    client = web()
    last = utcnow() - timedelta(days=20)
    recorded(client, [bounce("m", "a@gmail.com", at=last)])
    text = words(page(client, "/providers/google.com"))
    assert "No bounce from Google in the last 7 days." in text
    assert f"Last report: {last.day} {last:%b}" in text
    assert "Google doesn't report individual complaints" in text
    assert "No bounces in the last 7 days. Last report" in words(page(client, "/providers"))


# ── streams and campaigns ───────────────────────────────────────────────────────────────────────────────────────────

def campaign(name: str, number: int, hours: int = 5, stream: str = "news") -> list[BounceEvent]:
    now = utcnow() - timedelta(minutes=1)
    return [
        replace(bounce(f"{stream}{name}{n}", f"{n}@gmail.com", at=now - timedelta(hours=hours) * n / number,
                       stream=stream, reason=(Reason.INVALID_RECIPIENT, Reason.MAILBOX_FULL)[n % 2]), sending=name)
        for n in range(number)
    ]


def test_streams_add_up_to_all_and_quiet_ones_are_listed(web: Make) -> None:
    client = web()
    box = ImapAccount("returns", "imap.example.org", 993, Security.TLS, "u", stream="quiet")
    client.settings = replace(client.settings, mailboxes=(box,))
    recorded(client, [*bounces(90, spread=timedelta(days=5)), *bounces(40, stream="shop", start=300)])
    html = page(client, "/streams")
    table = rows(html)
    total = re.search(r"All ([\d,]+) bounces", words(html))
    assert total
    assert [row[0] for row in table] == ["news", "shop", "quiet"]
    assert sum(int(row[2]) for row in table) == int(total[1])
    assert (table[2][1], table[2][3]) == ("returns", "no sent counts")
    complaints = [link for link in links(html, "/events") if "type=complaint" in link]
    assert [told(client, link) for link in complaints] == [int(row[4]) for row in table]
    assert "Read from returns." in words(page(client, "/streams/quiet"))
    assert client.get("/streams/none").status_code == 404


def test_a_campaign_has_a_rate_where_it_is_known_what_it_sent(web: Make) -> None:
    client = web()
    recorded(client, [*campaign("spring", 40), *campaign("summer", 17)])
    client.ledger.recording.put_counts([SentCount(utcnow().date(), "news", "gmail.com", 400, "spring")])
    table = {row[0]: row[1:] for row in rows(section(page(client, "/streams/news"), "campaigns"))}
    assert table["spring"][:3] == ["400", "40", "10 %"]
    assert table["summer"][:3] == ["–", "17", "–"]
    html = page(client, "/streams/news/campaigns/spring")
    assert "40 bounces so far. Bounce rate: 10 % (40 of 400, likely 7.4–13.3 %)." in words(html)
    assert sum(int(row[6]) for row in rows(section(html, "chart"))) == 40
    assert sum(int(row[1]) for row in rows(section(html, "why"))) == 40
    assert rows(section(html, "where")) == [["Google", "40"]]
    assert "Of these addresses, 20 are suppressed now." in words(html)
    assert client.get("/streams/news/campaigns/autumn").status_code == 404
    assert client.get("/streams/shop/campaigns/spring").status_code == 404


def test_what_came_late_is_said_beside_the_first_hours(web: Make) -> None:
    client = web()
    recorded(client, campaign("spring", 50, hours=100))
    html = page(client, "/streams/news/campaigns/spring")
    early = sum(int(row[6]) for row in rows(section(html, "chart")))
    assert f"{early} bounces in the 48 hours since" in words(html)
    assert f"; {50 - early} came later." in words(html)
    assert 20 <= early < 30


def test_a_large_campaign_is_told_by_day(web: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bounce_watcher.web.pages.statistics.streams.MOST_READ", 10)
    client = web()
    recorded(client, campaign("spring", 30, hours=60))
    html = page(client, "/streams/news/campaigns/spring")
    assert sum(int(row[6]) for row in rows(section(html, "chart"))) == 30
    assert "Not counted by provider: there are more than 10 bounces." in words(html)


@pytest.mark.parametrize("name", [
    HOSTILE, "x" * 200, "a/b?c#d&e=f", "..", ".", "Ünïcode 流", "-", "%2F%", "a/campaigns/b",
])
def test_links_find_back_to_any_name(web: Make, name: str) -> None:
    client = web()
    recorded(client, campaign(name, 6, stream=name))
    (link,) = links(section(page(client, "/streams"), "list"), "/streams/")
    html = page(client, link)
    assert "<svg onload" not in html
    (link, *_) = [each for each in links(section(html, "campaigns"), "/streams/") if "/campaigns/" in each]
    assert "6 bounces so far" in words(page(client, link))


@for_each("name", ["", "-", ".", "..", "a.example", "a/b", "%41", "%", "d\u00e9.example"])
def test_a_segment_stands_for_one_name(name: str) -> None:
    path = to.provider(name)
    assert path.count("/") == 2
    assert to.named(unquote(path.rpartition("/")[2])) == name


def test_complaints_are_part_of_a_campaign(web: Make) -> None:
    client = web()
    complaint = replace(campaign("spring", 1)[0], kind=Kind.COMPLAINT, feedback_type="abuse", action=None,
                        bounce_type=None, reason=None)
    recorded(client, [complaint])
    assert [row[0] for row in rows(section(page(client, "/streams/news/campaigns/spring"), "why"))] == ["Complaint"]


def test_the_policy_in_words() -> None:
    first, second, third, *others = policy_words(PolicySettings())
    assert first == "Suppressed at the first report: mailbox does not exist and mailbox moved."
    assert second.startswith("Suppressed after 2 reports on 2 days within 60 days: domain does not exist,")
    assert third.startswith("Suppressed after 3 reports on 3 days within 60 days, at least 14 days from first to last:")
    assert others[1] == ("It lasts forever for a bad address, 7 days at first, then 30 days, 180 days, "
                         "forever for a temporary failure, forever after a complaint.")
