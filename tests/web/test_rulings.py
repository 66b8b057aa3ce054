"""Buttons on an incident that decide on all whom it holds: what the preview shows is done, once, and told."""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from bounce_watcher.model.ledger import NoticeType, State, SuppressionSource
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.operations import bulk
from bounce_watcher.web.pages.shared import forms
from bounce_watcher.words.grounds import text
from tests.web.conftest import Web
from tests.web.looked_at import HOSTILE, demand_harmless
from tests.web.looking import form_of, links, section
from tests.web.looking import words as said
from tests.web.outbox_desk import state_of
from tests.web.test_frame import READER, signed_in, with_reader
from tests.web.test_incidents import DAY, MINUTE, POLICY, desk, gone, path_of, take, the_alert, without_svg  # noqa: F401

Make = Callable[..., Web]
BOTH = pytest.mark.parametrize("ruling", ["release", "confirm"])


def count(desk: Web, state: State) -> int:  # noqa: F811 - a fixture's value
    return sum(each.state is state for each in desk.ledger.lists.suppressions())


def told(desk: Web, kind: NoticeType) -> int:  # noqa: F811
    return sum(item.type is kind for item in desk.ledger.lists.outbox())


def test_release_all_does_what_the_preview_shows_and_tells_nobody(desk: Web) -> None:  # noqa: F811
    text = desk.get(path_of(desk)).text
    assert f"{path_of(desk)}/release" in links(text)
    before = state_of(desk.ledger)
    preview = desk.get(f"{path_of(desk)}/release").text
    demand_harmless(preview)
    shown = said(preview)
    for part in (
        "Release all held: Google:", "Nothing has changed yet.", "60 held addresses would be released.", "and 50 more",
        "Nothing for the 60 held", "addresses reported later are held again", "Release 60 held addresses",
        "Mailbox does not exist; Held, then Active",
    ):
        assert part in shown, part
    assert state_of(desk.ledger) == before, "looking changes nothing"
    heard = told(desk, NoticeType.RELEASED)
    answer = desk.post(f"{path_of(desk)}/release", data=form_of(preview, because="they lost their directory"))
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path_of(desk)}?done=release")
    assert (count(desk, State.PENDING), told(desk, NoticeType.RELEASED)) == (0, heard)
    (done,) = desk.ledger.log.newest()
    assert (done.action, done.subject, done.count, done.because, done.actor) == (
        "release", the_alert(desk).id, 60, "they lost their directory", "API token"
    )
    result = desk.get(answer.headers["location"]).text
    demand_harmless(without_svg(result))
    assert "Released by hand on" in said(result)
    assert "60 held addresses were released. Why: they lost their directory" in said(result)
    assert "Release all held…" not in result
    assert "Released by hand by API token, 60 changed" in said(section(result, "done"))


def test_confirm_all_suppresses_and_tells_each_and_stays_when_the_incident_ends(desk: Web) -> None:  # noqa: F811
    path, heard = f"{path_of(desk)}/confirm", told(desk, NoticeType.SUPPRESSED)
    preview = desk.get(path).text
    shown = said(preview)
    assert "60 held addresses would be suppressed. The reports are real" in shown
    assert "60 × recipient.suppressed to crm-hook" in shown
    answer = desk.post(path, data=form_of(preview, because="an old list"))
    assert answer.status_code == 303
    assert told(desk, NoticeType.SUPPRESSED) == heard + 60
    assert "60 held addresses are suppressed now. Why: an old list" in said(desk.get(answer.headers["location"]).text)
    desk.ledger.recording.settle_alerts(utcnow() + 3 * DAY, announcer(desk.settings))
    assert count(desk, State.PENDING) == 0
    by_hand = [each for each in desk.ledger.lists.suppressions() if each.source is SuppressionSource.MANUAL]
    assert {text(each.grounds) for each in by_hand} == {"confirmed by hand: an old list"}
    assert len(by_hand) == 60
    ended = said(desk.get(path_of(desk)).text)
    assert "Of them, 0 were released and 60 confirmed, by hand or because of other evidence" in ended
    rid = desk.ledger.names.name(by_hand[0].recipient)
    assert "by hand: confirmed by hand: an old list" in said(desk.get(f"/recipients/{rid}").text)


@BOTH
def test_a_double_click_does_nothing_more(desk: Web, ruling: str) -> None:  # noqa: F811
    path = f"{path_of(desk)}/{ruling}"
    form = form_of(desk.get(path).text, because="why")
    assert desk.post(path, data=form).status_code == 303
    before = state_of(desk.ledger)
    again = desk.post(path, data=form)
    assert (again.status_code, "holds no address now" in again.text) == (409, True)
    assert desk.get(path).status_code == 409
    assert state_of(desk.ledger) == before


@BOTH
@pytest.mark.parametrize(("fields", "status", "words"), [
    ({"because": " "}, 422, "give a reason"), ({"seen": "0" * 32}, 409, "reload it"),
    ({"csrf": "0" * 64}, 403, "has expired"),
])
def test_a_form_filled_in_wrongly_changes_nothing(
    desk: Web, ruling: str, fields: dict[str, str], status: int, words: str  # noqa: F811
) -> None:
    path, before = f"{path_of(desk)}/{ruling}", state_of(desk.ledger)
    answer = desk.post(path, data={**form_of(desk.get(path).text, because="why"), **fields})
    assert (answer.status_code, words in answer.text) == (status, True)
    assert state_of(desk.ledger) == before


def test_who_was_held_meanwhile_is_looked_at_first(desk: Web) -> None:  # noqa: F811
    path = f"{path_of(desk)}/release"
    form = form_of(desk.get(path).text, because="why")
    take(desk, [gone("late", utcnow() - MINUTE)])
    answer = desk.post(path, data=form)
    assert (answer.status_code, "reload it" in answer.text) == (409, True)
    assert count(desk, State.PENDING) == 61


def test_many_are_counted_by_hand_and_too_many_belong_to_the_shell(
    desk: Web, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    path, before = f"{path_of(desk)}/confirm", state_of(desk.ledger)
    monkeypatch.setattr(forms, "MOST_UNCOUNTED", 10)
    preview = desk.get(path).text
    assert "Type 60 to confirm" in said(preview)
    assert desk.post(path, data=form_of(preview, because="why")).status_code == 422
    monkeypatch.setattr(bulk, "MOST_PREVIEWED", 20)
    answer = desk.post(path, data=form_of(preview, because="why", count="60"))
    shell = f"bounce-watcher alerts confirm {the_alert(desk).id} --because '…' --dry-run"
    assert shell in said(answer.text)
    assert (answer.status_code, shell in said(desk.get(path).text), state_of(desk.ledger)) == (422, True, before)
    monkeypatch.setattr(bulk, "MOST_PREVIEWED", 60)
    assert desk.post(path, data=form_of(preview, because="why", count="60")).status_code == 303


def test_in_watch_only_mode_nobody_is_told(desk: Web) -> None:  # noqa: F811
    desk.settings = replace(desk.settings, policy=replace(POLICY, mode=Mode.SHADOW))
    path, heard = f"{path_of(desk)}/confirm", told(desk, NoticeType.SUPPRESSED)
    preview = desk.get(path).text
    assert "watch-only mode sends nothing" in preview
    assert desk.post(path, data=form_of(preview, because="why")).status_code == 303
    assert told(desk, NoticeType.SUPPRESSED) == heard


@BOTH
def test_who_may_only_look_sees_the_button_and_why_it_is_off(desk: Web, ruling: str) -> None:  # noqa: F811
    with_reader(desk)
    desk.settings = replace(desk.settings, policy=POLICY)
    reader = signed_in(desk, READER)
    path, before = f"{path_of(desk)}/{ruling}", state_of(desk.ledger)
    text = desk.get(path_of(desk), headers=reader).text
    assert f"{ruling.capitalize()} all held…</button>" in text
    assert path not in links(text)
    form = form_of(desk.get(path, headers=reader).text, because="why")
    assert desk.post(path, headers=reader, data=form).status_code == 403
    assert state_of(desk.ledger) == before


def test_hostile_addresses_and_reasons_are_shown_harmless(web: Make) -> None:
    from tests.web.test_incidents import outage

    client = web()
    began = outage(client, 30)
    take(client, [replace(gone(f"h{n}", began + n * MINUTE), recipient=f"h{n}{each}@gmail.com")
                  for n, each in enumerate(HOSTILE)])
    demand_harmless(client.get(f"{path_of(client)}/release").text)
    preview = client.get(f"{path_of(client)}/confirm").text
    demand_harmless(preview)
    answer = client.post(f"{path_of(client)}/confirm", data=form_of(preview, because=HOSTILE[0]))
    assert answer.status_code == 303
    demand_harmless(without_svg(client.get(answer.headers["location"]).text))
    demand_harmless(client.get(f"/log?{urlencode({'action': 'confirm'})}").text)
