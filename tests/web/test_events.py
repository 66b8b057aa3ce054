"""Events in the browser: what a person finds, what hostile mail does there (nothing), what is downloaded."""

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from bounce_watcher.ledger.db.paging import Page, TookTooLong
from bounce_watcher.ledger.lists.browse import Browsing
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.grounds import OlderVerdict
from bounce_watcher.model.ledger import BounceEvent
from bounce_watcher.model.message import pack
from bounce_watcher.model.verdict import Confidence, Reason
from bounce_watcher.web.pages.shared import listing
from bounce_watcher.web.view.mail_shown import MOST_SHOWN, shown_mail
from tests.facts import DOUBT
from tests.ledger.making import Platform, bounce, day, decide, mail, page, record
from tests.web.conftest import Web
from tests.web.looked_at import HOSTILE, demand_harmless

Make = Callable[..., Web]


def some(client: Web, count: int = 120) -> list[BounceEvent]:
    events = [
        replace(bounce(f"{n:032x}", f"u{n}@{('gmail.com', 'kmu.example')[n % 2]}", at=day(n / 4),
                       reason=(Reason.MAILBOX_FULL, Reason.INVALID_RECIPIENT, Reason.BLOCKLISTED)[n % 3]),
                rule=f"rule.{n % 5}")
        for n in range(count)
    ]
    record(client.ledger, page(*events))
    return list(client.ledger.lists.events())


def path_of(event: BounceEvent) -> str:
    return f"/events/{event.id}"


def ids_on(text: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r'href="/events/([0-9a-f]+/[0-9a-f]+)"', text)))


def link(text: str, words: str) -> str:
    found = re.search(rf'href="([^"]*)"[^>]*>{words}', text)
    assert found, words
    return found[1].replace("&amp;", "&")


def test_older_and_newer_go_through_all_and_back(web: Make) -> None:
    client = web()
    stored = [event.id for event in reversed(some(client))]
    text, seen = client.get("/events").text, []
    assert "<h1 tabindex=\"-1\">120 events</h1>" in text
    while True:
        demand_harmless(text)
        seen += ids_on(text)
        if ">Older<" not in text:
            break
        text = client.get(link(text, "Older")).text
    assert seen == stored
    assert ids_on(client.get(link(text, "Newer")).text) == stored[50:100]


def test_filters_narrow_chips_take_out_and_facets_add_up(web: Make) -> None:
    client = web()
    stored = some(client)
    answer = client.get("/events?type=soft&provider=google.com&from=2026-03-03")
    meant = [e for e in stored if e.type == "soft" and "gmail" in e.recipient and e.at >= day(1.5)]
    assert set(ids_on(answer.text)) == {e.id for e in meant}
    assert f"<h1 tabindex=\"-1\">{len(meant)} events</h1>" in answer.text
    wider = client.get(link(answer.text, '<span aria-hidden="true">×</span> <span class="vh">Remove </span>type'))
    assert "provider: Google" in wider.text
    assert "type: Temporary" not in wider.text
    assert len(ids_on(wider.text)) > len(meant)
    facet = client.get(link(client.get("/events").text, "Mailbox full"))
    assert "reason: Mailbox full" in facet.text


def test_words_may_name_filters(web: Make) -> None:
    client = web()
    some(client)
    answer = client.get('/events?q=rule:rule.1 -type:block "no such" user')
    assert answer.status_code == 303
    assert answer.headers["location"] == "/events?rule=rule.1&-type=block&q=%22no+such%22+user"
    found = client.get(answer.headers["location"])
    assert "rule: rule.1" in found.text
    assert "not type: About the sender" in found.text
    assert len(ids_on(found.text)) == len([n for n in range(120) if n % 5 == 1 and n % 3 != 2])


def test_an_unknown_filter_is_named_and_one_without_sense_shows_nothing(web: Make) -> None:
    client = web()
    some(client)
    answer = client.get("/events?foo=1&type=soft")
    assert "This link contains an unknown filter: <code>foo</code>." in answer.text
    assert len(ids_on(answer.text)) == 40
    answer = client.get("/events?from=2026-03-09&to=2026-03-01")
    assert answer.status_code == 200
    assert "Invalid filter: from is after to." in answer.text
    assert ids_on(answer.text) == []
    assert client.get("/events.csv?from=2026-03-09&to=2026-03-01").status_code == 400
    assert client.get("/events?rid=xyz").text.count("not in this database") == 1
    assert client.get("/events?after=oxyz").status_code == 400


def test_nothing_found_tells_what_would_be_without_the_last_filter(web: Make) -> None:
    client = web()
    assert "No reports yet." in client.get("/events").text
    some(client)
    answer = client.get("/events?type=soft&reason=spam")
    assert "No events match." in answer.text
    assert "</em>: 40 events." in answer.text
    assert len(ids_on(client.get(link(answer.text, "Without the filter")).text)) == 40


def test_a_page_behind_the_end_and_one_that_was_cut_off_do_not_say_that_nothing_matches(
    web: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = web()
    some(client)
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    for filters in ("type=soft&", "type=soft&from=2026-01-01&"):
        answer = client.get(f"/events?{filters}after=o{listing.told_key((long_ago, 'x'))}")
        assert ids_on(answer.text) == []
        assert "The list ended before this page." in answer.text
        assert "No events match." not in answer.text and "Without the filter" not in answer.text
        assert len(ids_on(client.get(link(answer.text, "Newer")).text)) == 40
    cut: Page[BounceEvent] = Page((), older=(long_ago, "x"), looked_back_to=(long_ago, "x"))
    monkeypatch.setattr(Browsing, "event_page", lambda *_: cut)
    answer = client.get("/events?rule=seldom")
    assert "None found so far." in answer.text
    assert "Searched everything back to 1 January 2001" in answer.text
    assert "No events match." not in answer.text and "Without the filter" not in answer.text


def test_a_list_that_takes_too_long_says_so(web: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    client = web()
    some(client)

    def too_long(*_: object) -> None:
        raise TookTooLong("2 s")

    monkeypatch.setattr(Browsing, "event_page", too_long)
    answer = client.get("/events?rule=x")
    assert answer.status_code == 200
    assert "The search took too long and was stopped." in answer.text
    monkeypatch.undo()
    monkeypatch.setattr(Browsing, "event_facets", lambda *_: None)
    answer = client.get("/events")
    assert "Counting took too long." in answer.text
    assert len(ids_on(answer.text)) == 50


def test_downloads_hold_all_that_the_filter_shows_in_its_order(web: Make) -> None:
    client = web()
    stored = some(client)
    text = client.get("/events").text
    meant = [event for event in reversed(stored) if event.type == "soft"]
    rows = list(csv.DictReader(io.StringIO(client.get("/events.csv?type=soft").text, newline="")))
    assert [row["Id"] for row in rows] == [event.id for event in meant]
    assert {row["Reason"] for row in rows} == {"Mailbox full"}
    lines = [json.loads(line) for line in client.get("/events.jsonl?type=soft").text.splitlines()]
    assert [line["id"] for line in lines] == [event.id for event in meant]
    assert {line["type"] for line in lines} == {"soft"}
    assert [line["recipient"] for line in lines] == [event.recipient for event in meant]
    assert client.get(link(text, "CSV")).status_code == 200
    everything = client.get("/events.jsonl?after=oxyz&q=rule:rule.1")
    assert everything.status_code == 200, "no page of it, and words as they are"


OLDER = OlderVerdict("bounce", date(2026, 3, 1), None, "soft", "mailbox_full", "a.rule")


def test_one_event_tells_how_it_was_read(web: Make) -> None:
    client = web()
    event = replace(bounce("a" * 32, "anna@gmail.com", diagnostic="550 5.1.1 no such user: anna"),
                    quote="No such user", sending="spring", remote_mta="mx.google.com", formerly=(OLDER,))
    client.ledger.recording.record(page(event), decide, Platform())
    text = client.get(path_of(event)).text
    for part in (
        "reported for anna@gmail.com that the mailbox does not exist.", "<mark>no such user</mark>: anna",
        "One mail in returns/INBOX", "parsed as rfc3464", "Status 5.1.1, reply code 550, by mx.google.com.",
        "common.no-such-user: mailbox does not exist.",
        "Older rules classified it differently: soft mailbox_full by a.rule until 2026-03-01.",
        "Address found in the report.", "It counts against the address.", "Suppressed in default: 1 of 1",
        "No target was notified.", f'href="/recipients/{client.ledger.names.name("anna@gmail.com")}"',
        'href="/events?campaign=spring"',
    ):
        assert part in text, part
    assert "anna@" not in "".join(re.findall(r'href="([^"]*)"', text)), "no address in a link"


@pytest.mark.parametrize(("event", "told"), [
    (bounce("b" * 32, "a@gmail.com", reason=Reason.BLOCKLISTED), "it never counts against the address"),
    (replace(bounce("b" * 32, "a@gmail.com", reason=Reason.UNKNOWN)), "nothing was decided"),
    (bounce("b" * 32, "a@gmail.com", reason=None, kind=Kind.DELAY, action=None), "This is not a bounce"),
    (replace(bounce("b" * 32, "a@gmail.com"), evidence=Evidence.PROSE, doubt=DOUBT),
     "Doubtful: the return path holds a token signed for another recipient."),
    (replace(bounce("b" * 32, "a@gmail.com"), confidence=Confidence.GUESS),
     "It suppresses only with a second report on another day: the report&#39;s words are weak."),
    (replace(bounce("b" * 32, "a@gmail.com"), final_recipient="u@other.example", forwarded=True),
     "The mail went on to u@other.example, which failed."),
    (replace(bounce("b" * 32, "a@gmail.com"), forwarded=True), "went on to an address that was forgotten, which"),
])
def test_what_kind_of_report_it_is(web: Make, event: BounceEvent, told: str) -> None:
    client = web()
    client.ledger.recording.record(page(event), decide, Platform())
    assert told in client.get(path_of(event)).text


def test_an_event_that_is_not_there(web: Make) -> None:
    answer = web().get("/events/00/%3Cscript%3E")
    assert answer.status_code == 404
    assert "No event 00/&lt;script&gt;." in answer.text
    assert web().get("/events/00/11/mail").status_code == 404


# ── hostile mail ────────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("text", [*HOSTILE, "x" * 1024 * 1024], ids=[*map(repr, HOSTILE), "1 MB"])
def test_nothing_that_a_stranger_wrote_does_anything(web: Make, text: str) -> None:
    client = web()
    event = replace(
        bounce("a" * 32, f"{text[:200]}@example.org", diagnostic=text, stream=text[:300]), quote=text[:400],
        status=text[:30], rule=text[:100], recognizer=text[:100], sending=text[:100], remote_mta=text[:300],
        reporting_mta=text[:300], mailbox=text[:100], source=text[:100], doubt=replace(DOUBT, domain=text[:300]),
        formerly=(replace(OLDER, rule=text[:300]),),
        final_recipient=text[:320], sent_message_id=text[:300],
    )
    raw = "\r\n".join((
        f"Subject: {text}", f"From: {text}", f"{text[:60]}: x", "Content-Type: multipart/mixed; boundary=b", "",
        "--b", "Content-Type: text/html", "", f"<p>{text}</p><script>alert(2)</script>",
        "--b", f"Content-Type: application/{text[:30]}; name={text[:50]}", "", "x", "--b--",
    )).encode("utf-8", "replace")
    client.ledger.recording.record([replace(mail(event), packed=pack(raw), size=len(raw))], decide, Platform())
    stored = next(iter(client.ledger.lists.events()))
    name = client.ledger.names.name(stored.recipient)
    for path in ("/events", path_of(stored), f"{path_of(stored)}/mail", f"/recipients/{name}", "/recipients",
                 f"/events?rid={name}"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        demand_harmless(answer.text)
        assert len(answer.text) < 800_000
    for path in ("/events", "/recipients"):
        answer = client.get(path, params={"q": text[:400], "rule": text[:400], text[:50]: text[:50]})
        assert answer.status_code in {200, 303}
        demand_harmless(answer.text)
    csv.field_size_limit(2 * 1024 * 1024)
    rows = list(csv.reader(io.StringIO(client.get("/events.csv").text, newline="")))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    (line,) = client.get("/events.jsonl").text.splitlines()
    assert json.loads(line)["diagnostic"] == stored.diagnostic


def test_a_mail_is_shown_as_text_and_downloaded_as_bytes(web: Make) -> None:
    client = web()
    event = bounce("a" * 32, "anna@gmail.com")
    raw = (b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nContent-Type: text/html\r\n\r\n"
           b"<p>Mailbox <b>full</b></p><img src=https://evil.example/x.png>\r\n")
    client.ledger.recording.record([replace(mail(event), packed=pack(raw))], decide, Platform())
    text = client.get(f"{path_of(event)}/mail").text
    assert "Grüße" in text
    assert "text taken from HTML" in text
    assert "Mailbox full" in text
    assert "&lt;img src=https://evil.example/x.png&gt;" in text
    demand_harmless(text)
    answer = client.get(f"{path_of(event)}/mail.eml")
    assert answer.content == raw
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f'attachment; filename="mail-{"a" * 16}.eml.txt"'
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    client.ledger.history.purge_raw(day(1))
    assert client.get(f"{path_of(event)}/mail").status_code == 404
    assert "no longer stored" in client.get(path_of(event)).text


@pytest.mark.parametrize("raw", [b"", b"\x00\xff" * 300, b"no header at all", b"Subject: x", b"\r\n\r\n" * 50])
def test_any_bytes_are_shown(raw: bytes) -> None:
    shown_mail(raw)


def test_a_large_mail_is_cut() -> None:
    found = shown_mail(b"Subject: x\n\n" + b"y" * 3_000_000)
    assert len(found.source) < MOST_SHOWN + 100
    assert "cut here" in found.source
    assert sum(len(part.text) for part in found.texts) < MOST_SHOWN
