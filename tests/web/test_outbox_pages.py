"""The outbox in the browser: how targets stand, what was not taken, a pause, a test; and who may do what there."""

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import urlencode

import pytest

from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.state import ServiceState
from bounce_watcher.web.pages.outbox.delivery import error_of
from tests.outbox.samples import target
from tests.troubles import failed
from tests.web.conftest import NOON, TOKEN, Web, on_page
from tests.web.looked_at import HOSTILE, demand_harmless
from tests.web.looking import csrf_of, form_of, links, rows, section, words
from tests.web.outbox_desk import GONE, HOOK, LEASE, OTHER, Make, answer, dead, laid_out, path_of, state_of, tell
from tests.web.test_frame import READER, signed_in, with_reader

PAUSED = "crm-hook is paused: nothing is sent until it is resumed."


@pytest.fixture
def desk(web: Make) -> Web:
    return laid_out(web())


# ── the page ────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_targets_stand_on_top_and_what_they_did_not_take_is_grouped_by_error(desk: Web) -> None:
    text = desk.get("/outbox").text
    demand_harmless(text)
    line, buttons = rows(section(text, "targets"))
    assert line[0] == "crm-hook Webhook"
    assert line[1:5] == ["Delivering", "2", "0 s", "3"] or line[1:3] + line[4:5] == ["Delivering", "2", "3"]
    assert line[5:8] == ["1", "4", "–"]
    assert buttons == ["Retry all… Discard… Pause… Send a test"]
    grouped = [(row[0].removesuffix(" crm-hook"), row[2], row[3]) for row in rows(section(text, "errors")) if row[1:]]
    assert grouped == [
        ("500: request # failed for <address>", "Dead letter", "2"), ("HTTP 400: no such list", "Dead letter", "1"),
        ("HTTP 503", "Retrying", "1"),
    ]
    listed = rows(section(text, "list"))
    assert [row[2][0] for row in listed] == list("fedcba"), "the last written first"
    assert [row[4] for row in listed] == ["Waiting", "Waiting", "Delivered", *["Dead letter"] * 3]
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
    desk.standing = ServiceState(NOON, Mode.ENFORCE, (), {HOOK.about: failed("timed out after 20 s", NOON)})
    told = words(section(desk.get("/outbox").text, "targets"))
    assert "crm-hook Webhook Failing" in told
    assert re.search(r"Since 2 Mar, 12:00 \(\d+ d\): timed out after 20 s", told)
    desk.standing = ServiceState(NOON, Mode.ENFORCE, (), {})
    answer(desk, "crm-hook", GONE)
    told = words(section(desk.get("/outbox").text, "targets"))
    assert "Receiver gone" in told
    assert "410 Gone" in told
    desk.settings = replace(desk.settings, webhooks=(OTHER,))
    told = words(section(desk.get("/outbox").text, "targets"))
    assert "other Webhook Idle" in told
    assert "crm-hook – Not configured" in told


def test_nothing_to_tell_and_nobody_to_tell_it_to(web: Make) -> None:
    text = web().get("/outbox").text
    assert "No webhook, platform or notifier is configured" in text
    assert "No deliveries yet." in text
    assert web().get("/outbox/none").status_code == 404
    assert web().get("/outbox/retry?target=none").status_code == 404


def test_answers_of_targets_are_shown_harmless(web: Make) -> None:
    client = web()
    client.settings = replace(client.settings, webhooks=(HOOK,))
    for n, text in enumerate(HOSTILE):
        tell(client, [f"{n}"])
        answer(client, "crm-hook", dead(text))
    demand_harmless(client.get("/outbox").text)
    for item in client.ledger.lists.outbox():
        demand_harmless(client.get(f"/outbox/{item.id}").text)
        demand_harmless(client.get(f"/outbox/{item.id}/discard").text)
    for text in (item.last_answer or "" for item in client.ledger.lists.outbox()):
        query = urlencode({"target": "crm-hook", "error": error_of(text)})
        for what in ("retry", "discard"):
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


# ── paused ──────────────────────────────────────────────────────────────────────────────────────────────────────────

def pause(client: Web, because: str = "moves to another host") -> None:
    path = "/outbox/pause?target=crm-hook"
    result = client.post(path, data=form_of(client.get(path).text, because=because))
    assert result.headers["location"] == "/outbox?done=pause&on=crm-hook"


def test_a_target_is_paused_after_a_preview_with_a_reason(desk: Web) -> None:
    path, before = "/outbox/pause?target=crm-hook", list(desk.ledger.lists.outbox())
    preview = desk.get(path).text
    assert "2 waiting deliveries now. Nothing is lost" in preview
    assert "Nothing has changed yet." in preview
    assert desk.post(path, data=form_of(preview)).status_code == 422
    assert desk.ledger.outbox.paused() == {}
    pause(desk)
    ((target_name, paused),) = desk.ledger.outbox.paused().items()
    assert (target_name, paused.by, paused.because) == ("crm-hook", "API token", "moves to another host")
    assert desk.ledger.outbox.lease("crm-hook", utcnow() + timedelta(days=1), LEASE, 9) == []
    assert list(desk.ledger.lists.outbox()) == before
    text = desk.get("/outbox?done=pause&on=crm-hook").text
    assert "crm-hook is paused: nothing is sent until it is resumed." in words(text)
    told = words(section(text, "targets"))
    assert "crm-hook Webhook Paused 2" in told
    assert re.search(r"Since \d\d:\d\d \(\d s\) by API token: moves to another host", told)
    assert "Waits: crm-hook is paused. Since" in desk.get(path_of(desk, "f")).text
    assert desk.get(path).status_code == 409
    assert [(done.action, done.subject, done.because) for done in on_page(desk)] == [
        ("pause", "crm-hook", "moves to another host")
    ]


def test_a_paused_target_is_resumed_and_nothing_was_lost(desk: Web) -> None:
    path = "/outbox/resume?target=crm-hook"
    assert desk.get(path).status_code == 409
    pause(desk)
    desk.settings = replace(desk.settings, webhooks=())
    preview = desk.get(path).text
    assert "2 waiting deliveries: sent from now on." in words(preview)
    assert desk.post(path, data={**form_of(preview), "seen": "0" * 32}).status_code == 409
    assert desk.post(path, data=form_of(preview)).status_code == 303
    assert desk.ledger.outbox.paused() == {}
    assert len(desk.ledger.outbox.lease("crm-hook", utcnow() + timedelta(days=1), LEASE, 9)) == 2
    assert [done.action for done in on_page(desk)] == ["resume", "pause"]
    assert desk.get("/outbox/pause?target=none").status_code == 404


def test_the_overview_tells_of_a_pause_and_of_no_trouble(desk: Web) -> None:
    desk.standing = ServiceState(NOON, Mode.ENFORCE, (), {HOOK.about: failed("timed out after 20 s", NOON)})
    assert "crm-hook is not accepting webhooks" in words(desk.get("/").text)
    pause(desk)
    told = words(desk.get("/").text)
    assert "crm-hook is not accepting" not in told
    assert "crm-hook is paused: 2 waiting deliveries. Nothing is lost." in told


@pytest.mark.parametrize("text", HOSTILE)
def test_a_reason_is_shown_harmless(desk: Web, text: str) -> None:
    pause(desk, text)
    for path in ("/outbox", "/outbox/resume?target=crm-hook", path_of(desk, "f"), "/log", "/"):
        demand_harmless(desk.get(path).text)


UNDER_ITS_ID = ", with the same ids, in order."


def would_be_sent(preview: str) -> list[str]:
    found = re.search(r"<h3>Sent to targets</h3>\s*<ul[^>]*>(.*?)</ul>", preview, re.DOTALL)
    assert found
    return [words(each) for each in re.findall(r"<li>(.*?)</li>", found[1], re.DOTALL)]


@pytest.mark.parametrize(("path", "many", "told"), [
    ("/outbox/retry?target=crm-hook", "3", "3 deliveries are due again."),
    ("/outbox/retry?target=crm-hook&error=HTTP+400%3A+no+such+list", "1", "1 delivery is due again."),
    ("/outbox/shown/retry?state=dead", "3", "3 deliveries are due again."),
])
def test_a_retry_says_that_a_paused_target_is_sent_nothing(desk: Web, path: str, many: str, told: str) -> None:
    old = desk.get(path).text
    assert would_be_sent(old) == [f"{many} to crm-hook{UNDER_ITS_ID}"]
    pause(desk)
    preview = desk.get(path).text
    assert would_be_sent(preview) == [f"{many} to crm-hook{UNDER_ITS_ID}", PAUSED]
    assert desk.post(path, data=form_of(old, because="x")).status_code == 409, "the pause was not seen"
    result = desk.post(path, data=form_of(preview, because="x"))
    assert f"{told} {PAUSED}" in words(desk.get(result.headers["location"]).text)
    assert desk.ledger.outbox.lease("crm-hook", utcnow() + timedelta(days=1), LEASE, 9) == []


@pytest.mark.parametrize(("query", "sent", "told"), [
    ("state=dead", [f"3 to crm-hook{UNDER_ITS_ID}", PAUSED, f"1 to other{UNDER_ITS_ID}"],
     f"4 deliveries are due again. {PAUSED}"),
    ("state=dead&-target=crm-hook", [f"1 to other{UNDER_ITS_ID}"],
     "1 delivery is due again, sent with the next run."),
])
def test_a_retry_says_of_no_other_target_that_it_is_paused(desk: Web, query: str, sent: list[str], told: str) -> None:
    desk.settings = replace(desk.settings, webhooks=(OTHER,))
    tell(desk, "g")
    answer(desk, "other", dead("HTTP 500"))
    desk.settings = replace(desk.settings, webhooks=(HOOK, OTHER))
    pause(desk)
    path = f"/outbox/shown/retry?{query}"
    preview = desk.get(path).text
    assert would_be_sent(preview) == sent
    result = desk.post(path, data=form_of(preview, because="x"))
    assert told in words(desk.get(result.headers["location"]).text)


def test_what_uses_a_target_again_does_not_resume_it(desk: Web) -> None:
    answer(desk, "crm-hook", GONE)
    path = "/outbox/retry?target=crm-hook"
    to_send = f"3 to crm-hook{UNDER_ITS_ID}"
    assert would_be_sent(desk.get(path).text) == [to_send, "Deliveries already waiting for crm-hook."]
    pause(desk)
    preview = desk.get(path).text
    assert "crm-hook is enabled again, whatever it answered before." in preview
    assert would_be_sent(preview) == [to_send, PAUSED]
    assert PAUSED not in desk.get("/outbox/discard?target=crm-hook").text, "never sent at all"


def test_one_that_is_retried_waits_for_its_paused_target(desk: Web) -> None:
    def retry(letter: str) -> str:
        path = path_of(desk, letter)
        result = desk.post(f"{path}/retry", data={"csrf": csrf_of(desk.get(path).text)})
        return words(desk.get(result.headers["location"]).text)

    assert "1 delivery is due again, sent with the next run." in retry("a")
    pause(desk)
    assert f"1 delivery is due again. {PAUSED}" in retry("b")


# ── who may do it ───────────────────────────────────────────────────────────────────────────────────────────────────

def all_forms(client: Web, headers: dict[str, str] | None = None) -> list[tuple[str, dict[str, str]]]:
    a, f = path_of(client, "a"), path_of(client, "f")

    def text(path: str) -> str:
        return client.get(path, headers=headers).text

    return [
        (f"{a}/retry", {"csrf": csrf_of(text(a)), "because": "x"}),
        (f"{f}/discard", form_of(text(f"{f}/discard"))),
        ("/outbox/retry?target=crm-hook", form_of(text("/outbox/retry?target=crm-hook"))),
        ("/outbox/discard?target=crm-hook", form_of(text("/outbox/discard?target=crm-hook"), because="x")),
        ("/outbox/test", {"csrf": csrf_of(text("/outbox")), "target": "crm-hook"}),
        ("/outbox/shown/retry?state=dead", form_of(text("/outbox/shown/retry?state=dead"), because="x")),
        ("/outbox/shown/discard?state=dead", form_of(text("/outbox/shown/discard?state=dead"), because="x")),
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
    (204, b"", "crm-hook accepted the test of"),
    (503, b"<script>alert(1)</script>", "crm-hook did not accept the test of"),
])
def test_a_test_sends_one_event_and_tells_the_answer(desk: Web, status: int, body: bytes, told: str) -> None:
    with receiver(status, body) as (url, got):
        hook = replace(target("crm-hook", url), allow_hosts=frozenset({"127.0.0.1"}))
        desk.settings = replace(desk.settings, webhooks=(hook,))
        before = list(desk.ledger.lists.outbox())
        result = desk.post("/outbox/test", data={"csrf": csrf_of(desk.get("/outbox").text), "target": "crm-hook"})
    assert [each["type"] for each in got] == ["endpoint.test"]
    assert list(desk.ledger.lists.outbox()) == before, "nothing goes into the outbox"
    text = desk.get(result.headers["location"]).text
    demand_harmless(text)
    assert told in words(text)
    assert str(status) in words(text)
    (done,) = on_page(desk)
    assert (done.action, done.subject, done.count) == ("test", "crm-hook", int(status == 204))
    assert desk.post("/outbox/test", data={"csrf": csrf_of(text), "target": "none"}).status_code == 404
