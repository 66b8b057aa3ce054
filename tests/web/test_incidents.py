"""Incidents in the browser: what is told of one, whom it holds, and an undo that does what the shell does."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest

from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import Actor, Alert, AlertKind, BounceEvent, State
from bounce_watcher.policy.decide import decide as really_decide
from bounce_watcher.policy.guards.incident import Incident
from bounce_watcher.policy.settings import Mode, PolicySettings
from bounce_watcher.service.announcing import announcer, decider
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.operations import bulk
from bounce_watcher.web.pages.shared import forms
from bounce_watcher.words.formatting import command
from bounce_watcher.words.grounds import text
from tests.facts import an_alert
from tests.ledger.making import bounce, page
from tests.outbox.samples import target
from tests.web.conftest import TOKEN, Web, on_page
from tests.web.looked_at import HOSTILE, demand_harmless
from tests.web.looking import csrf_of, form_of, links, rows, section
from tests.web.looking import words as said
from tests.web.outbox_desk import state_of
from tests.web.test_frame import READER, signed_in, with_reader

Make = Callable[..., Web]
HOOK = target("crm-hook")
POLICY = PolicySettings()
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WORDS = "550 5.1.1 The email account that you tried to reach does not exist"


def gone(name: str, at: datetime) -> BounceEvent:
    event = bounce(f"{name}/{at:%d%H%M%S}", f"{name}@gmail.com", at=at, diagnostic=WORDS)
    return replace(event, remote_mta="gmail-smtp-in.l.google.com")


def take(client: Web, events: list[BounceEvent]) -> None:
    client.ledger.recording.record(
        page(*events), partial(really_decide, settings=POLICY), announcer(client.settings), POLICY
    )


def outage(client: Web, reports: int = 60) -> datetime:
    """Some true hard bounces each day, then an outage that began four hours ago and is under way. Returns when."""
    began = utcnow() - 4 * HOUR
    client.settings = replace(client.settings, webhooks=(HOOK,), policy=POLICY)
    take(client, [gone(f"dead{day}n{n}", began - day * DAY + n * MINUTE) for day in range(10, 0, -1) for n in range(2)])
    take(client, [gone(f"good{n}", began + n * 3 * HOUR / reports) for n in range(3)])
    take(client, [gone(f"good{n}", began + n * 3 * HOUR / reports) for n in range(3, reports)])
    return began


@pytest.fixture
def desk(web: Make) -> Web:
    client = web()
    outage(client)
    return client


def the_alert(client: Web) -> Alert:
    (alert,) = client.ledger.lists.alerts()
    return alert


def path_of(client: Web) -> str:
    return f"/incidents/{the_alert(client).id}"


def without_svg(text: str) -> str:
    begin, _, rest = text.partition("<svg")
    return begin + rest.partition("</svg>")[2] if rest else text


# ── the list, and one ───────────────────────────────────────────────────────────────────────────────────────────────

def test_the_list_has_those_under_way_first_and_finds_and_downloads_them(desk: Web) -> None:
    now = utcnow()
    old = an_alert(AlertKind.MAILBOX, "returns", now - 9 * DAY)
    new = an_alert(AlertKind.TARGET, "webhook crm-hook", now - MINUTE)
    announce = announcer(desk.settings)
    desk.ledger.recording.tell_alerts([old, new], [], now, announce)
    desk.ledger.recording.tell_alerts([], [old, new], now, announce)
    text = desk.get("/incidents").text
    demand_harmless(text)
    states, names = [row[0] for row in rows(text)], [row[1] for row in rows(text)]
    assert states == ["Open", "Ended", "Ended"]
    for told, name in zip(("Google: unusual spike of invalid addresses", "webhook crm-hook is not accepting",
                           "Can't read mailbox returns"), names, strict=True):
        assert name.startswith(told)
    assert "1 open incident, then ended ones" in said(text)
    for query, number in (("state=open", 1), ("state=ended", 2), ("type=mailbox", 1), ("provider=google.com", 1),
                          ("-provider=google.com", 2), ("-type=mailbox", 2),
                          (f"to={(now - 8 * DAY).date()}", 1), ("state=ended&type=outage", 0)):
        found = list(csv.DictReader(io.StringIO(desk.get(f"/incidents.csv?{query}").text, newline="")))
        assert len(found) == number, query
        shown = desk.get(f"/incidents?{query}").text
        assert shown.count('href="/incidents/') >= number
        assert ("No incidents match." in shown) == (number == 0), query
    lines = [json.loads(line) for line in desk.get("/incidents.jsonl").text.splitlines()]
    assert [line["kind"] for line in lines] == ["outage", "target", "mailbox"]
    assert "unknown state hot" in desk.get("/incidents?state=hot").text


def test_a_mailbox_that_gets_no_mail_has_words_of_its_own(web: Make) -> None:
    client, now = web(), utcnow()
    since = now - 2 * DAY
    alert = replace(
        an_alert(AlertKind.QUIET, "returns", since, count=47), alarm_from=45, usual=30,
        raised_at=now - HOUR,
    )
    client.ledger.recording.tell_alerts([alert], [], now, announcer(client.settings))
    assert rows(client.get("/incidents?type=quiet").text)[0][1].startswith("No incoming mail in returns")
    text = client.get(f"/incidents/{alert.id}").text
    demand_harmless(text)
    for part in ("no mail has come to mailbox returns.", "Return-Path", "check forwarding and filters",
                 "Longest usual pause 30 hours", "Noticed after 47 hours"):
        assert part in said(text), part
    for part in ("Undo…", "wait in the outbox", "Peak in window"):
        assert part not in text
    client.ledger.recording.tell_alerts([], [alert], now, announcer(client.settings))
    ended = said(client.get(f"/incidents/{alert.id}").text)
    assert "no mail came to mailbox returns. It ended because mail arrived" in ended
    assert "Send a mail" not in ended


def test_nothing_has_happened_yet(web: Make) -> None:
    text = web().get("/incidents").text
    assert "No incidents so far" in text
    assert web().get("/incidents/none").status_code == 404
    assert web().get("/incidents/none/undo").status_code == 404


def test_pages_of_those_that_ended_follow_one_another(web: Make) -> None:
    client, now = web(), utcnow()
    many = [an_alert(AlertKind.MAILBOX, f"box{n:02}", now - n * HOUR) for n in range(70)]
    client.ledger.recording.tell_alerts(many, [], now, announcer(client.settings))
    client.ledger.recording.tell_alerts([], many, now, announcer(client.settings))
    first = client.get("/incidents").text
    second = client.get(next(link for link in links(first, "/incidents?after="))).text
    names = [row[1].split()[3] for row in (*rows(first), *rows(second))]
    assert names == [f"box{n:02}" for n in range(70)]
    back = client.get(next(link for link in links(second, "/incidents?after=n"))).text
    assert rows(back) == rows(first)


def test_one_incident_tells_what_goes_on_and_whom_it_holds(desk: Web) -> None:
    text = desk.get(path_of(desk)).text
    demand_harmless(without_svg(text))
    told = said(text)
    alert = the_alert(desk)
    for part in (
        f"{alert.count} addresses were reported invalid for the first time at Google within 3 h; usual 2, "
        "threshold 10",
        f"{alert.held} suppressions were held", "Decided when the incident ends",
        "the email account that you tried to reach", "Per hour", "60 addresses are held", "3 were suppressed "
        "before the alarm",
    ):
        assert part in told, part
    in_chart = sum(int(row[1]) for row in rows(section(text, "chart")))
    assert in_chart == 60 + 2, "with those of the day before"
    held = rows(text[text.index("Held now"):])
    assert len(held) == 50
    assert sum(row[4] != "no" for row in held) <= 3
    more = desk.get(next(link for link in links(text, path_of(desk) + "?after="))).text
    both = [row[0] for row in (*held, *rows(more[more.index("Held now"):]))]
    assert sorted(both) == sorted(f"good{n}@gmail.com" for n in range(60))
    assert "First page" in more
    found = list(csv.DictReader(io.StringIO(desk.get(f"{path_of(desk)}/held.csv").text, newline="")))
    assert sum(bool(row["Suppressed before the alarm"]) for row in found) == 3
    assert len(desk.get(f"{path_of(desk)}/held.jsonl").text.splitlines()) == len(found) == 60
    assert "@" not in "".join(links(text))


def test_no_word_of_the_trade_stands_in_the_sentences(desk: Web) -> None:
    for path in (path_of(desk), "/incidents", f"{path_of(desk)}/undo", f"{path_of(desk)}/confirm"):
        told = said(desk.get(path).text).lower()
        assert not [word for word in ("hard bounce", "soft bounce", "quarantine", "blacklist") if word in told], path


def test_one_that_ended_tells_what_became_of_those_it_held(desk: Web) -> None:
    desk.ledger.recording.settle_alerts(utcnow() + 3 * DAY, announcer(desk.settings))
    text = desk.get(path_of(desk)).text
    assert "Of them, 60 were released and 0 confirmed, by hand or because of other evidence" in said(text)
    assert "None; all resolved." in text
    released = desk.get(next(link for link in links(text) if "-state=suppressed" in link)).text
    assert "60 recipients" in released


def test_what_strangers_wrote_is_shown_harmless(web: Make) -> None:
    client, now = web(), utcnow()
    hostile = [
        replace(an_alert(kind, f"{subject} {n}", now - n * MINUTE, quote=subject), id=f"{kind}{n}")
        for kind in (AlertKind.MAILBOX, AlertKind.ENDPOINT, AlertKind.QUIET) for n, subject in enumerate(HOSTILE)
    ]
    client.ledger.recording.tell_alerts(hostile, [], now, announcer(client.settings))
    demand_harmless(client.get("/incidents").text)
    for alert in hostile:
        answer = client.get(f"/incidents/{alert.id}")
        assert answer.status_code == 200
        demand_harmless(answer.text)
    for each in HOSTILE:
        chosen = {"from": "2026-01-01", "to": "2026-01-02", "domain": each}
        demand_harmless(client.get(f"/undo?{urlencode(chosen)}").text)
        demand_harmless(client.get(f"/undo?{urlencode({'from': each, 'reason': each, 'provider': each})}").text)
        demand_harmless(client.get(f"/incidents?{urlencode({'provider': each, each: 'x'})}").text)


# ── undo ────────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_undo_does_what_its_preview_showed_and_just_what_the_shell_does(desk: Web, tmp_path: Path) -> None:
    path, before = f"{path_of(desk)}/undo", state_of(desk.ledger)
    preview = desk.get(path).text
    demand_harmless(preview)
    told = said(preview)
    for part in (
        "Nothing has changed yet.", "60 suppressions would end: 60 held (targets never notified), 0 in force.",
        "60 reports on 60 addresses would no longer count", "and 50 more", "Nothing for the 60 held",
        "These reports will never count again.", "Undo for 60 addresses",
    ):
        assert part in told, part
    listed = list(csv.DictReader(io.StringIO(desk.get(links(preview, f"{path}.csv")[0]).text, newline="")))
    assert [(row["State"], row["Would be"]) for row in listed] == [("Held", "Active")] * 60
    assert state_of(desk.ledger) == before, "looking changes nothing"

    copy = tmp_path / "shell.db"
    copy.write_bytes((tmp_path / "ledger.db").read_bytes())
    for ending in ("-wal",):
        if (wal := tmp_path / f"ledger.db{ending}").exists():
            (tmp_path / f"shell.db{ending}").write_bytes(wal.read_bytes())
    incident = Incident.of(the_alert(desk))
    assert incident is not None
    with Ledger.connect(f"sqlite:///{copy}") as shell:
        by = Actor("jo", utcnow())
        list(shell.suppressions.undo(incident, decider(desk.settings), announcer(desk.settings), by,
                                     subject="an incident"))
        wanted = [(each.recipient, each.state, text(each.grounds)) for each in shell.lists.suppressions()]
        counted = sorted((each.id, text(each.exclusion)) for each in shell.lists.events())

    answer = desk.post(path, data=form_of(preview, because="they lost their directory"))
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path_of(desk)}?done=undo")
    assert [(each.recipient, each.state, text(each.grounds)) for each in desk.ledger.lists.suppressions()] == wanted
    assert sorted((each.id, text(each.exclusion)) for each in desk.ledger.lists.events()) == counted
    (done,) = desk.ledger.log.newest()
    assert (done.action, done.subject, done.count, done.because, done.actor) == (
        "undo", the_alert(desk).id, 60, "they lost their directory", "API token"
    )
    result = said(desk.get(answer.headers["location"]).text)
    assert "60 suppressions ended; those reports no longer count. Why: they lost their directory" in result
    assert "Nothing to undo." in desk.get(path).text
    assert desk.post(path, data=form_of(preview, because="again")).status_code == 409
    assert "Incident undone" in desk.get("/log").text


def test_a_free_undo_takes_back_what_was_in_force_and_says_what_is_sent(desk: Web) -> None:
    began = the_alert(desk).since
    desk.ledger.suppressions.suppress(
        "dead1n0@gmail.com", "default", Actor("jo", began, "asked"), announce=announcer(desk.settings)
    )
    query = urlencode({"from": (began - 11 * DAY).strftime("%Y-%m-%d"), "to": (began - HOUR).isoformat(),
                       "domain": "gmail.com", "provider": "google.com", "reason": "invalid_recipient"})
    preview = desk.get(f"/undo?{query}").text
    told = said(preview)
    assert "suppressions would end: 0 held (targets never notified), " in told
    assert "× recipient.released to crm-hook" in told
    before = sum(each.state is State.SUPPRESSED for each in desk.ledger.lists.suppressions())
    answer = desk.post(f"/undo?{query}", data=form_of(preview, because="a test mailing"))
    assert answer.status_code == 303
    after = sum(each.state is State.SUPPRESSED for each in desk.ledger.lists.suppressions())
    (done,) = on_page(desk)
    assert done.count == before - after > 10
    assert "@" not in done.subject
    assert f"{done.count} suppressions ended" in said(desk.get(answer.headers["location"]).text)
    assert f"{done.count} × recipient.released" in told
    assert sum(item.type.value == "recipient.released" and item.created_at > began
               for item in desk.ledger.lists.outbox()) >= done.count


@pytest.mark.parametrize(("query", "told"), [
    ("", "Preview"), ("provider=google.com", "Enter the times: from and to"),
    ("from=2026-01-02&to=2026-01-01", "from is after"),
    ("from=2026-01-01&to=2026-01-02&reason=hot", "hot is not a reason"), ("from=soon", "soon is not a time"),
    ("from=2026-01-01&to=2026-01-02&domain=a@b.example", "Enter a domain or provider."),
    ("from=2026-01-01&to=2026-01-02", "Nothing to undo."), ("hot=1", "an unknown filter"),
])
def test_a_free_undo_asks_for_what_it_needs(web: Make, query: str, told: str) -> None:
    client = web()
    answer = client.get(f"/undo?{query}")
    assert (answer.status_code, told in answer.text) == (200, True)
    assert client.post(f"/undo?{query}", data={"csrf": csrf_of(answer.text), "because": "x"}).status_code in {409, 422}


@pytest.mark.parametrize(("fields", "status", "told"), [
    ({"because": ""}, 422, "give a reason"), ({"seen": "0" * 32}, 409, "reload it"),
])
def test_a_form_filled_in_wrongly_changes_nothing(desk: Web, fields: dict[str, str], status: int, told: str) -> None:
    path, before = f"{path_of(desk)}/undo", state_of(desk.ledger)
    answer = desk.post(path, data={**form_of(desk.get(path).text, because="why"), **fields})
    assert (answer.status_code, told in answer.text) == (status, True)
    assert state_of(desk.ledger) == before


def test_what_changed_meanwhile_is_looked_at_again(desk: Web) -> None:
    path = f"{path_of(desk)}/undo"
    form = form_of(desk.get(path).text, because="why")
    take(desk, [gone("late", the_alert(desk).since + 3 * HOUR)])
    answer = desk.post(path, data=form)
    assert (answer.status_code, "reload it" in answer.text) == (409, True)
    assert sum(each.state is State.PENDING for each in desk.ledger.lists.suppressions()) == 61


def test_many_are_counted_by_hand_and_too_many_are_for_the_shell(desk: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{path_of(desk)}/undo"
    monkeypatch.setattr(forms, "MOST_UNCOUNTED", 50)
    preview = desk.get(path).text
    assert "Type 60 to confirm" in preview
    assert desk.post(path, data=form_of(preview, because="why", count="59")).status_code == 422
    before = state_of(desk.ledger)
    monkeypatch.setattr(bulk, "MOST_PREVIEWED", 59)
    text = desk.get(path).text
    assert f"bounce-watcher undo --alert {the_alert(desk).id} --dry-run" in text
    assert desk.post(path, data=form_of(preview, because="why", count="60")).status_code == 422
    assert state_of(desk.ledger) == before
    monkeypatch.setattr(bulk, "MOST_PREVIEWED", 60)
    assert desk.post(path, data=form_of(preview, because="why", count="60")).status_code == 303


def test_what_a_link_brings_is_one_word_of_the_command() -> None:
    assert command("undo", "--provider", "gmx.net;reboot\x1b") == "undo --provider 'gmx.net;reboot[U+001B]'"


def test_one_that_counts_against_nobody_cannot_be_undone(web: Make) -> None:
    client, now = web(), utcnow()
    alert = an_alert(AlertKind.MAILBOX, "returns", now)
    client.ledger.recording.tell_alerts([alert], [], now, announcer(client.settings))
    assert "Undo…" not in client.get(f"/incidents/{alert.id}").text
    assert client.get(f"/incidents/{alert.id}/undo").status_code == 409


def test_who_may_only_look_and_who_forges_a_form_change_nothing(desk: Web) -> None:
    path, before = f"{path_of(desk)}/undo", state_of(desk.ledger)
    form = form_of(desk.get(path).text, because="why")
    for headers, data in (
        ({"Sec-Fetch-Site": "cross-site"}, form), ({"Origin": "https://evil.example"}, form),
        ({}, {**form, "csrf": "0" * 64}), ({}, {name: form[name] for name in form if name != "csrf"}),
    ):
        assert desk.post(path, headers=headers, data=data).status_code == 403
    policy, hooks = desk.settings.policy, desk.settings.webhooks
    with_reader(desk)
    desk.settings = replace(desk.settings, policy=policy, webhooks=hooks)
    reader = signed_in(desk, READER)
    assert 'disabled aria-describedby="may-not">Undo…' in desk.get(path_of(desk), headers=reader).text
    preview = desk.get(path, headers=reader).text
    assert desk.post(path, headers=reader, data=form_of(preview, because="why")).status_code == 403
    assert state_of(desk.ledger) == before
    actor = signed_in(desk, TOKEN)
    form = form_of(desk.get(path, headers=actor).text, because="why")
    assert desk.post(path, headers=actor, data=form).status_code == 303


def test_in_watch_only_mode_nobody_is_told(desk: Web) -> None:
    desk.settings = replace(desk.settings, policy=PolicySettings(mode=Mode.SHADOW))
    assert "watch-only mode sends nothing" in desk.get(f"{path_of(desk)}/undo").text


def test_a_flood_tells_what_is_held_and_is_decided_at_once(web: Make) -> None:
    client, began = web(), utcnow() - HOUR
    client.settings = replace(client.settings, webhooks=(HOOK,), policy=POLICY)
    client.ledger.recording.record(
        page(*(bounce(f"f{n}", f"good{n}@d{n}.example", at=began.replace(minute=0)) for n in range(60))),
        partial(really_decide, settings=POLICY), announcer(client.settings), POLICY,
    )
    alert = the_alert(client)
    assert alert.kind is AlertKind.FLOOD
    html = client.get(f"/incidents/{alert.id}").text
    text = said(html)
    for each in ("Unusual number of unproven reports", "10 suppressions were held; targets are not notified",
                 "They are held until you decide", "10 addresses are held, by address.", "Reports held"):
        assert each in text
    assert {f"/incidents/{alert.id}/{act}" for act in ("release", "confirm", "undo")} <= set(links(html))
    overview = said(client.get("/").text)
    assert "Unusual number of unproven reports" in overview
    assert "10 suppressions are held until you decide; targets not notified." in overview
    assert "Flood" in said(client.get("/incidents").text)
    held = [each for each in client.ledger.lists.suppressions() if each.state is State.PENDING]
    where = client.get(f"/recipients/{client.ledger.names.name(held[0].recipient)}")
    assert "nothing proves that the report is about our mail" in said(where.text)
