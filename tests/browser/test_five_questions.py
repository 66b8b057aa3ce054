"""The five questions that a person opens the dashboard for, asked in Chromium over what the model's mail leaves.

BOUNCE_WATCHER_RECIPIENTS sets how many recipients the model mails for 70 days: about six events come of ten of them.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page

from bounce_watcher.ledger.browse import MOST_COUNTED
from bounce_watcher.ledger.filters import OutboxFilter, SuppressionFilter
from bounce_watcher.model.ledger import AlertKind, State, Suppression
from bounce_watcher.service.clock import utcnow
from tests.browser.conftest import Dashboard, Open, dashboard, follow, free_port
from tests.browser.crawling import crawl, inline_code, route_of
from tests.browser.seeded import Size, configured, seeded

RECIPIENTS = int(os.environ.get("BOUNCE_WATCHER_RECIPIENTS", "1500"))
WHY = "asked for by its owner, case 4711"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    root: Path = tmp_path_factory.mktemp("questions")
    url = f"sqlite:///{root}/ledger.db"
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        server.start()
        url = server.create_database()
    settings = configured(root, url, free_port())
    with seeded(settings, utcnow(), Size(RECIPIENTS)) as ledger, dashboard(settings, ledger) as shown:
        yield shown


def number(text: str) -> int:
    """The first number of a text: "1,204 events"."""
    found = re.search(r"\d[\d,]*", text)
    assert found, text
    return int(found[0].replace(",", ""))


def heading(page: Page) -> str:
    return page.locator("main h1").inner_text()


# ── is it working ───────────────────────────────────────────────────────────────────────────────────────────────────

def test_is_it_working(desk: Dashboard, opened: Open) -> None:
    """One look: the mailbox and what is wrong. Each entry of the menu leads to its page."""
    page = opened(desk, "/")
    assert "returns" in page.locator("main").inner_text()
    assert page.locator(".notice.is-hold, .notice.is-bad").count() >= 1, "an outage is under way"
    menu = page.locator("nav.side a").evaluate_all("all => all.map(each => each.getAttribute('href'))")
    assert len(menu) >= 9
    for path in menu:
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert heading(page)
        assert page.locator(f'nav.side a[href="{path}"]').get_attribute("aria-current") == "page"


# ── what is bouncing, and why ───────────────────────────────────────────────────────────────────────────────────────

def test_what_is_bouncing_and_why(desk: Dashboard, opened: Open) -> None:
    """The tile, the list behind it and its download tell of as many; each reason leads to as many as it counts."""
    page = opened(desk, "/?range=30d")
    follow(page.locator(".tile").first.get_by_role("link"))
    bounces = number(heading(page))
    assert bounces > 0
    with page.expect_download() as downloading:
        page.get_by_role("link", name="CSV").first.click()
    rows = Path(downloading.value.path()).read_bytes().count(b"\r\n") - 1
    assert bounces == min(rows, MOST_COUNTED)
    page.goto("/?range=30d")
    reasons = page.locator("section[aria-labelledby=why] tbody tr")
    told = [
        (row.locator("a").first.get_attribute("href"), number(row.locator("td.num").first.inner_text()))
        for row in reasons.all()
    ]
    assert len(told) > 3
    for link, many in told[:5]:
        page.goto(link or "")
        assert number(heading(page)) == min(many, MOST_COUNTED), link


# ── what about this address ─────────────────────────────────────────────────────────────────────────────────────────

def suppressed(desk: Dashboard) -> Suppression:
    return next(iter(desk.ledger.suppressions(SuppressionFilter(state=State.SUPPRESSED))))


@pytest.mark.parametrize("scripts", [True, False], ids=["script", "no script"])
def test_what_about_this_address(desk: Dashboard, opened: Open, scripts: bool) -> None:
    """Found by the field on top, released with a reason; the ledger, the platform and the log tell of it."""
    gone = suppressed(desk)
    page = opened(desk, "/", scripts=scripts)
    page.locator("#find").fill(gone.recipient)
    page.locator("#find").press("Enter")
    assert heading(page) == gone.recipient
    assert "Suppressed" in page.locator("main").inner_text()
    assert gone.recipient not in page.url
    follow(page.get_by_role("link", name="Release…"))
    assert "Nothing has changed yet." in page.locator("main").inner_text()
    assert list(desk.ledger.suppressions(SuppressionFilter(recipient=gone.recipient)))
    page.locator("#because").fill(WHY)
    follow(page.locator("main form button"))
    assert "changed" in page.locator(".notice.is-ok").inner_text()
    assert list(desk.ledger.suppressions(SuppressionFilter(recipient=gone.recipient))) == []
    told = [item.type.value for item in desk.ledger.outbox(OutboxFilter(recipient=gone.recipient))]
    assert told[-1] == "recipient.released"
    page.goto("/log")
    assert WHY in page.locator("main").inner_text()


# ── what did it do in that incident ─────────────────────────────────────────────────────────────────────────────────

def test_what_did_it_do_in_that_incident(desk: Dashboard, opened: Open) -> None:
    """From the overview to the outage, what it holds, and all of it undone after a preview."""
    (outage,) = [each for each in desk.ledger.alerts(under_way=True) if each.kind is AlertKind.OUTAGE]
    held = {each.recipient for each in desk.ledger.suppressions(SuppressionFilter(state=State.PENDING))}
    assert held
    page = opened(desk, "/incidents")
    follow(page.locator(f'a[href="/incidents/{outage.id}"]').first)
    assert str(number(page.locator("#cap").inner_text())) in {f"{len(held)}", "1000"}
    follow(page.get_by_role("link", name="Undo…"))
    assert "Nothing has changed yet." in page.locator("main").inner_text()
    page.locator("#because").fill(WHY)
    if page.locator("#count").count():
        page.locator("#count").fill(str(number(page.locator('label[for="count"]').inner_text())))
    follow(page.locator("main form button").last)
    assert "Undone" in page.locator(".notice.is-ok").inner_text()
    left = {each.recipient for each in desk.ledger.suppressions(SuppressionFilter(state=State.PENDING))}
    assert left.isdisjoint(held)


# ── every page ──────────────────────────────────────────────────────────────────────────────────────────────────────

def test_every_page_that_a_link_leads_to(desk: Dashboard) -> None:
    """Answers, without code amid its markup, and each page there is can be come to."""
    seen = set[str]()
    with httpx.Client(base_url=desk.url, timeout=60) as client:
        for path, answer in crawl(client):
            assert answer.status_code == 200, path
            if answer.headers["content-type"].startswith("text/html"):
                assert inline_code(answer.text) == [], path
                seen.add(route_of(path))
    assert seen >= {
        "/", "/events", "/events/{id:path}", "/incidents", "/incidents/{id}", "/log", "/outbox",
        "/outbox/{id}", "/providers", "/providers/{slug}", "/recipients", "/recipients/{rid}", "/review", "/settings",
        "/streams", "/streams/{slug}", "/streams/{slug}/campaigns/{id}",
    }


def test_filters_and_paging_need_no_script(desk: Dashboard, opened: Open) -> None:
    page = opened(desk, "/events", scripts=False)
    everything = number(heading(page))
    page.locator('select[name="type"]').select_option(index=1)
    follow(page.get_by_role("button", name="Filter", exact=True))
    fewer = number(heading(page))
    assert 0 < fewer < everything or everything == MOST_COUNTED
    page.goto("/events")
    first = page.locator("tbody tr").first.inner_text()
    follow(page.get_by_role("link", name="Older", exact=True))
    assert page.locator("tbody tr").first.inner_text() != first
    follow(page.get_by_role("link", name="Newer", exact=True))
    assert page.locator("tbody tr").first.inner_text() == first
