"""One delivery in the browser: how it stands, each try, what would be sent; retried or discarded as at the shell."""

import json
import shlex
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest

from bounce_watcher.model.ledger import Actor, Attempt, Disposition, OutboxState
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.clock import utcnow
from bounce_watcher.web.pages.outbox import delivery
from tests.facts import BY
from tests.web.conftest import Web, on_page
from tests.web.looked_at import HOSTILE, demand_harmless
from tests.web.looking import csrf_of, form_of, links, rows, section, words
from tests.web.outbox_desk import HOOK, LEASE, Make, answer, items, laid_out, path_of, state_of, tell


@pytest.fixture
def desk(web: Make) -> Web:
    return laid_out(web())


@pytest.mark.parametrize(("letter", "parts"), [
    ("a", ("Dead letter after 1 try: crm-hook did not receive it.", "500: request 8f3a9c1b2d failed")),
    ("d", ("crm-hook accepted it at the first try.", "204", "Send again")),
    ("e", ("crm-hook has not accepted it after 1 try; next try at", "HTTP 503", "Retry now")),
    ("f", ("Waits to be sent to crm-hook, after earlier deliveries.", "None yet.")),
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


@pytest.mark.parametrize("written", [
    *HOSTILE, "o'neil $(id) `id` $HOME\\ \"x\"", "two\nlines\tof it", "ä 😀 e\u0301\u0301" * 9,
])
def test_a_delivery_can_be_copied_as_curl(web: Make, written: str) -> None:
    """The words are the request's, whatever a shell or a browser makes of such letters."""
    client = web()
    client.settings = replace(client.settings, webhooks=(HOOK,))
    by = Actor("jo", utcnow(), written)
    client.ledger.suppressions.suppress("a@example.org", "default", by, announce=announcer(client.settings))
    item = items(client.ledger)["a"]
    text = client.get(path_of(client, "a")).text
    demand_harmless(text)
    assert "<details><summary>Copy as curl</summary>" in text
    assert HOOK.secrets[0].get_secret_value().removeprefix("whsec_") not in text
    command = shlex.split(unescape(text.split('id="curl" tabindex="0">', 1)[1].split("</pre>", 1)[0]))
    assert command[:6] == ["curl", "--globoff", "--request", "POST", "--url", HOOK.url]
    headers = command[7:-2:2]
    assert set(command[6:-2:2]) == {"--header"}
    assert f"webhook-id: {item.id}" in headers
    assert "webhook-signature: SECRET" in headers
    assert command[-2] == "--data-raw"
    assert json.loads(command[-1]) == json.loads(item.body)


def test_what_no_command_can_send_is_not_offered_as_one(desk: Web) -> None:
    a = path_of(desk, "a")
    desk.ledger.privacy.forget("a@example.org", BY)
    assert "curl" not in desk.get(a).text, "it lost its content"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "LONGEST_COMMAND", 100)
        assert "curl" not in desk.get(path_of(desk, "b")).text, "half of a command is none"
    desk.settings = replace(desk.settings, webhooks=())
    assert "curl" not in desk.get(path_of(desk, "b")).text, "to whom?"


def test_one_delivery_tells_of_each_try(desk: Web) -> None:
    item = items(desk.ledger)["a"]
    desk.ledger.outbox.retry(Actor("jo", utcnow()), ids=[item.id])
    (again, *_) = [each for each in desk.ledger.outbox.lease("crm-hook", utcnow(), LEASE, 9) if each.id == item.id]
    soon = utcnow() + timedelta(hours=2)
    desk.ledger.outbox.conclude(
        [(again, Attempt(Disposition.RETRY, "HTTP 503", soon, took=timedelta(milliseconds=2440)))], utcnow()
    )
    last, first = rows(section(desk.get(f"/outbox/{item.id}").text, "tries"))
    assert (last[1:4], first[1:4]) == (
        ["2.4 s", "Failed", "HTTP 503"], ["–", "Dead letter", "500: request 8f3a9c1b2d failed for a@example.org"]
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
    assert "The first 3 are not stored." in words(text)
    assert {row[2] for row in rows(text)} == {"Rate limited"}


def test_one_that_a_newer_state_replaced_leads_to_it(desk: Web) -> None:
    first = items(desk.ledger)["a"].id
    desk.ledger.suppressions.release(
        "a@example.org", None, Actor("jo", utcnow(), "back"), announce=announcer(desk.settings)
    )
    newer = [item.id for item in desk.ledger.lists.outbox() if item.recipient == "a@example.org"][-1]
    form = {"csrf": csrf_of(desk.get(f"/outbox/{first}").text)}
    answer_ = desk.post(f"/outbox/{first}/retry", data=form)
    assert answer_.status_code == 409
    text = desk.get(f"/outbox/{first}").text
    assert "Superseded by a newer state of the address for crm-hook" in text
    assert f"/outbox/{newer}" in links(text)
    assert "Retry now" not in text


def test_retry_of_one_is_that_of_the_shell(desk: Web) -> None:
    path = path_of(desk, "a")
    result = desk.post(f"{path}/retry", data={"csrf": csrf_of(desk.get(path).text)})
    assert (result.status_code, result.headers["location"]) == (303, f"{path}?done=retry")
    desk.ledger.outbox.retry(Actor("jo", utcnow()), ids=[items(desk.ledger)["b"].id])
    a, b = (items(desk.ledger)[letter] for letter in "ab")
    assert (a.state, a.attempts, a.last_answer is None) == (b.state, b.attempts, b.last_answer is None)
    assert a.state is OutboxState.DUE
    assert "1 delivery is due again" in words(desk.get(result.headers["location"]).text)
    (done,) = on_page(desk)
    assert (done.action, done.subject, done.count, done.actor) == ("retry", a.id, 1, "API token")


def test_discard_of_one_after_a_preview(desk: Web) -> None:
    path, before = path_of(desk, "f"), state_of(desk.ledger)
    preview = desk.get(f"{path}/discard").text
    assert "recipient.suppressed on f@example.org" in preview
    assert state_of(desk.ledger) == before
    assert desk.post(f"{path}/discard", data={**form_of(preview), "seen": "0" * 32}).status_code == 409
    assert state_of(desk.ledger) == before
    result = desk.post(f"{path}/discard", data=form_of(preview, because="wrong list"))
    assert result.headers["location"] == f"{path}?done=discard"
    assert items(desk.ledger)["f"].state is OutboxState.DISCARDED
    assert desk.get(f"{path}/discard").status_code == 409
    assert "Discarded by a person: never sent to crm-hook." in desk.get(path).text
    assert [done.because for done in on_page(desk)] == ["wrong list"]
