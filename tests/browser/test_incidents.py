"""Incidents and the outbox as a person uses them: undo and retry by their buttons, nothing for axe to find."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from bounce_watcher.ledger.filters import SuppressionFilter
from bounce_watcher.model.ledger import AlertKind, OutboxState, State
from bounce_watcher.service.clock import utcnow
from tests.browser.conftest import (
    DESKTOP,
    PHONE,
    SCHEMES,
    WIDTHS,
    Dashboard,
    Open,
    dashboard,
    follow,
    free_port,
    overflow,
    violations,
)
from tests.browser.seeded import Size, configured, seeded
from tests.simulation.judges import LISTENER

SMALL = Size(recipients=900, days=40)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """One of this module's own: it is changed."""
    root: Path = tmp_path_factory.mktemp("incidents")
    settings = configured(root, f"sqlite:///{root}/ledger.db", free_port())
    with seeded(settings, utcnow(), SMALL) as ledger, dashboard(settings, ledger) as shown:
        yield shown


def test_a_target_is_paused_and_resumed_without_scripts(desk: Dashboard, opened: Open) -> None:
    page = opened(desk, "/outbox", scripts=False)
    follow(page.get_by_role("link", name="Pause"))
    page.get_by_label("Why?").fill("moves to another host")
    follow(page.get_by_role("button", name="Pause"))
    assert "is paused: it is sent nothing until it is resumed" in said(page)
    assert list(desk.ledger.paused()) == [LISTENER]
    follow(page.get_by_role("link", name="Resume"))
    follow(page.get_by_role("button", name="Resume"))
    assert "is resumed: what waits is sent" in said(page)
    assert desk.ledger.paused() == {}


def outage(desk: Dashboard) -> str:
    return next(alert.id for alert in desk.ledger.alerts(under_way=True) if alert.kind is AlertKind.OUTAGE)


PAGES = (
    "incidents", "incident", "undo", "free undo", "outbox", "delivered", "delivery", "retry", "dismiss",
    "retry shown", "pause",
)


def path_of(desk: Dashboard, name: str) -> str:
    incident = f"/incidents/{outage(desk)}"
    gave_up = next(item for item in desk.ledger.outbox() if item.state is OutboxState.DEAD)
    return {
        "incidents": "/incidents", "incident": incident, "undo": f"{incident}/undo", "free undo": "/undo",
        "outbox": "/outbox", "delivered": "/outbox?state=delivered", "delivery": f"/outbox/{gave_up.id}",
        "retry shown": "/outbox/shown/retry?state=dead", "pause": f"/outbox/pause?target={LISTENER}",
        "retry": f"/outbox/retry?target={LISTENER}", "dismiss": f"/outbox/{gave_up.id}/dismiss",
    }[name]


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(desk: Dashboard, opened: Open, name: str) -> None:
    for size, scheme in zip((DESKTOP, PHONE), SCHEMES, strict=True):
        page = opened(desk, path_of(desk, name), size, scheme)
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert violations(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_no_width_scrolls_sideways(desk: Dashboard, opened: Open, name: str) -> None:
    page = opened(desk, path_of(desk, name))
    assert {width: extra for width in WIDTHS[::3] if (extra := overflow(page, width))} == {}


def test_updates_can_be_stopped_and_wait_for_who_is_at_a_form(desk: Dashboard, opened: Open) -> None:
    page = opened(desk, "/outbox", clock=True)
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
    assert (at.inner_text(), how.inner_text()) == (second, "Updates wait while you are here.")
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    page.clock.fast_forward(31_000)
    expect(at).not_to_have_text(second)
    assert how.inner_text() == "Looks again every 30 seconds."


def test_an_incident_under_way_is_looked_at_again(desk: Dashboard, opened: Open) -> None:
    page = opened(desk, path_of(desk, "incident"), clock=True)
    before = page.locator("#updates time").inner_text()
    page.evaluate("document.querySelector('#live-why').dataset.old = 'yes'")
    page.wait_for_timeout(1100)
    page.clock.fast_forward(31_000)
    expect(page.locator("#updates time")).not_to_have_text(before)
    assert page.locator("#live-why").get_attribute("data-old") is None


def test_without_scripts_nothing_moves_and_no_button_says_so(desk: Dashboard, opened: Open) -> None:
    page = opened(desk, "/outbox", scripts=False)
    assert page.locator("#updates").inner_text().startswith("Updated at ")
    assert not page.locator("#updates button").is_visible()


def said(page: Page) -> str:
    return page.locator("[role=status]").first.inner_text()


def test_what_gave_up_is_sent_again_without_scripts(desk: Dashboard, opened: Open) -> None:
    dead = [item.id for item in desk.ledger.outbox() if item.state is OutboxState.DEAD]
    assert len(dead) > 1
    page = opened(desk, "/outbox", scripts=False)
    page.goto(f"/outbox/{dead[0]}")
    follow(page.get_by_role("button", name="Retry now"))
    assert "1 delivery is due again" in said(page)
    page.goto("/outbox")
    follow(page.get_by_role("link", name="Retry these…").first)
    assert "Nothing has changed yet." in page.content()
    follow(page.get_by_role("button", name="Retry 1 delivery"))
    assert "1 delivery is due again" in said(page)
    states = {item.id: item.state for item in desk.ledger.outbox()}
    assert {states[each] for each in dead} == {OutboxState.DUE}
    page.goto("/log")
    assert page.get_by_text("Sent again by hand").count() == 2


def test_an_outage_is_undone_after_its_preview(desk: Dashboard, opened: Open) -> None:
    def held() -> int:
        return sum(1 for _ in desk.ledger.suppressions(SuppressionFilter(state=State.PENDING)))

    before = held()
    assert before > 10
    page = opened(desk, "/", PHONE)
    page.goto("/incidents")
    follow(page.locator("tbody th a").first)
    assert "are held" in page.content()
    follow(page.get_by_role("link", name="Undo…"))
    assert held() == before, "a preview changes nothing"
    page.get_by_label("Why? (kept in the log)").fill("they lost their directory")
    follow(page.get_by_role("button", name="Undo for"))
    assert "they lost their directory" in said(page)
    assert held() < before
    assert [done.because for done in desk.ledger.actions() if done.action == "undo"] == ["they lost their directory"]
    assert violations(page) == []
    page.goto(f"/incidents/{outage(desk)}/undo")
    assert page.get_by_text("Nothing to undo.").count() == 1
