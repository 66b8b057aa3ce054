"""The pages of figures as a person uses them, and when all goes wrong at once."""

from datetime import timedelta
from pathlib import Path

from playwright.sync_api import expect

from bounce_watcher.model.about import About, AboutKind
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.opening import open_ledger
from bounce_watcher.service.state import MailboxState, ServiceState
from tests.browser.conftest import (
    PHONE,
    Dashboard,
    Open,
    agrees,
    dashboard,
    flaws,
    follow,
    heading,
    number,
    working,
)
from tests.browser.seeded import configured
from tests.servers.processes import free_port
from tests.troubles import failed


def test_all_trouble_at_once_fits(house: Dashboard, opened: Open) -> None:
    house.standing = troubled
    try:
        page = opened(house, "/", PHONE)
        assert page.locator(".notice").count() >= 5
        assert flaws(page) == []
    finally:
        house.standing = working


def test_the_first_run_fits(opened: Open, tmp_path: Path) -> None:
    settings = configured(tmp_path, f"sqlite:///{tmp_path}/new.db", free_port())
    with open_ledger(settings) as ledger, dashboard(settings, ledger) as new:
        page = opened(new, "/", PHONE)
        assert page.get_by_text("A test bounce arrives").is_visible()
        assert flaws(page) == []


def troubled() -> ServiceState:
    now = utcnow()
    ago = now - timedelta(hours=6)
    login = failed("login refused: [AUTHENTICATIONFAILED] " + "x" * 300, ago)
    broken = MailboxState("a-mailbox-with-quite-a-long-name", "INBOX", "news", ago, 1.0, 41, ago, ago, 4, login)
    behind = MailboxState("slow", "INBOX", "news", now, 1.0, 41, ago, now, 4)
    return ServiceState(ago, Mode.SHADOW, (broken, behind), {
        About(AboutKind.MAILBOX, "a-mailbox-with-quite-a-long-name"): login,
        About(AboutKind.WEBHOOK, "shop"): failed("HTTP 503", ago),
    })


def test_what_is_bouncing_and_why_is_three_clicks(house: Dashboard, opened: Open) -> None:
    """From the overview to a provider with an outage, to its reason, to the events themselves; all without script."""
    page = opened(house, "/", scripts=False)
    assert page.locator(".notice.is-hold").inner_text().startswith("The outage guard is on for bigmail.example since")
    follow(page.get_by_role("navigation", name="Time range").get_by_text("24 hours"))
    where = page.locator("section[aria-labelledby=where]")
    assert "Guard on" in where.inner_text()
    follow(where.get_by_role("link", name="bigmail.example"))
    assert page.get_by_role("heading", level=1).inner_text() == "bigmail.example"
    row = page.locator("section[aria-labelledby=why] tbody tr").first
    many = number(row.locator("td").first.inner_text())
    follow(row.get_by_role("link"))
    assert page.url.startswith(f"{house.url}/events?")
    assert agrees(heading(page), many)


def test_the_chart_says_the_same_as_its_table(house: Dashboard, opened: Open) -> None:
    page = opened(house, "/")
    bars = page.locator("section[aria-labelledby=chart] svg a")
    page.get_by_text("Show as table").click()
    lines = page.locator("section[aria-labelledby=chart] tbody tr")
    assert bars.count() == lines.count() == 7
    for n in range(7):
        total = lines.nth(n).locator("td").nth(5).inner_text()
        assert f": {total} (" in (bars.nth(n).locator("title").text_content() or "")
        assert bars.nth(n).get_attribute("href") == lines.nth(n).get_by_role("link").get_attribute("href")


def test_the_overview_looks_again_by_itself_unless_somebody_is_in_the_middle_of_it(
    house: Dashboard, opened: Open
) -> None:
    house.standing = working
    page = opened(house, "/", clock=True)
    before, asked = page.title(), list[str]()
    house.standing = troubled
    try:
        page.locator("#live-tiles details summary").click()
        page.on("request", lambda request: asked.append(request.url))
        page.clock.fast_forward(31_000)
        page.evaluate("fetch('/settings')")
        assert asked == [f"{house.url}/settings"], "somebody reads in it"
        assert page.locator("#live-now").get_by_text("is behind").count() == 0
        page.locator("#live-tiles details summary").click()
        page.mouse.move(0, 0)
        page.evaluate("document.activeElement.blur()")
        page.clock.fast_forward(31_000)
        expect(page).not_to_have_title(before)
        assert page.get_by_role("status").inner_text() == page.title()
    finally:
        house.standing = working
