"""The outbox in the browser: how targets stand, what was not taken, and what is done about it as at the shell."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import urlencode

import pytest

from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import Attempt, Disposition, OutboxItem, OutboxState, SuppressionSource
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.state import ServiceState
from bounce_watcher.service.trouble import Trouble
from bounce_watcher.web import forms
from bounce_watcher.web.pages import outbox
from bounce_watcher.web.pages.outbox import error_of
from tests.outbox.samples import target
from tests.web.conftest import NOON, TOKEN, Web
from tests.web.looked_at import HOSTILE, demand_harmless
from tests.web.looking import links, rows, section, words
from tests.web.test_frame import READER, csrf_of, signed_in, with_reader

Make = Callable[..., Web]
HOOK, OTHER = target("crm-hook"), target("other")
LEASE = timedelta(minutes=5)
DELIVERED = Attempt(Disposition.DELIVERED, "204")
GONE = Attempt(Disposition.GONE, "410 Gone")
RETRIED = {OutboxState.DEAD, OutboxState.DUE, OutboxState.DELIVERED}


def dead(answer: str) -> Attempt:
    return Attempt(Disposition.DEAD, answer)


def tell(client: Web, names: Iterable[str], domain: str = "example.org") -> None:
    for name in names:
        client.ledger.suppress(f"{name}@{domain}", "default", because="asked", source=SuppressionSource.MANUAL,
                               now=utcnow(), announce=announcer(client.settings))


def answer(client: Web, target_name: str, *attempts: Attempt) -> list[OutboxItem]:
    now = utcnow()
    items = client.ledger.lease(target_name, now, LEASE, len(attempts))
    assert len(items) == len(attempts)
    client.ledger.conclude(list(zip(items, attempts, strict=True)), now)
    return items


@pytest.fixture
def desk(web: Make) -> Web:
    """To crm-hook: a and b gave up alike, c gave up otherwise, d was delivered, e is tried again, f waits."""
    client = web()
    client.settings = replace(client.settings, webhooks=(HOOK,))
    tell(client, "abcdef")
    answer(client, "crm-hook", dead("500: request 8f3a9c1b2d failed for a@example.org"),
           dead("500: request 1177aa00ff failed for b@example.org"), dead("HTTP 400: no such list"), DELIVERED,
           Attempt(Disposition.RETRY, "HTTP 503", utcnow() + timedelta(hours=1)))
    return client


def items(ledger: Ledger) -> dict[str, OutboxItem]:
    """By the first letter of whom they are about."""
    return {(item.recipient or "?")[0]: item for item in ledger.outbox()}


def path_of(client: Web, letter: str) -> str:
    return f"/outbox/{items(client.ledger)[letter].id}"


def form_of(text: str, **fields: str) -> dict[str, str]:
    return {"csrf": csrf_of(text), "seen": text.split('name="seen" value="', 1)[1].split('"', 1)[0], **fields}


def state_of(ledger: Ledger) -> object:
    return list(ledger.outbox()), list(ledger.actions()), ledger.disabled_endpoints(), ledger.paused()


# ── the page ────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_targets_stand_on_top_and_what_they_did_not_take_is_grouped_by_error(desk: Web) -> None:
    text = desk.get("/outbox").text
    demand_harmless(text)
    line, buttons = rows(section(text, "targets"))
    assert line[0] == "crm-hook Webhook"
    assert line[1:5] == ["Delivering", "2", "0 s", "3"] or line[1:3] + line[4:5] == ["Delivering", "2", "3"]
    assert line[5:8] == ["1", "4", "–"]
    assert buttons == ["Retry all… Dismiss… Pause… Send a test"]
    grouped = [(row[0].removesuffix(" crm-hook"), row[2], row[3]) for row in rows(section(text, "errors")) if row[1:]]
    assert grouped == [
        ("500: request # failed for <address>", "Gave up", "2"), ("HTTP 400: no such list", "Gave up", "1"),
        ("HTTP 503", "Retrying", "1"),
    ]
    listed = rows(section(text, "list"))
    assert [row[2][0] for row in listed] == list("fedcba"), "the last written first"
    assert [row[4] for row in listed] == ["Waiting", "Waiting", "Delivered", "Gave up", "Gave up", "Gave up"]
    assert "@" not in "".join(links(text))


def test_every_number_leads_to_as_many_rows(desk: Web) -> None:
    text = desk.get("/outbox").text
    for link, many in (("/outbox?state=due&target=crm-hook", 2), ("/outbox?state=dead&target=crm-hook", 3)):
        assert link in links(text)
        assert len(rows(section(desk.get(link).text, "list"))) == many


@pytest.mark.parametrize(("query", "who"), [
    ("state=dead", "cba"), ("state=due&state=delivered", "fed"), ("-state=dead", "fed"), ("target=other", ""),
    ("type=recipient.suppressed", "fedcba"), ("type=recipient.released", ""), ("stream=default&state=due", "fe"),
    ("range=24h&state=dead", "cba"), ("until=2020-01-01", ""), ("state=dead&since=2020-01-01", "cba"),
])
def test_filters_find_and_download_the_same(desk: Web, query: str, who: str) -> None:
    text = desk.get(f"/outbox?{query}").text
    found = list(csv.DictReader(io.StringIO(desk.get(f"/outbox.csv?{query}").text, newline="")))
    assert "".join(row["Address"][0] for row in found) == who
    if who:
        assert "".join(row[2][0] for row in rows(section(text, "list"))) == who
    else:
        assert "No deliveries match." in text
    lines = [json.loads(line) for line in desk.get(f"/outbox.jsonl?{query}").text.splitlines()]
    assert "".join(line["recipient"][0] for line in lines) == who


def test_pages_follow_one_another(web: Make) -> None:
    client = web()
    client.settings = replace(client.settings, webhooks=(HOOK,))
    letters = [chr(0x61 + n % 26) + str(n) for n in range(70)]
    for name in letters:
        tell(client, [name])
    first = client.get("/outbox?state=due").text
    older = next(link for link in links(first, "/outbox?state=due&after=o"))
    second = client.get(older).text
    seen = [row[2].partition("@")[0] for row in (*rows(section(first, "list")), *rows(section(second, "list")))]
    assert seen == list(reversed(letters))
    newer = next(link for link in links(second, "/outbox?state=due&after=n"))
    assert rows(section(client.get(newer).text, "list")) == rows(section(first, "list"))


def test_a_target_in_trouble_says_since_when_and_why(desk: Web) -> None:
    desk.standing = ServiceState(NOON, Mode.ENFORCE, (), {HOOK.label: Trouble("timed out after 20 s", NOON)})
    told = words(section(desk.get("/outbox").text, "targets"))
    assert "crm-hook Webhook Failing" in told
    assert re.search(r"Since 2 Mar, 12:00 \(\d+ d\): timed out after 20 s", told)
    desk.standing = ServiceState(NOON, Mode.ENFORCE, (), {})
    answer(desk, "crm-hook", GONE)
    told = words(section(desk.get("/outbox").text, "targets"))
    assert "Wants no more" in told
    assert "410 Gone" in told
    desk.settings = replace(desk.settings, webhooks=(OTHER,))
    told = words(section(desk.get("/outbox").text, "targets"))
    assert "other Webhook Nothing waits" in told
    assert "crm-hook – Not in the configuration" in told


def test_nothing_to_tell_and_nobody_to_tell_it_to(web: Make) -> None:
    text = web().get("/outbox").text
    assert "No webhook, platform or notifier is in the configuration" in text
    assert "Nothing was to be told to anybody yet." in text
    assert web().get("/outbox/none").status_code == 404
    assert web().get("/outbox/retry?target=none").status_code == 404


def test_answers_of_targets_are_shown_harmless(web: Make) -> None:
    client = web()
    client.settings = replace(client.settings, webhooks=(HOOK,))
    for n, text in enumerate(HOSTILE):
        tell(client, [f"{n}"])
        answer(client, "crm-hook", dead(text))
    demand_harmless(client.get("/outbox").text)
    for item in client.ledger.outbox():
        demand_harmless(client.get(f"/outbox/{item.id}").text)
        demand_harmless(client.get(f"/outbox/{item.id}/dismiss").text)
    for text in (item.last_answer or "" for item in client.ledger.outbox()):
        query = urlencode({"target": "crm-hook", "error": error_of(text)})
        for what in ("retry", "dismiss"):
            preview = client.get(f"/outbox/{what}?{query}")
            assert preview.status_code == 200
            demand_harmless(preview.text)
        demand_harmless(client.get(f"/outbox?{urlencode({'target': text})}").text)
    download = client.get("/outbox.csv").text
    assert '"=cmd' not in download


def test_a_long_answer_is_cut(web: Make) -> None:
    client = web()
    client.settings = replace(client.settings, webhooks=(HOOK,))
    tell(client, "a")
    answer(client, "crm-hook", dead("x" * 1_000_000))
    assert len(client.get("/outbox").text) < 60_000
    assert len(client.get(path_of(client, "a")).text) < 60_000


# ── one delivery ────────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize(("letter", "parts"), [
    ("a", ("Gave up after 1 try: crm-hook was not told.", "500: request 8f3a9c1b2d failed")),
    ("d", ("crm-hook took it at the first try.", "204", "Send again")),
    ("e", ("crm-hook has not taken it in 1 try; the next one is at", "HTTP 503", "Retry now")),
    ("f", ("Waits to be sent to crm-hook, behind what was written before it.", "None yet.")),
])
def test_one_delivery_tells_how_it_stands_and_what_would_be_sent(
    desk: Web, letter: str, parts: tuple[str, ...]
) -> None:
    text = desk.get(path_of(desk, letter)).text
    demand_harmless(text)
    for part in (*parts, f'"recipient":"{letter}@example.org"', "webhook-id", "secrets and signatures are masked"):
        assert part in words(text).replace('": "', '":"'), part
    secret = HOOK.secrets[0].get_secret_value()
    assert secret.removeprefix("whsec_") not in text
    assert "v1,…" in text or "v1,***" in text or "masked" in text


def test_one_delivery_tells_of_each_try(desk: Web) -> None:
    item = items(desk.ledger)["a"]
    desk.ledger.retry(utcnow(), ids=[item.id])
    (again, *_) = [each for each in desk.ledger.lease("crm-hook", utcnow(), LEASE, 9) if each.id == item.id]
    soon = utcnow() + timedelta(hours=2)
    desk.ledger.conclude(
        [(again, Attempt(Disposition.RETRY, "HTTP 503", soon, took=timedelta(milliseconds=2440)))], utcnow()
    )
    last, first = rows(section(desk.get(f"/outbox/{item.id}").text, "tries"))
    assert (last[1:4], first[1:4]) == (
        ["2.4 s", "Failed", "HTTP 503"], ["–", "Gave up", "500: request 8f3a9c1b2d failed for a@example.org"]
    )
    assert last[4].endswith(f"{soon:%H:%M}")
    assert first[4] == "none"
    assert 'id="tries"' not in desk.get(path_of(desk, "f")).text


def test_tries_that_are_not_kept_are_counted(web: Make) -> None:
    client = web()
    client.settings = replace(client.settings, webhooks=(HOOK,))
    tell(client, "a")
    for _ in range(23):
        answer(client, "crm-hook", Attempt(Disposition.AGAIN, "HTTP 413"))
    text = section(client.get(path_of(client, "a")).text, "tries")
    assert "The first 3 are not kept." in words(text)
    assert {row[2] for row in rows(text)} == {"Too many at once"}


def test_one_that_a_newer_state_replaced_leads_to_it(desk: Web) -> None:
    first = items(desk.ledger)["a"].id
    desk.ledger.release("a@example.org", None, because="back", now=utcnow(), announce=announcer(desk.settings))
    newer = [item.id for item in desk.ledger.outbox() if item.recipient == "a@example.org"][-1]
    form = {"csrf": csrf_of(desk.get(f"/outbox/{first}").text)}
    answer_ = desk.post(f"/outbox/{first}/retry", data=form)
    assert answer_.status_code == 409
    text = desk.get(f"/outbox/{first}").text
    assert "Replaced: crm-hook is told a newer state" in text
    assert f"/outbox/{newer}" in links(text)
    assert "Retry now" not in text


def test_retry_of_one_is_that_of_the_shell(desk: Web) -> None:
    path = path_of(desk, "a")
    result = desk.post(f"{path}/retry", data={"csrf": csrf_of(desk.get(path).text)})
    assert (result.status_code, result.headers["location"]) == (303, f"{path}?done=retry")
    desk.ledger.retry(utcnow(), ids=[items(desk.ledger)["b"].id])
    a, b = (items(desk.ledger)[letter] for letter in "ab")
    assert (a.state, a.attempts, a.last_answer is None) == (b.state, b.attempts, b.last_answer is None)
    assert a.state is OutboxState.DUE
    assert "1 delivery is due again" in words(desk.get(result.headers["location"]).text)
    (done,) = desk.ledger.actions()
    assert (done.action, done.subject, done.count, done.actor) == ("retry", a.id, 1, "local")


def test_dismiss_of_one_after_a_preview(desk: Web) -> None:
    path, before = path_of(desk, "f"), state_of(desk.ledger)
    preview = desk.get(f"{path}/dismiss").text
    assert "recipient.suppressed on f@example.org" in preview
    assert state_of(desk.ledger) == before
    assert desk.post(f"{path}/dismiss", data={**form_of(preview), "seen": "0" * 32}).status_code == 409
    assert state_of(desk.ledger) == before
    result = desk.post(f"{path}/dismiss", data=form_of(preview, because="wrong list"))
    assert result.headers["location"] == f"{path}?done=discard"
    assert items(desk.ledger)["f"].state is OutboxState.DISCARDED
    assert desk.get(f"{path}/dismiss").status_code == 409
    assert "Dismissed by a person: crm-hook is never told of it." in desk.get(path).text
    assert [done.because for done in desk.ledger.actions()] == ["wrong list"]


# ── many ────────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_retry_of_all_that_met_an_error(desk: Web) -> None:
    text = desk.get("/outbox").text
    link = next(link for link in links(text, "/outbox/retry?") if "500" in link)
    preview = desk.get(link).text
    assert "2 deliveries that gave up would be due at once." in preview
    assert "Type " not in preview
    result = desk.post(link, data=form_of(preview))
    assert result.status_code == 303
    states = {letter: item.state for letter, item in items(desk.ledger).items()}
    assert [letter for letter, state in states.items() if state is OutboxState.DUE] == list("abef")
    assert "2 deliveries are due again" in words(desk.get(result.headers["location"]).text)
    assert desk.post(link, data=form_of(preview)).status_code == 409


def test_retry_of_all_of_a_target_uses_it_again(desk: Web) -> None:
    answer(desk, "crm-hook", GONE)
    preview = desk.get("/outbox/retry?target=crm-hook").text
    assert "3 deliveries that gave up would be due at once." in preview
    assert "crm-hook is used again, whatever it answered before" in preview
    assert desk.post("/outbox/retry?target=crm-hook", data=form_of(preview)).status_code == 303
    assert desk.ledger.disabled_endpoints() == {}
    assert [item.state for item in desk.ledger.outbox()].count(OutboxState.DUE) == 5
    assert [(done.action, done.subject, done.count) for done in desk.ledger.actions()] == [("retry", "crm-hook", 3)]
    assert desk.get("/outbox/retry?target=crm-hook").status_code == 409


def test_dismiss_of_all_of_a_target_needs_a_reason(desk: Web) -> None:
    preview = desk.get("/outbox/dismiss?target=crm-hook").text
    assert "3 deliveries that gave up would be dismissed" in preview
    assert "2 deliveries that wait would be dismissed as well." in preview
    path, before = "/outbox/dismiss?target=crm-hook", state_of(desk.ledger)
    assert desk.post(path, data=form_of(preview)).status_code == 422
    assert state_of(desk.ledger) == before
    result = desk.post(path, data=form_of(preview, because="the list is gone"))
    assert result.status_code == 303
    assert [item.state for item in desk.ledger.outbox()].count(OutboxState.DISCARDED) == 5
    assert "5 deliveries are dismissed." in words(desk.get(result.headers["location"]).text)


def test_what_changed_meanwhile_is_looked_at_again_and_many_are_counted(
    desk: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/outbox/retry?target=crm-hook"
    old = form_of(desk.get(path).text)
    answer(desk, "crm-hook", dead("HTTP 400: no such list"))
    before = state_of(desk.ledger)
    assert desk.post(path, data=old).status_code == 409
    monkeypatch.setattr(forms, "MOST_UNCOUNTED", 3)
    preview = desk.get(path).text
    assert "Type 4 to go on" in preview
    assert desk.post(path, data=form_of(preview, count="3")).status_code == 422
    assert state_of(desk.ledger) == before
    assert desk.post(path, data=form_of(preview, count="4")).status_code == 303


# ── what a filter shows ─────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize(("query", "retried", "dismissed"), [
    ("target=crm-hook", "cba", "cbafe"), ("state=dead", "cba", "cba"), ("state=due", "fe", "fe"),
    ("state=delivered&state=dead", "cbad", "cba"), ("-state=due", "cba", "cba"), ("state=delivered", "d", None),
    ("state=superseded", None, None), ("target=other", None, None),
    ("range=24h&type=recipient.suppressed", "cba", "cbafe"),
])
def test_all_that_a_filter_shows_is_retried_or_dismissed(
    desk: Web, query: str, retried: str | None, dismissed: str | None
) -> None:
    text = desk.get(f"/outbox?{query}").text
    for action, who in (("retry", retried), ("dismiss", dismissed)):
        path = f"/outbox/shown/{action}?{query}"
        assert (path in links(text)) is (who is not None)
        preview = desk.get(path)
        assert preview.status_code == (409 if who is None else 200)
        told = re.findall(r"recipient.suppressed on (.)@", words(preview.text))
        assert sorted(told) == sorted(who or "")
    for action, who in (("dismiss", dismissed), ("retry", retried)):
        if who is None:
            continue
        before, path = items(desk.ledger), f"/outbox/shown/{action}?{query}"
        preview = desk.get(path)
        if preview.status_code == 409:  # all was dismissed by now
            assert action == "retry"
            continue
        assert desk.post(path, data=form_of(preview.text)).status_code == 422, "why?"
        assert desk.post(path, data={**form_of(preview.text, because="x"), "seen": "0" * 32}).status_code == 409
        assert items(desk.ledger) == before
        result = desk.post(path, data=form_of(preview.text, because="the list is mended"))
        assert result.status_code == 303
        wanted = OutboxState.DUE if action == "retry" else OutboxState.DISCARDED
        after = items(desk.ledger)
        chosen = who if action == "dismiss" else [each for each in who if before[each].state in RETRIED]
        assert {each: item.state for each, item in after.items()} == {
            each: wanted if each in chosen else item.state for each, item in before.items()
        }
        assert f"{len(chosen)} deliver" in words(desk.get(result.headers["location"]).text)
        done = desk.ledger.actions(limit=1)[0]
        assert (done.count, done.because) == (len(chosen), "the list is mended")


def test_without_a_filter_not_everything_is_changed(desk: Web) -> None:
    for query in ("", "?after=o5", "?done=retry", "?foo=1", "?since=nonsense", "?state=dead&taget=shop"):
        for action in ("retry", "dismiss"):
            assert desk.get(f"/outbox/shown/{action}{query}").status_code == 422
    assert "/outbox/shown/" not in desk.get("/outbox").text


def test_what_came_meanwhile_is_looked_at_again(desk: Web) -> None:
    path = "/outbox/shown/dismiss?target=crm-hook"
    old = form_of(desk.get(path).text, because="x")
    tell(desk, "g")
    assert desk.post(path, data=old).status_code == 409
    assert OutboxState.DISCARDED not in [item.state for item in desk.ledger.outbox()]


def test_so_many_at_once_and_no_more(desk: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MOST_AT_ONCE", 2)
    path = "/outbox/shown/retry?state=dead"
    preview = desk.get(path).text
    assert "There are more: these are the last 2 that were written." in words(preview)
    desk.post(path, data=form_of(preview, because="x"))
    assert [letter for letter, item in items(desk.ledger).items() if item.state is OutboxState.DEAD] == ["a"]


def test_a_retry_of_a_filter_uses_disabled_targets_again(desk: Web) -> None:
    answer(desk, "crm-hook", GONE)
    path = "/outbox/shown/retry?state=dead"
    preview = desk.get(path).text
    assert "crm-hook is used again, whatever it answered before." in words(preview)
    desk.post(path, data=form_of(preview, because="x"))
    assert desk.ledger.disabled_endpoints() == {}


# ── paused ──────────────────────────────────────────────────────────────────────────────────────────────────────────

def pause(client: Web, because: str = "moves to another host") -> None:
    path = "/outbox/pause?target=crm-hook"
    result = client.post(path, data=form_of(client.get(path).text, because=because))
    assert result.headers["location"] == "/outbox?done=pause&on=crm-hook"


def test_a_target_is_paused_after_a_preview_with_a_reason(desk: Web) -> None:
    path, before = "/outbox/pause?target=crm-hook", list(desk.ledger.outbox())
    preview = desk.get(path).text
    assert "2 deliveries wait now: nothing of it is lost" in preview
    assert "Nothing has changed yet." in preview
    assert desk.post(path, data=form_of(preview)).status_code == 422
    assert desk.ledger.paused() == {}
    pause(desk)
    ((target_name, paused),) = desk.ledger.paused().items()
    assert (target_name, paused.by, paused.because) == ("crm-hook", "local", "moves to another host")
    assert desk.ledger.lease("crm-hook", utcnow() + timedelta(days=1), LEASE, 9) == []
    assert list(desk.ledger.outbox()) == before
    text = desk.get("/outbox?done=pause&on=crm-hook").text
    assert "crm-hook is paused: it is sent nothing until it is resumed." in words(text)
    told = words(section(text, "targets"))
    assert "crm-hook Webhook Paused by a person 2" in told
    assert re.search(r"Since \d\d:\d\d \(\d s\) by local: moves to another host", told)
    assert "Waits: crm-hook is paused. Since" in desk.get(path_of(desk, "f")).text
    assert desk.get(path).status_code == 409
    assert [(done.action, done.subject, done.because) for done in desk.ledger.actions()] == [
        ("pause", "crm-hook", "moves to another host")
    ]


def test_a_paused_target_is_resumed_and_nothing_was_lost(desk: Web) -> None:
    path = "/outbox/resume?target=crm-hook"
    assert desk.get(path).status_code == 409
    pause(desk)
    desk.settings = replace(desk.settings, webhooks=())
    preview = desk.get(path).text
    assert "2 deliveries wait: that is sent from now on." in words(preview)
    assert desk.post(path, data={**form_of(preview), "seen": "0" * 32}).status_code == 409
    assert desk.post(path, data=form_of(preview)).status_code == 303
    assert desk.ledger.paused() == {}
    assert len(desk.ledger.lease("crm-hook", utcnow() + timedelta(days=1), LEASE, 9)) == 2
    assert [done.action for done in desk.ledger.actions()] == ["resume", "pause"]
    assert desk.get("/outbox/pause?target=none").status_code == 404


def test_the_overview_tells_of_a_pause_and_of_no_trouble(desk: Web) -> None:
    desk.standing = ServiceState(NOON, Mode.ENFORCE, (), {HOOK.label: Trouble("timed out after 20 s", NOON)})
    assert "crm-hook does not take what it is told" in words(desk.get("/").text)
    pause(desk)
    told = words(desk.get("/").text)
    assert "crm-hook does not take" not in told
    assert "A person paused crm-hook: 2 deliveries wait, and nothing is lost." in told


@pytest.mark.parametrize("text", HOSTILE)
def test_a_reason_is_shown_harmless(desk: Web, text: str) -> None:
    pause(desk, text)
    for path in ("/outbox", "/outbox/resume?target=crm-hook", path_of(desk, "f"), "/log", "/"):
        demand_harmless(desk.get(path).text)


def all_forms(client: Web, headers: dict[str, str] | None = None) -> list[tuple[str, dict[str, str]]]:
    a, f = path_of(client, "a"), path_of(client, "f")

    def text(path: str) -> str:
        return client.get(path, headers=headers).text

    return [
        (f"{a}/retry", {"csrf": csrf_of(text(a)), "because": "x"}),
        (f"{f}/dismiss", form_of(text(f"{f}/dismiss"))),
        ("/outbox/retry?target=crm-hook", form_of(text("/outbox/retry?target=crm-hook"))),
        ("/outbox/dismiss?target=crm-hook", form_of(text("/outbox/dismiss?target=crm-hook"), because="x")),
        ("/outbox/test", {"csrf": csrf_of(text("/outbox")), "target": "crm-hook"}),
        ("/outbox/shown/retry?state=dead", form_of(text("/outbox/shown/retry?state=dead"), because="x")),
        ("/outbox/shown/dismiss?state=dead", form_of(text("/outbox/shown/dismiss?state=dead"), because="x")),
        ("/outbox/pause?target=crm-hook", form_of(text("/outbox/pause?target=crm-hook"), because="x")),
    ]


def test_a_forged_form_changes_nothing(desk: Web) -> None:
    before = state_of(desk.ledger)
    for path, form in all_forms(desk):
        for headers, data in (
            ({"Sec-Fetch-Site": "cross-site"}, form), ({"Origin": "https://evil.example"}, form),
            ({}, {**form, "csrf": "0" * 64}), ({}, {name: form[name] for name in form if name != "csrf"}),
        ):
            assert desk.post(path, headers=headers, data=data).status_code == 403, path
    assert state_of(desk.ledger) == before


def test_who_may_only_look_changes_nothing(desk: Web) -> None:
    hooks = desk.settings.webhooks
    with_reader(desk)
    desk.settings = replace(desk.settings, webhooks=hooks)
    reader, before = signed_in(desk, READER), state_of(desk.ledger)
    assert 'href="/outbox/retry?' not in desk.get("/outbox", headers=reader).text
    assert "disabled aria-describedby=\"may-not\">Retry now" in desk.get(path_of(desk, "a"), headers=reader).text
    for path, form in all_forms(desk, reader):
        assert desk.post(path, headers=reader, data=form).status_code == 403, path
    assert state_of(desk.ledger) == before
    actor = signed_in(desk, TOKEN)
    path, form = all_forms(desk, actor)[2]
    assert desk.post(path, headers=actor, data=form).status_code == 303


# ── a test ──────────────────────────────────────────────────────────────────────────────────────────────────────────

@contextmanager
def receiver(status: int, body: bytes) -> Iterator[tuple[str, list[dict[str, object]]]]:
    got: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("status", "body", "told"), [
    (204, b"", "crm-hook took the test of"), (503, b"<script>alert(1)</script>", "crm-hook did not take the test of"),
])
def test_a_test_sends_one_event_and_tells_the_answer(desk: Web, status: int, body: bytes, told: str) -> None:
    with receiver(status, body) as (url, got):
        hook = replace(target("crm-hook", url), allow_hosts=frozenset({"127.0.0.1"}))
        desk.settings = replace(desk.settings, webhooks=(hook,))
        before = list(desk.ledger.outbox())
        result = desk.post("/outbox/test", data={"csrf": csrf_of(desk.get("/outbox").text), "target": "crm-hook"})
    assert [each["type"] for each in got] == ["endpoint.test"]
    assert list(desk.ledger.outbox()) == before, "nothing goes into the outbox"
    text = desk.get(result.headers["location"]).text
    demand_harmless(text)
    assert told in words(text)
    assert str(status) in words(text)
    (done,) = desk.ledger.actions()
    assert (done.action, done.subject, done.count) == ("test", "crm-hook", int(status == 204))
    assert desk.post("/outbox/test", data={"csrf": csrf_of(text), "target": "none"}).status_code == 404
