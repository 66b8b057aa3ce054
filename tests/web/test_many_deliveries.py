"""Many deliveries retried or discarded in the browser: of a target, with an error, or all that a filter shows."""

import re

import pytest

from bounce_watcher.ledger.lists.filters import OutboxFilter
from bounce_watcher.ledger.outbox import listing as deliveries
from bounce_watcher.model.ledger import Actor, NoticeType, OutboxState
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.operations import outbox as operations
from bounce_watcher.web.pages.outbox import many_deliveries
from bounce_watcher.web.pages.shared import forms
from tests.facts import BY
from tests.web.conftest import Web, on_page
from tests.web.looking import form_of, links, words
from tests.web.outbox_desk import DELIVERED, GONE, Make, answer, dead, items, laid_out, state_of, tell

RETRIED = {OutboxState.DEAD, OutboxState.DUE, OutboxState.DELIVERED}


@pytest.fixture
def desk(web: Make) -> Web:
    return laid_out(web())


# ── of a target ─────────────────────────────────────────────────────────────────────────────────────────────────────

def test_retry_of_all_that_met_an_error(desk: Web) -> None:
    text = desk.get("/outbox").text
    link = next(link for link in links(text, "/outbox/retry?") if "500" in link)
    preview = desk.get(link).text
    assert "2 dead letters would be due at once." in preview
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
    assert "3 dead letters would be due at once." in preview
    assert "crm-hook is enabled again, whatever it answered before" in preview
    assert desk.post("/outbox/retry?target=crm-hook", data=form_of(preview)).status_code == 303
    assert desk.ledger.lists.disabled_endpoints() == {}
    assert [item.state for item in desk.ledger.lists.outbox()].count(OutboxState.DUE) == 5
    assert [(done.action, done.subject, done.count) for done in on_page(desk)] == [("retry", "crm-hook", 3)]
    assert desk.get("/outbox/retry?target=crm-hook").status_code == 409


def test_discard_of_all_of_a_target_needs_a_reason(desk: Web) -> None:
    preview = desk.get("/outbox/discard?target=crm-hook").text
    assert "3 dead letters would be discarded" in preview
    assert "2 waiting deliveries would be discarded and never sent." in preview
    path, before = "/outbox/discard?target=crm-hook", state_of(desk.ledger)
    assert desk.post(path, data=form_of(preview)).status_code == 422
    assert state_of(desk.ledger) == before
    result = desk.post(path, data=form_of(preview, because="the list is gone"))
    assert result.status_code == 303
    assert [item.state for item in desk.ledger.lists.outbox()].count(OutboxState.DISCARDED) == 5
    assert "5 deliveries are discarded." in words(desk.get(result.headers["location"]).text)


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
    assert "Type 4 to confirm" in preview
    assert desk.post(path, data=form_of(preview, count="3")).status_code == 422
    assert state_of(desk.ledger) == before
    assert desk.post(path, data=form_of(preview, count="4")).status_code == 303


# ── what a filter shows ─────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize(("query", "retried", "discarded"), [
    ("target=crm-hook", "cba", "cbafe"), ("state=dead", "cba", "cba"), ("state=due", "fe", "fe"),
    ("state=delivered&state=dead", "cbad", "cba"), ("-state=due", "cba", "cba"), ("state=delivered", "d", None),
    ("state=superseded", None, None), ("target=other", None, None),
    ("range=24h&type=recipient.suppressed", "cba", "cbafe"),
])
def test_all_that_a_filter_shows_is_retried_or_discarded(
    desk: Web, query: str, retried: str | None, discarded: str | None
) -> None:
    text = desk.get(f"/outbox?{query}").text
    for action, who in (("retry", retried), ("discard", discarded)):
        path = f"/outbox/shown/{action}?{query}"
        assert (path in links(text)) is (who is not None)
        preview = desk.get(path)
        assert preview.status_code == (409 if who is None else 200)
        told = re.findall(r"recipient.suppressed on (.)@", words(preview.text))
        assert sorted(told) == sorted(who or "")
    for action, who in (("discard", discarded), ("retry", retried)):
        if who is None:
            continue
        before, path = items(desk.ledger), f"/outbox/shown/{action}?{query}"
        preview = desk.get(path)
        if preview.status_code == 409:  # all was discarded by now
            assert action == "retry"
            continue
        assert desk.post(path, data=form_of(preview.text)).status_code == 422, "why?"
        assert desk.post(path, data={**form_of(preview.text, because="x"), "seen": "0" * 32}).status_code == 409
        assert items(desk.ledger) == before
        result = desk.post(path, data=form_of(preview.text, because="the list is mended"))
        assert result.status_code == 303
        wanted = OutboxState.DUE if action == "retry" else OutboxState.DISCARDED
        after = items(desk.ledger)
        chosen = who if action == "discard" else [each for each in who if before[each].state in RETRIED]
        assert {each: item.state for each, item in after.items()} == {
            each: wanted if each in chosen else item.state for each, item in before.items()
        }
        assert f"{len(chosen)} deliver" in words(desk.get(result.headers["location"]).text)
        done = desk.ledger.log.newest(limit=1)[0]
        assert (done.count, done.because) == (len(chosen), "the list is mended")


def test_without_a_filter_not_everything_is_changed(desk: Web) -> None:
    for query in ("", "?after=o5", "?done=retry", "?foo=1", "?since=nonsense", "?state=dead&taget=shop"):
        for action in ("retry", "discard"):
            assert desk.get(f"/outbox/shown/{action}{query}").status_code == 422
    assert "/outbox/shown/" not in desk.get("/outbox").text


def test_what_came_meanwhile_is_looked_at_again(desk: Web) -> None:
    path = "/outbox/shown/discard?target=crm-hook"
    old = form_of(desk.get(path).text, because="x")
    tell(desk, "g")
    assert desk.post(path, data=old).status_code == 409
    assert OutboxState.DISCARDED not in [item.state for item in desk.ledger.lists.outbox()]


def test_so_many_at_once_and_no_more(desk: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_deliveries, "MOST_AT_ONCE", 2)
    path = "/outbox/shown/retry?state=dead"
    preview = desk.get(path).text
    assert "Only the newest 2 are included." in words(preview)
    desk.post(path, data=form_of(preview, because="x"))
    assert [letter for letter, item in items(desk.ledger).items() if item.state is OutboxState.DEAD] == ["a"]


def test_a_retry_of_a_filter_uses_disabled_targets_again(desk: Web) -> None:
    answer(desk, "crm-hook", GONE)
    path = "/outbox/shown/retry?state=dead"
    preview = desk.get(path).text
    assert "crm-hook is enabled again, whatever it answered before." in words(preview)
    desk.post(path, data=form_of(preview, because="x"))
    assert desk.ledger.lists.disabled_endpoints() == {}


def test_what_lost_its_content_can_only_be_discarded(desk: Web) -> None:
    desk.ledger.privacy.forget("a@example.org", BY)
    for path in ("/outbox/shown/retry?state=dead", "/outbox/retry?target=crm-hook"):
        text = desk.get(path).text
        assert "2 dead letters would be due at once." in text
        assert "Retry 2 deliveries" in text
    assert desk.get("/outbox/retry?target=crm-hook&error=no+stored+answer").status_code == 409
    preview = desk.get("/outbox/shown/discard?state=dead").text
    assert "3 dead letters would be discarded and never sent." in preview


# ── what a retry sends, and what not ────────────────────────────────────────────────────────────────────────────────

WAYS = ("/outbox/retry?target=crm-hook", "/outbox/shown/retry?state=dead")


def overtake(desk: Web, *letters: str) -> None:
    """A newer state of these is taken."""
    for letter in letters:
        by = Actor("jo", utcnow(), "back")
        desk.ledger.suppressions.release(f"{letter}@example.org", None, by, announce=announcer(desk.settings))
    answer(desk, "crm-hook", *[DELIVERED] * (1 + len(letters)))  # f, which waits, before them


@pytest.mark.parametrize("path", WAYS)
def test_a_retry_counts_what_it_sends(desk: Web, path: str) -> None:
    overtake(desk, "a")
    desk.ledger.privacy.forget("b@example.org", BY)
    preview = desk.get(path).text
    assert "1 dead letter would be due at once." in words(preview)
    assert "1 delivery would be marked as superseded by a newer state." in words(preview)
    assert "1 to crm-hook, with the same ids" in words(preview)
    assert "recipient.suppressed on c@example.org" in preview
    assert "a@example.org" not in preview
    result = desk.post(path, data=form_of(preview, because="x"))
    assert "1 delivery is due again" in words(desk.get(result.headers["location"]).text)
    assert [done.count for done in desk.ledger.log.newest(limit=1)] == [1]
    states = [item.state for item in desk.ledger.lists.outbox() if item.type is NoticeType.SUPPRESSED]
    assert states[:3] == [OutboxState.SUPERSEDED, OutboxState.DEAD, OutboxState.DUE]


@pytest.mark.parametrize("path", WAYS)
def test_a_retry_of_nothing_but_what_was_replaced_sends_nothing(desk: Web, path: str) -> None:
    overtake(desk, "a", "b", "c")
    preview = desk.get(path).text
    assert "3 deliveries would be marked as superseded" in words(preview)
    assert "Retry: sends nothing" in preview
    assert "0 deliver" not in words(preview)
    assert desk.post(path, data=form_of(preview, because="x")).status_code == 303
    assert OutboxState.DEAD not in [item.state for item in desk.ledger.lists.outbox()]
    assert desk.get(path).status_code == 409


def test_of_a_target_with_too_many_it_is_said_that_it_may_be_fewer(desk: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "At most: those without" not in desk.get(WAYS[0]).text
    for module in (operations, deliveries):
        monkeypatch.setattr(module, "MOST_COUNTED", 2)
    desk.ledger.privacy.forget("a@example.org", BY)
    preview = desk.get(WAYS[0]).text
    assert "3 dead letters would be due at once." in preview
    assert "At most: those without content or superseded are skipped" in preview
    desk.post(WAYS[0], data=form_of(preview))
    assert [done.count for done in on_page(desk)] == [2]


def test_a_target_that_wanted_no_more_is_used_again(desk: Web) -> None:
    desk.ledger.outbox.discard(BY, ids=[item.id for item in desk.ledger.lists.outbox(OutboxFilter(OutboxState.DEAD))])
    answer(desk, "crm-hook", GONE)
    assert "Enable again…" in desk.get("/outbox").text
    preview = desk.get(WAYS[0]).text
    assert preview.count("Enable crm-hook again") == 3, "title, heading and button"
    assert "Retry" not in words(preview)
    assert "0 deliver" not in words(preview)
    assert "Deliveries already waiting for crm-hook." in preview
    result = desk.post(WAYS[0], data=form_of(preview))
    assert desk.ledger.lists.disabled_endpoints() == {}
    told = words(desk.get(result.headers["location"]).text)
    assert "No dead letters to retry; crm-hook is enabled." in told
