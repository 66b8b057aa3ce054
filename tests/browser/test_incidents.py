"""Incidents and the outbox as a person uses them: each button, and what the ledger holds afterwards."""

import re
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from bounce_watcher.ledger.lists.filters import SuppressionFilter
from bounce_watcher.ledger.suppressions import suppressions
from bounce_watcher.ledger.suppressions.rulings import BulkRequest, Ruled
from bounce_watcher.model.ledger import AlertKind, OutboxState, State
from bounce_watcher.policy.rulings import Ruling
from bounce_watcher.service.clock import utcnow
from bounce_watcher.web import jobs
from tests.browser.conftest import (
    PHONE,
    Dashboard,
    Open,
    carry_out,
    copied,
    fill_in_count,
    flaws,
    follow,
    number,
    said,
)
from tests.simulation.judges import LISTENER


def outage(desk: Dashboard) -> str:
    return next(alert.id for alert in desk.ledger.lists.alerts(under_way=True) if alert.kind is AlertKind.OUTAGE)


def dead(desk: Dashboard) -> list[str]:
    return [item.id for item in desk.ledger.lists.outbox() if item.state is OutboxState.DEAD]


def held(desk: Dashboard) -> set[str]:
    return {each.recipient for each in desk.ledger.lists.suppressions(SuppressionFilter(state=State.PENDING))}


@pytest.mark.presses("/outbox/{id}/retry", "/outbox/retry")
def test_what_gave_up_is_sent_again_without_scripts(fresh_desk: Dashboard, opened: Open) -> None:
    desk = fresh_desk
    gave_up = dead(desk)
    assert len(gave_up) == 2
    page = opened(desk, "/outbox", scripts=False)
    page.goto(f"/outbox/{gave_up[0]}")
    follow(page.get_by_role("button", name="Retry now"))
    assert "1 delivery is due again" in said(page)
    page.goto("/outbox")
    follow(page.get_by_role("link", name="Retry these…").first)
    assert "Nothing has changed yet." in page.content()
    follow(page.get_by_role("button", name="Retry 1 delivery"))
    assert "1 delivery is due again" in said(page)
    states = {item.id: item.state for item in desk.ledger.lists.outbox()}
    assert {states[each] for each in gave_up} == {OutboxState.DUE}
    page.goto("/log")
    assert page.get_by_text("Sent again by hand").count() == 2


@pytest.mark.presses("/outbox/{id}/discard", "/outbox/discard")
def test_what_gave_up_is_discarded(desk: Dashboard, opened: Open) -> None:
    first, second = dead(desk)
    page = opened(desk, f"/outbox/{first}")
    follow(page.get_by_role("link", name="Discard…"))
    assert dead(desk) == [first, second], "a preview changes nothing"
    page.get_by_label("Why?").fill("told them by phone")
    follow(page.locator("main form.change button"))
    assert dead(desk) == [second]
    page.goto("/outbox")
    follow(page.locator("section[aria-labelledby=errors]").get_by_role("link", name="Discard…").first)
    page.get_by_label("Why?").fill("and the other")
    follow(page.locator("main form.change button"))
    assert dead(desk) == []
    because = [done.because for done in desk.ledger.log.newest()]
    assert {"and the other", "told them by phone"} <= {*because}


@pytest.mark.presses("/outbox/shown/retry", "/outbox/shown/discard")
def test_all_that_a_filter_shows_are_sent_again_or_discarded(fresh_desk: Dashboard, opened: Open) -> None:
    gave_up = dead(fresh_desk)
    waiting = {item.id for item in fresh_desk.ledger.lists.outbox() if item.state is OutboxState.DUE}
    page = opened(fresh_desk, "/outbox?state=dead")
    _decide_on_all_that_match(page, "Retry")
    assert {
        item.id for item in fresh_desk.ledger.lists.outbox() if item.state is OutboxState.DUE
    } == {*gave_up, *waiting}
    page.goto("/outbox?state=due")
    _decide_on_all_that_match(page, "Discard")
    assert not [item for item in fresh_desk.ledger.lists.outbox() if item.state is OutboxState.DUE]


def _decide_on_all_that_match(page: Page, verb: str) -> None:
    follow(page.get_by_role("link", name=f"{verb} all matching…"))
    assert "Nothing has changed yet." in page.locator("main").inner_text()
    page.get_by_label("Why?").fill("asked for by phone")
    follow(page.locator("main form.change button"))


@pytest.mark.presses("/outbox/test")
def test_a_test_is_sent(desk: Dashboard, opened: Open) -> None:
    """To where nobody listens: the page and the log tell of it, and the outbox holds nothing more."""
    before = [item.id for item in desk.ledger.lists.outbox()]
    page = opened(desk, "/outbox")
    follow(page.get_by_role("button", name=f"Send a test to {LISTENER}"))
    assert f"{LISTENER} did not accept the test" in said(page)
    assert [done.action for done in desk.ledger.log.newest(limit=1)] == ["test"]
    assert [item.id for item in desk.ledger.lists.outbox()] == before


@pytest.mark.presses("/outbox/pause", "/outbox/resume")
def test_a_target_is_paused_and_resumed(desk: Dashboard, opened: Open) -> None:
    page = opened(desk, "/outbox")
    for action, button in (("pause", "Pause"), ("resume", "Resume")):
        follow(page.get_by_role("link", name=f"{button}…"))
        assert "Nothing has changed yet." in page.locator("main").inner_text()
        page.get_by_label("Why?").fill(f"they asked to {action}")
        follow(page.locator("main form.change button"))
        assert f"{LISTENER} is {action}d" in said(page)
        assert [(done.action, done.because) for done in desk.ledger.log.newest(limit=1)] == [
            (action, f"they asked to {action}")
        ]
        assert desk.ledger.figures.stock().queues[LISTENER].paused == (action == "pause")


@pytest.mark.presses("/incidents/{id}/release")
def test_all_that_an_incident_holds_are_released(fresh_desk: Dashboard, opened: Open) -> None:
    before = _decide_on_all_held(fresh_desk, opened, "Release all held…")
    assert not before & held(fresh_desk)


@pytest.mark.presses("/incidents/{id}/confirm")
def test_all_that_an_incident_holds_are_confirmed(fresh_desk: Dashboard, opened: Open) -> None:
    before = _decide_on_all_held(fresh_desk, opened, "Confirm all held…")
    gone = {each.recipient for each in fresh_desk.ledger.lists.suppressions(SuppressionFilter(state=State.SUPPRESSED))}
    assert gone >= before


def _decide_on_all_held(desk: Dashboard, opened: Open, link: str) -> set[str]:
    """Whom the incident held; some others are held as well, until it is known that there is no incident."""
    before = {each.recipient for each in desk.ledger.browsing.incidents.all_held(outage(desk))}
    assert len(before) > 10
    page = opened(desk, f"/incidents/{outage(desk)}")
    follow(page.get_by_role("link", name=link))
    assert "Nothing has changed yet." in page.locator("main").inner_text()
    assert held(desk) >= before, "a preview changes nothing"
    page.get_by_label("Why?").fill("their directory was lost")
    fill_in_count(page)
    carry_out(page.locator("main form.change button"))
    assert "their directory was lost" in said(page)
    return before


@pytest.mark.presses("/undo")
def test_what_was_reported_in_a_time_is_undone_without_scripts(desk: Dashboard, opened: Open) -> None:
    """The page for what no incident was made of: from a filter by its preview to what the ledger holds."""
    before = held(desk)
    assert len(before) > 10
    page = opened(desk, "/undo", PHONE, scripts=False)
    since = desk.ledger.lists.alert(outage(desk))
    assert since is not None
    page.get_by_label("From (UTC)").fill(f"{since.since:%Y-%m-%dT%H:%M}")
    page.get_by_label("To (UTC)").fill(f"{utcnow():%Y-%m-%dT%H:%M}")
    page.get_by_label("Provider").fill("bigmail.example")
    follow(page.get_by_role("button", name="Preview"))
    assert "Nothing has changed yet." in page.locator("main").inner_text()
    assert held(desk) == before
    page.get_by_label("Why?").fill("they lost their directory")
    fill_in_count(page)
    carry_out(page.locator("main form.change button"))
    assert "they lost their directory" in said(page)
    assert len(held(desk)) < len(before)
    assert [done.because for done in desk.ledger.log.newest() if done.action == "undo"] == ["they lost their directory"]


@pytest.mark.parametrize("scripts", [True, pytest.param(False, marks=pytest.mark.whole)])
def test_what_takes_long_tells_how_far_it_is_and_leads_on(
    stock: Path, tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch, scripts: bool
) -> None:
    """Released in steps of ten, of which the second begins when the test says so."""
    reached, go_on = threading.Event(), threading.Event()
    monkeypatch.setattr(suppressions, "_BATCH", 10)
    monkeypatch.setattr(jobs, "WAITS", 0.01)
    with copied(tmp_path, stock) as desk:
        monkeypatch.setattr(desk.ledger.suppressions, "rule", _held_up(desk.ledger.suppressions.rule, reached, go_on))
        page = opened(desk, f"/incidents/{outage(desk)}/release", scripts=scripts)
        page.get_by_label("Why?").fill("their directory was lost")
        fill_in_count(page)
        many = len(held(desk))
        button = page.locator("main form.change button")
        addresses = number(button.inner_text())
        follow(button)
        assert reached.wait(60)
        page.reload()
        assert said(page) == f"Releasing {addresses:,} addresses: 10 done."
        assert len(held(desk)) == many - 10
        page.get_by_role("link", name="Stop refreshing").click()
        page.wait_for_url(re.compile(r"still=1$"))
        if scripts:
            assert flaws(page) == []
        follow(page.get_by_role("link", name="Refresh automatically"))
        go_on.set()
        page.wait_for_url(re.compile(r"/incidents/\w+\?done=release$"))
        assert "their directory was lost" in said(page)
        assert len(held(desk)) == many - addresses


def _held_up(
    real: Callable[..., Iterator[Ruled]], reached: threading.Event, go_on: threading.Event
) -> Callable[..., Iterator[Ruled]]:
    def rule(alert: str, ruling: Ruling, wanted: BulkRequest, *, dry_run: bool = False) -> Iterator[Ruled]:
        outcomes = real(alert, ruling, wanted, dry_run=dry_run)
        if not dry_run:
            yield from islice(outcomes, 10)
            reached.set()
            assert go_on.wait(60)
        yield from outcomes

    return rule


def test_updates_can_be_stopped_and_wait_for_who_is_at_a_form(house: Dashboard, opened: Open) -> None:
    page = opened(house, "/outbox", clock=True)
    at, how = page.locator("#updates time"), page.locator("#updates span")
    first = at.inner_text()
    page.wait_for_timeout(1100)
    page.get_by_role("button", name="Stop updates").click()
    page.clock.fast_forward(61_000)
    assert (at.inner_text(), how.inner_text()) == (first, "Updates are stopped.")
    page.reload()
    assert how.inner_text() == "Updates are stopped.", "it is remembered"
    page.get_by_role("button", name="Start updates").click()
    page.get_by_label("Since (UTC)").focus()
    second = at.inner_text()
    page.wait_for_timeout(1100)
    page.clock.fast_forward(31_000)
    assert (at.inner_text(), how.inner_text()) == (second, "Updates wait while you use this part.")
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    page.clock.fast_forward(31_000)
    expect(at).not_to_have_text(second)
    assert how.inner_text() == "Refreshes every 30 seconds."


def test_an_incident_under_way_is_looked_at_again(house: Dashboard, opened: Open) -> None:
    page = opened(house, f"/incidents/{outage(house)}", clock=True)
    before = page.locator("#updates time").inner_text()
    page.evaluate("document.querySelector('#live-why').dataset.old = 'yes'")
    page.wait_for_timeout(1100)
    page.clock.fast_forward(31_000)
    expect(page.locator("#updates time")).not_to_have_text(before)
    assert page.locator("#live-why").get_attribute("data-old") is None


def test_without_scripts_nothing_moves_and_no_button_says_so(house: Dashboard, opened: Open) -> None:
    page = opened(house, "/outbox", scripts=False)
    assert page.locator("#updates").inner_text().startswith("Updated at ")
    assert not page.locator("#updates button").is_visible()
