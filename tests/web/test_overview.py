"""The overview: its numbers are those of the rows that they lead to, and it says what is wrong, or that nothing is."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

import pytest

from bounce_watcher.model.about import LEDGER, About, AboutKind
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.ledger import Actor, AlertKind, Attempt, BounceEvent, Disposition, State
from bounce_watcher.model.sending import SentCount
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.guards.outages import provider
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.state import MailboxState, ServiceState, Trouble
from tests.facts import an_alert
from tests.ledger.making import LEASE, Platform, bounce, mail, record
from tests.troubles import failed
from tests.web.conftest import Web
from tests.web.looking import links, page, rows, section, tile, words

Make = Callable[..., Web]
HOSTILE = "\"><svg onload=alert(1)>\u202e{{7*7}}"
REASONS = (Reason.INVALID_RECIPIENT, Reason.MAILBOX_FULL, Reason.BAD_REPUTATION, Reason.UNKNOWN)
RANGES = ("24h", "7d", "30d", "90d")


def bounces(
    number: int, *, spread: timedelta = timedelta(days=20), stream: str = "news", start: int = 0
) -> list[BounceEvent]:
    """Up to a minute ago, one in nine a complaint."""
    now = utcnow() - timedelta(minutes=1)
    found = []
    for n in range(start, start + number):
        at, who = now - spread * ((n - start) / number), f"u{n}@{('gmail.com', 'gmx.de', f'd{n % 40}.example')[n % 3]}"
        complaint = n % 9 == 0
        found.append(bounce(
            f"m{stream}{n}", who, at=at, stream=stream, reason=None if complaint else REASONS[n % 4],
            kind=Kind.COMPLAINT if complaint else Kind.BOUNCE, feedback_type="abuse" if complaint else None,
        ))
    return found


def recorded(client: Web, events: Sequence[BounceEvent], platform: Platform | None = None) -> None:
    ordered = sorted(events, key=lambda event: event.at)
    record(client.ledger, [mail(event, kind=event.kind) for event in ordered], platform)


def told(client: Web, link: str) -> int:
    """How many bounces lie behind a link to the events."""
    asked = parse_qsl(urlsplit(link).query)
    since, until = (datetime.fromisoformat(dict(asked)[name]) for name in ("from", "to"))
    wanted: dict[str, list[str]] = {}
    for name, value in asked:
        wanted.setdefault(name, []).append("" if value == "none" else value)
    return sum(
        since <= event.at < until
        and (event.type is not None if "-type" in wanted else event.type in wanted["type"])
        and ("reason" not in wanted or (event.reason or "") in wanted["reason"])
        and ("stream" not in wanted or event.stream in wanted["stream"])
        and ("provider" not in wanted or provider(event) in wanted["provider"])
        and ("campaign" not in wanted or (event.sending or "") in wanted["campaign"])
        for event in client.ledger.lists.events()
    )


@pytest.mark.parametrize("asked", RANGES)
def test_every_part_adds_up_to_the_tile(web: Make, asked: str) -> None:
    client = web()
    recorded(client, [*bounces(160), *bounces(40, spread=timedelta(hours=20), stream="shop", start=500)])
    html = page(client, f"/?range={asked}")
    total = int(tile(html, "Bounces")[0])
    assert total > 30
    chart = section(html, "chart")
    lines = [[int(cell) for cell in line[1:7]] for line in rows(chart)]
    assert all(sum(line[:5]) == line[5] for line in lines)
    assert sum(line[5] for line in lines) == total
    legend = [int(each) for each in re.findall(r'</a> <span class="small">([\d,]+)</span>', chart)]
    assert legend == [sum(line[n] for line in lines) for n in range(5)]
    assert sum(int(row[1]) for row in rows(section(html, "why"))) == total
    (link,) = links(re.findall(r'<li class="tile">.*?</li>', html)[0])
    assert told(client, link) == total


@pytest.mark.parametrize("asked", RANGES)
def test_every_number_leads_to_as_many_events(web: Make, asked: str) -> None:
    client = web()
    recorded(client, bounces(120))
    html = page(client, f"/?range={asked}&stream=news")
    chart = section(html, "chart")
    for row, link in zip(rows(chart), links(chart[chart.index("<tbody>"):], "/events"), strict=True):
        assert told(client, link) == int(row[6])
    why = section(html, "why")
    for row, link in zip(rows(why), links(why[why.index("<tbody>"):], "/events"), strict=True):
        assert told(client, link) == int(row[1])


def test_a_change_is_told_against_the_same_stretch_before(web: Make) -> None:
    client = web()
    now = utcnow()
    week = timedelta(days=7)
    events = [bounce(f"n{n}", f"n{n}@gmail.com", at=now - timedelta(seconds=n), reason=Reason.SPAM)
              for n in range(1, 121)]
    before = [bounce(f"b{n}", f"b{n}@gmail.com", at=now - week - timedelta(hours=n)) for n in range(1, 41)]
    after_now = [bounce(f"a{n}", f"a{n}@gmail.com", at=now - week + timedelta(minutes=5)) for n in range(30)]
    first = bounce("first", "first@gmail.com", at=now - 4 * week)
    recorded(client, [*events, *before, first, *after_now])
    html = page(client, "/?range=24h")
    shown = sum(now - week - timedelta(hours=23) <= event.at.replace(minute=59) for event in before)
    assert tile(html, "Bounces")[0] == "120"
    text = words(section(html, "chart"))
    assert f"120 bounces, +{120 - shown} on the same hours a week before." in text
    assert "Those about the sender explain the rise (0 → 120), all of them at Google." in text


def test_nothing_is_compared_with_a_time_before_the_first_bounce(web: Make) -> None:
    client = web()
    recorded(client, bounces(60, spread=timedelta(days=4)))
    html = page(client, "/")
    assert "Counted since" in tile(html, "Bounces")[1]
    assert {row[5] for row in rows(section(html, "why"))} == {"–"}
    assert "First bounce on" in words(section(html, "chart"))


def test_rates_are_told_only_where_it_is_known_what_was_sent(web: Make) -> None:
    client = web()
    today = utcnow().date()
    recorded(client, bounces(120))
    assert tile(page(client, "/"), "Bounces")[1].endswith("No rate: sent counts are not imported.")
    client.ledger.recording.put_counts(
        [SentCount(today - timedelta(days=n), "news", "gmail.com", 100) for n in range(60)]
    )
    html = page(client, "/")
    number, text = tile(html, "Bounce rate")
    total = sum(int(row[6]) for row in rows(section(html, "chart")))
    assert text.startswith(f"{total} of 700 sent; ")
    assert number == f"{100 * total / 700:.1f}\u202f%"
    assert [row[:2] for row in rows(section(html, "rates"))] == [["news 700 sent", "700"]]
    assert "Too few" in words(section(html, "rates"))
    assert tile(page(client, "/?range=24h"), "Bounces")[1].endswith("No rate: sent counts are daily.")
    recorded(client, bounces(9, spread=timedelta(days=2), stream="shop", start=900))
    assert tile(page(client, "/"), "Bounces")[1].endswith("sent counts are incomplete.")
    assert "Bounce rate" in page(client, "/?stream=news")


def test_rates_stand_beside_the_published_limits(web: Make) -> None:
    client = web()
    today = utcnow().date()
    now = utcnow() - timedelta(minutes=1)
    hard = [bounce(f"h{n}", f"h{n}@d.example", at=now - timedelta(minutes=n), stream="news") for n in range(60)]
    complaints = [replace(event, id=f"c{event.id}", message_digest=f"c{n}", kind=Kind.COMPLAINT, feedback_type="abuse",
                          action=None, bounce_type=None, reason=None) for n, event in enumerate(hard[:2])]
    recorded(client, [*hard, *complaints])
    client.ledger.recording.put_counts([SentCount(today - timedelta(days=n), "news", "d.example", 200 if n < 5 else 0)
                              for n in range(30)])
    text = words(section(page(client, "/"), "rates"))
    assert "6.0 % 5 % or more" in text
    assert "0.20 % 0.1 % or more" in text
    assert "Amazon SES" in text
    assert "Gmail and Yahoo" in text


def test_newly_suppressed_held_and_waiting(web: Make) -> None:
    client, now = web(), utcnow()
    platform = Platform(now=now - timedelta(minutes=42))
    recorded(client, bounces(30, spread=timedelta(days=3)), platform)
    items = client.ledger.outbox.lease("platform", now, LEASE, 2)
    client.ledger.outbox.conclude([(items[0], Attempt(Disposition.DEAD, "400"))], now)
    client.ledger.outbox.conclude([(items[1], Attempt(Disposition.DELIVERED, "204"))], now)
    html = page(client, "/")
    number, text = tile(html, "Newly suppressed")
    suppressed = {each.recipient for each in client.ledger.lists.suppressions() if each.state is State.SUPPRESSED}
    assert number == str(len(suppressed))
    assert "after a complaint" in text
    assert tile(html, "Held") == ("0", "addresses, 0 incidents")
    due = client.ledger.figures.stock().queues["platform"].due
    assert tile(html, "Deliveries waiting") == (str(due), "oldest 42 min; 1 dead letter")


def test_first_run_leads_to_the_first_bounce(web: Make) -> None:
    client = web()
    text = words(page(client, "/"))
    for each in ("A mailbox can be read", "A test bounce arrives", "It names a recipient",
                 "A target accepts a delivery", "Sent counts are imported"):
        assert each in text
    recorded(client, bounces(1))
    assert "A test bounce arrives" not in words(page(client, "/"))


def test_a_quiet_time_says_when_the_last_one_came(web: Make) -> None:
    client = web()
    last = utcnow() - timedelta(days=12)
    recorded(client, [bounce("m", at=last)])
    html = page(client, "/")
    assert tile(html, "Bounces")[0] == "0"
    assert f"Last one: {last.day} {last:%b}" in words(section(html, "quiet"))
    assert "<svg viewBox" not in section(html, "chart")


def working(*more: MailboxState, troubles: Mapping[About, Trouble] = MappingProxyType({})) -> ServiceState:
    now = utcnow()
    good = MailboxState("returns", "INBOX", "news", now - timedelta(seconds=9), 1.0, 0, None, now, 3)
    return ServiceState(now, Mode.ENFORCE, (good, *more), troubles)


def test_one_line_says_that_all_is_well(web: Make) -> None:
    client = web()
    client.standing = working()
    recorded(client, bounces(3, spread=timedelta(minutes=1)), Platform(targets=()))
    text = words(section(page(client, "/"), "now"))
    assert text.startswith("Right now Everything is working. 1 of 1 mailbox was read in the last minute, the last ")


def test_all_trouble_at_once_is_told_the_worst_first(web: Make) -> None:
    client, now = web(), utcnow()
    ago = timedelta(hours=6)
    login = failed("login refused", now - ago)
    broken = MailboxState("fbl", "INBOX", "news", now - ago, 1.0, 4, now - ago, now, 1, login)
    behind = MailboxState("slow", "INBOX", "news", now, 1.0, 41, now - timedelta(minutes=18), now, 1)
    stuck = MailboxState("stuck", "INBOX", "news", now - ago, 1.0, 0, None, now, 1, moved_at=now - ago, stopped=True)
    client.standing = working(broken, behind, stuck, troubles={
        About(AboutKind.MAILBOX, "fbl"): login,
        About(AboutKind.WEBHOOK, "shop"): failed("no answer", now - ago), LEDGER: failed("disk full", now - ago),
    })
    platform = Platform(now=now - timedelta(hours=2))
    recorded(client, bounces(30, spread=timedelta(days=1)), platform)
    (item,) = client.ledger.outbox.lease("platform", now, LEASE, 1)
    client.ledger.outbox.conclude([(item, Attempt(Disposition.DEAD, "400"))], now)
    html = section(page(client, "/"), "now")
    colours = re.findall(r'class="notice (is-\w+)"', html)
    assert colours == sorted(colours, key=["is-bad", "is-hold", "is-warn", "is-info"].index)
    assert len(colours) == 7
    assert len(re.findall(r'class="notice', html.partition("<details>")[0])) == 3
    text = words(html)
    for each in ("Mailbox fbl can't be read since", "(6 h): login refused. New mail stays in the mailbox",
                 "Mailbox slow is behind: 41 unfiled messages, the oldest since", "Mailbox stuck makes no progress",
                 "shop is not accepting webhooks", "Problem with ledger", "1 dead letter for platform",
                 "waiting deliveries for platform, the oldest since", "and 4 more"):
        assert each in text
    table = rows(section(page(client, "/"), "mailboxes"))
    assert [row[1] for row in table] == ["Unreadable", "No progress", "Behind", "Working"]
    assert table[0][3] == "unknown"


def test_a_mailbox_that_nothing_comes_to_any_more_is_told_and_a_young_one_is_not(web: Make) -> None:
    client, now = web(), utcnow()
    young, waits = (
        MailboxState(name, "INBOX", "news", now, 1.0, waiting, now if waiting else None, now, 1)
        for name, waiting in (("young", 0), ("waits", 1))
    )
    client.standing = working(young, waits)
    for name, first in (("returns", 25), ("waits", 25), ("young", 9)):
        times = [now - timedelta(days=first) + timedelta(hours=6 * n) for n in range((first - 4) * 4)]
        record(client.ledger, [
            replace(mail(digest=f"{name}{at}", kind=Kind.OTHER, at=at), mailbox=name) for at in times
        ])
    told = words(section(page(client, "/"), "now"))
    assert "No incoming mail in returns since" in told
    assert "the longest usual pause was 6 h" in told
    assert re.findall(r"No incoming mail in (\w+)", told) == ["returns"]
    alert = an_alert(AlertKind.QUIET, "returns", now - timedelta(days=4))
    client.ledger.recording.tell_alerts([alert], [], now, Platform())
    html = section(page(client, "/"), "now")
    assert links(html, f"/incidents/{alert.id}")
    assert words(html).count("No incoming mail in") == 1


def test_decisions_say_why_in_short(web: Make) -> None:
    client, now = web(), utcnow()
    recorded(client, [bounce("a", "a@d.example", at=now - timedelta(hours=2))])
    client.ledger.suppressions.suppress("b@d.example", "news", Actor("jo", now, "asked by phone"), announce=Platform())
    told_ = [row[1:4] for row in rows(section(page(client, "/"), "decisions"))]
    assert told_[0][0].startswith("b@d.example")
    assert told_[0][1:] == ["Suppressed", "By a person: asked by phone"]
    assert told_[1][1:] == ["Suppressed", "Mailbox does not exist; 1 of 1"]
    link = links(section(page(client, "/"), "decisions"), "/recipients/")[0]
    assert client.ledger.names.address(link.rpartition("/")[2]) == "b@d.example"


@pytest.mark.parametrize("name", [HOSTILE, "x" * 5000, "a/b?c#d&e=f", "..", "Ünïcode 流", "-", "%2F%"])
def test_no_name_breaks_out_of_a_page(web: Make, name: str) -> None:
    client = web()
    now = utcnow() - timedelta(minutes=1)
    domain = "\"><svg onload=alert(1)>.example" if name == HOSTILE else "d.example"
    events = [replace(bounce(f"m{n}", f"u{n}@{domain}", at=now, stream=name, reason=Reason.SPAM), sending=name)
              for n in range(3)]
    recorded(client, events)
    client.standing = working(MailboxState(name, name, name, now, trouble=failed(name, now)))
    for path in ("/", "/streams", "/providers"):
        html = page(client, path)
        assert "<svg onload" not in html
        assert "\u202e" not in html
        assert "49" not in words(html).split()
        assert max(map(len, words(html).split())) < 700


@pytest.mark.parametrize("query", ["from=x", "from=2026-03-02&to=2026-03-01", "from=1970-01-01&to=2026-01-01"])
def test_a_time_that_makes_no_sense_is_refused_in_words(web: Make, query: str) -> None:
    answer = web().get(f"/?{query}")
    assert answer.status_code == 422
    assert "invalid filter" in answer.text


def test_an_unknown_filter_is_named(web: Make) -> None:
    assert "an unknown filter: foo" in words(page(web(), "/?foo=1&range=nonsense"))


def test_what_it_means_that_unproven_reports_count_is_said(web: Make) -> None:
    client = web()
    recorded(client, bounces(3, spread=timedelta(minutes=1)), Platform(targets=()))
    said = "can forge bounces that suppress them, at most 120 a day and 600 in 30 days."
    assert said in words(page(client, "/"))
    proven = replace(client.settings.policy, evidence_hard=Evidence.TOKEN, evidence_soft=Evidence.TOKEN,
                     evidence_complaint=Evidence.SIGNATURE)
    client.settings = replace(client.settings, policy=proven)
    assert said not in words(page(client, "/"))


def test_mail_that_cannot_be_filed_is_told_beside_a_mailbox_that_is_read(web: Make) -> None:
    client = web()
    trouble = failed("folder Done is <full>; make room there", utcnow() - timedelta(hours=2))
    client.standing = working(troubles={About(AboutKind.FILING, "returns"): trouble})
    text = words(section(page(client, "/"), "now"))
    assert "Can't file mail of mailbox returns since" in text
    assert "folder Done is <full>; make room there. It is read and counted. Messages stay in place" in text
