"""Events and recipients as a person uses them: finds, narrows down, acts; what the ledger holds afterwards."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from bounce_watcher.ledger.filters import SuppressionFilter
from bounce_watcher.ledger.forget import is_forgotten
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import State, Suppression
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


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A smaller one, on which these tests may change what they like."""
    root: Path = tmp_path_factory.mktemp("recipients")
    settings = configured(root, f"sqlite:///{root}/ledger.db", free_port())
    with seeded(settings, utcnow(), Size(recipients=300, days=30)) as ledger, dashboard(settings, ledger) as shown:
        yield shown


def _suppressed(ledger: Ledger, number: int = 0) -> Suppression:
    found = [each for each in ledger.suppressions(SuppressionFilter(state=State.SUPPRESSED))
             if each.events and not is_forgotten(each.recipient)]
    return found[number]


def _paths(shown: Dashboard) -> dict[str, str]:
    each = _suppressed(shown.ledger)
    event = shown.ledger.event(each.events[-1])
    assert event is not None
    recipient = f"/recipients/{shown.ledger.names.name(each.recipient)}"
    return {
        "events": "/events", "some events": "/events?type=soft&-stream=receipts&range=30d",
        "no events": "/events?rule=no.such.rule", "a filter without sense": "/events?from=2026-03-02&to=2026-03-01&x=1",
        "event": f"/events/{event.id}", "mail": f"/events/{event.id}/mail", "recipients": "/recipients",
        "recipient": recipient, "release": f"{recipient}/release", "suppress": f"{recipient}/suppress",
        "forget": f"{recipient}/forget", "log": "/log",
        "nobody": f"/recipients/{shown.ledger.names.name('nobody@example.org')}",
    }


PAGES = ("events", "some events", "no events", "a filter without sense", "event", "mail", "recipients", "recipient",
         "release", "suppress", "forget", "log", "nobody")


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_and_no_width_scrolls_sideways(own: Dashboard, opened: Open, name: str) -> None:
    path = _paths(own)[name]
    for size, scheme in zip((DESKTOP, PHONE), SCHEMES, strict=True):
        page = opened(own, path, size, scheme)
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert violations(page) == []
    assert {width: extra for width in WIDTHS if (extra := overflow(page, width))} == {}


def _find(page: Page, text: str) -> None:
    page.get_by_label("Find an address, domain, status code or words").fill(text)
    follow(page.get_by_role("button", name="Find"))


@pytest.mark.parametrize("scripts", [True, False])
def test_an_address_is_found_released_and_suppressed_again(own: Dashboard, opened: Open, scripts: bool) -> None:
    each = _suppressed(own.ledger, 1 + scripts)
    page = opened(own, "/events", scripts=scripts)
    _find(page, f" {each.recipient.upper()} ")
    assert page.get_by_role("heading", level=1).inner_text().lower() == each.recipient.lower()
    assert "@" not in page.url, "no address in an address"
    assert page.get_by_text(re.compile("Suppressed on .* because")).count() == 1
    follow(page.get_by_role("link", name="Release…"))
    assert page.get_by_text("Nothing has changed yet.").is_visible()
    assert list(own.ledger.suppressions(SuppressionFilter(each.recipient))) != []
    page.get_by_label("Why?").fill("the mailbox is back")
    follow(page.get_by_role("button", name=re.compile("Release in")))
    assert page.get_by_role("status").get_by_text("Released by hand").is_visible()
    assert page.get_by_text("by local: the mailbox is back. The counter starts anew.").count() >= 1
    assert list(own.ledger.suppressions(SuppressionFilter(each.recipient))) == []
    assert page.get_by_role("link", name="Release…").count() == 0

    follow(page.get_by_role("link", name="Suppress…"))
    page.get_by_label("Why?").fill("asked by phone")
    follow(page.get_by_role("button", name="Suppress", exact=True))
    assert page.get_by_text("by local: asked by phone.").count() >= 1
    (again,) = own.ledger.suppressions(SuppressionFilter(each.recipient))
    assert (again.source.value, again.because) == ("manual", "asked by phone")

    follow(page.get_by_role("link", name="log").last)
    rows = page.get_by_role("row").filter(has_text=each.recipient)
    assert rows.count() == 2
    assert "asked by phone" in rows.first.inner_text()


def test_an_address_is_forgotten_by_who_types_it(own: Dashboard, opened: Open) -> None:
    each = _suppressed(own.ledger, 4)
    page = opened(own, f"/recipients/{own.ledger.names.name(each.recipient)}")
    follow(page.get_by_role("link", name="Forget…"))
    page.get_by_label("Type the address to go on").fill(each.recipient)
    page.get_by_label("Why?").fill("asked for it")
    follow(page.get_by_role("button", name="Forget the address"))
    assert page.get_by_text("Forgotten. Only the fact that it was forgotten").is_visible()
    assert [event for event in own.ledger.events() if event.recipient == each.recipient] == []
    assert [record.state for record in own.ledger.recipients(each.recipient)].count(State.SUPPRESSED) == 1


def test_events_are_narrowed_down_paged_and_downloaded(own: Dashboard, opened: Open) -> None:
    stored = [event for event in own.ledger.events() if event.type == "soft"]
    page = opened(own, "/events")
    page.get_by_label("Type", exact=True).select_option("May pass")
    follow(page.get_by_role("button", name="Filter"))
    assert page.get_by_role("heading", level=1).inner_text() == f"{len(stored):,} events"
    seen: list[str] = []
    while True:
        links = page.locator("tbody a.row").all()
        seen += [(each.get_attribute("href") or "").removeprefix("/events/") for each in links]
        if page.get_by_role("link", name="Older").count() == 0:
            break
        follow(page.get_by_role("link", name="Older"))
    assert seen == [event.id for event in reversed(stored)]
    with page.expect_download() as started:
        page.get_by_role("link", name="CSV").click()
    lines = Path(started.value.path()).read_text().count(stored[0].id[:20])
    assert started.value.suggested_filename == "events.csv"
    assert lines == 1
    follow(page.get_by_role("link", name="Take out type: May pass"))
    assert "type=" not in page.url
    facet = page.get_by_role("complementary", name="Narrow down").get_by_role("link", name="May pass")
    follow(facet)
    assert page.get_by_role("heading", level=1).inner_text() == f"{len(stored):,} events"


def test_from_an_event_to_its_mail_and_to_the_address(own: Dashboard, opened: Open) -> None:
    event = own.ledger.event(_suppressed(own.ledger).events[-1])
    assert event is not None
    page = opened(own, f"/events/{event.id}")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download the mail").click()
    assert Path(started.value.path()).read_bytes() == own.ledger.message(event.message_digest)
    assert started.value.suggested_filename.endswith(".eml.txt")
    follow(page.get_by_role("link", name="The mail as text"))
    assert page.get_by_role("heading", level=1).inner_text() == "The mail as text"
    follow(page.get_by_role("link", name="The event"))
    follow(page.locator("dl.facts a.addr"))
    assert page.get_by_role("heading", level=1).inner_text() == event.recipient


def test_rows_are_gone_through_by_keys(own: Dashboard, opened: Open) -> None:
    page = opened(own, "/recipients")
    page.keyboard.press("j")
    page.keyboard.press("j")
    second = page.locator("tbody a.row").nth(1)
    assert second.evaluate("each => each === document.activeElement")
    wanted = second.get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{wanted}")
