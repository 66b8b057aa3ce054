"""All that a filter shows, released in the browser: with a preview, once, those to be thought of twice left out."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import Actor
from bounce_watcher.model.verdict import Reason
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.operations import bulk
from bounce_watcher.web.pages.shared import forms
from tests.ledger.making import START, bounce, day, decide, page
from tests.web.conftest import Web, on_page
from tests.web.looked_at import HOSTILE, demand_harmless
from tests.web.looking import form_of, links
from tests.web.looking import words as said
from tests.web.test_frame import READER, signed_in, with_reader
from tests.web.test_recipients import hear, state_of, told

Make = Callable[..., Web]
PATH = "/recipients/release"


@pytest.fixture
def desk(web: Make) -> Web:
    """Twelve of gmx.net whose mailbox is gone, one that complained, one suppressed by hand, one protected."""
    client = web()
    hear(client)
    announce = announcer(client.settings)
    events = [bounce(f"{n:032x}", f"u{n}@gmx.net", at=day(n)) for n in range(12)]
    complaint = bounce("c" * 32, "carla@gmx.net", reason=None, action=None, feedback_type="abuse", at=day(13))
    full = bounce("f" * 32, "other@outlook.com", reason=Reason.INVALID_DOMAIN, at=day(14))
    client.ledger.recording.record(page(*events, replace(complaint, kind=Kind.COMPLAINT), full), decide, announce)
    client.ledger.suppressions.suppress("hand@gmx.net", "default", Actor("jo", day(15), "asked"), announce=announce)
    client.ledger.suppressions.protect("u3@gmx.net", Actor("jo", START, "our founder"))
    return client


def standing(desk: Web) -> set[str]:
    return {each.recipient for each in desk.ledger.lists.suppressions()}


def test_what_the_filter_shows_is_released_but_for_those_left_out(desk: Web) -> None:
    listed = desk.get("/recipients?domain=gmx.net").text
    assert f"{PATH}?domain=gmx.net" in links(listed)
    assert PATH not in desk.get("/recipients").text, "no filter, no button"
    before = state_of(desk.ledger)
    preview = desk.get(f"{PATH}?domain=gmx.net").text
    demand_harmless(preview)
    shown = said(preview)
    for part in (
        "Release recipients with domain: gmx.net", "11 suppressions would end.", "and 1 more",
        "11 × recipient.released to crm-hook", "1 suppression left out: complained.",
        "1 suppression left out: suppressed by hand.", "1 suppression left out: protected.",
        "carla@gmx.net (default): complained", "u3@gmx.net (default): protected",
        "Release 11 suppressions",
        "Mailbox does not exist; Suppressed, then Released",
    ):
        assert part in shown, part
    assert state_of(desk.ledger) == before, "looking changes nothing"
    answer = desk.post(f"{PATH}?domain=gmx.net", data=form_of(preview, because="a typing error"))
    assert answer.status_code == 303
    assert standing(desk) == {"carla@gmx.net", "hand@gmx.net", "u3@gmx.net", "other@outlook.com"}
    assert told(desk.ledger)[-11:] == [("recipient.released", each[1], "a typing error")
                                       for each in told(desk.ledger)[-11:]]
    (done,) = on_page(desk)
    assert (done.action, done.subject, done.count, done.because) == (
        "release", "recipients with domain: gmx.net", 11, "a typing error"
    )
    result = desk.get(answer.headers["location"]).text
    demand_harmless(result)
    assert "11 suppressions ended. Why: a typing error" in said(result)
    assert "recipients with domain: gmx.net" in said(desk.get("/log").text)


def test_a_double_click_does_nothing_more(desk: Web) -> None:
    form = form_of(desk.get(f"{PATH}?reason=invalid_recipient").text, because="why")
    assert desk.post(f"{PATH}?reason=invalid_recipient", data=form).status_code == 303
    before = state_of(desk.ledger)
    assert desk.post(f"{PATH}?reason=invalid_recipient", data=form).status_code == 409
    assert state_of(desk.ledger) == before
    assert "Nothing to release." in said(desk.get(f"{PATH}?reason=invalid_recipient").text)


def test_those_left_out_are_released_if_somebody_says_so(desk: Web) -> None:
    preview = desk.get(f"{PATH}?domain=gmx.net").text
    assert "Release addresses with complaints too (1)" in preview
    wider = next(link for link in links(preview) if link.endswith("with=complaint"))
    preview = desk.get(wider).text
    assert "12 suppressions would end." in said(preview)
    assert desk.post(wider, data=form_of(preview, because="it was us")).status_code == 303
    assert "carla@gmx.net" not in standing(desk)
    both = f"{PATH}?{urlencode([('domain', 'gmx.net'), ('with', 'manual'), ('with', 'protected')])}"
    assert desk.post(both, data=form_of(desk.get(both).text, because="it was us")).status_code == 303
    assert standing(desk) == {"other@outlook.com"}


def test_all_of_it_can_be_downloaded(desk: Web) -> None:
    link = next(each for each in links(desk.get(f"{PATH}?domain=gmx.net").text) if ".csv" in each)
    rows = list(csv.DictReader(io.StringIO(desk.get(link).text, newline="")))
    assert len(rows) == 14
    assert {row["Left out because"] for row in rows} == {
        "", "complained", "suppressed by hand", "protected"
    }


@pytest.mark.parametrize(("query", "status", "words"), [
    ("", 422, "Set a filter first"), ("state=hot", 400, "unknown state hot"),
    ("domian=gmx.net", 400, "Unknown filter domian"), ("domain=gmx.net&from=soon", 400, "soon is not a time"),
])
def test_a_filter_that_is_none_releases_nobody(desk: Web, query: str, status: int, words: str) -> None:
    before = state_of(desk.ledger)
    answer = desk.get(f"{PATH}?{query}")
    assert (answer.status_code, words in answer.text) == (status, True)
    form = form_of(desk.get(f"{PATH}?domain=gmx.net").text, because="why")
    assert desk.post(f"{PATH}?{query}", data=form).status_code == status
    assert state_of(desk.ledger) == before


@pytest.mark.parametrize(("fields", "status", "words"), [
    ({"because": ""}, 422, "give a reason"), ({"seen": "0" * 32}, 409, "reload it"),
    ({"csrf": "0" * 64}, 403, "has expired"),
])
def test_a_form_filled_in_wrongly_changes_nothing(
    desk: Web, fields: dict[str, str], status: int, words: str
) -> None:
    path, before = f"{PATH}?domain=gmx.net", state_of(desk.ledger)
    answer = desk.post(path, data={**form_of(desk.get(path).text, because="why"), **fields})
    assert (answer.status_code, words in answer.text) == (status, True)
    assert state_of(desk.ledger) == before


def test_what_changed_meanwhile_is_looked_at_again(desk: Web) -> None:
    path = f"{PATH}?domain=gmx.net"
    form = form_of(desk.get(path).text, because="why")
    desk.ledger.recording.record(page(bounce("e" * 32, "late@gmx.net", at=day(16))), decide, announcer(desk.settings))
    assert desk.post(path, data=form).status_code == 409
    assert "late@gmx.net" in standing(desk)


def test_many_are_counted_by_hand_and_too_many_belong_to_the_shell(desk: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    path, before = f"{PATH}?domain=gmx.net", state_of(desk.ledger)
    monkeypatch.setattr(forms, "MOST_UNCOUNTED", 5)
    preview = desk.get(path).text
    assert "Type 11 to confirm" in said(preview)
    assert desk.post(path, data=form_of(preview, because="why")).status_code == 422
    monkeypatch.setattr(bulk, "MOST_PREVIEWED", 5)
    shell = "bounce-watcher suppressions release --because '…' --dry-run --domain gmx.net"
    assert shell in said(desk.get(path).text)
    assert shell in said(desk.post(path, data=form_of(preview, because="why", count="11")).text)
    assert f"{shell} --with complaint --with manual" in said(desk.get(f"{path}&with=manual&with=complaint").text)
    assert "suppressions release --help" in said(desk.get(f"{path}&-reason=spam").text)
    assert state_of(desk.ledger) == before


def test_who_may_only_look_sees_the_button_and_why_it_is_off(desk: Web) -> None:
    with_reader(desk)
    hear(desk)
    reader = signed_in(desk, READER)
    path, before = f"{PATH}?domain=gmx.net", state_of(desk.ledger)
    text = desk.get("/recipients?domain=gmx.net", headers=reader).text
    assert "Release filtered recipients…</button>" in text
    form = form_of(desk.get(path, headers=reader).text, because="why")
    assert desk.post(path, headers=reader, data=form).status_code == 403
    assert state_of(desk.ledger) == before


def test_hostile_filters_and_addresses_are_shown_harmless(desk: Web) -> None:
    hostile = page(*(bounce(f"{n + 50:032x}", f"h{n}{each}@gmx.net", at=day(20)) for n, each in enumerate(HOSTILE)
                     if "\0" not in each))
    desk.ledger.recording.record(hostile, decide, announcer(desk.settings))
    demand_harmless(desk.get(f"{PATH}?domain=gmx.net&from=2026-03-18").text)
    for each in HOSTILE:
        for query in ({"domain": each}, {"stream": each, "with": each}, {"provider": each, each: "x"}):
            demand_harmless(desk.get(f"{PATH}?{urlencode(query)}").text)
