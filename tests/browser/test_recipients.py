"""Events and recipients as a person uses them: finds, narrows down, acts; what the ledger holds afterwards."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from bounce_watcher.ledger.lists.filters import EventFilter, SuppressionFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.address import is_forgotten
from bounce_watcher.model.ledger import State, Suppression
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.words.grounds import text
from tests.browser.conftest import Dashboard, Open, agrees, carry_out, fill_in_count, follow, heading, said


def _suppressed(ledger: Ledger, number: int = 0) -> Suppression:
    found = [each for each in ledger.lists.suppressions(SuppressionFilter(state=State.SUPPRESSED))
             if each.events and each.reason in set(Reason) and not is_forgotten(each.recipient)]
    return found[number]


def _find(page: Page, text: str) -> None:
    page.get_by_label("Search for an address, domain, status code or text").fill(text)
    follow(page.get_by_role("button", name="Find"))


@pytest.mark.presses("/find", "/recipients/{rid}/release", "/recipients/{rid}/suppress")
@pytest.mark.parametrize("scripts", [True, False])
def test_an_address_is_found_released_and_suppressed_again(desk: Dashboard, opened: Open, scripts: bool) -> None:
    each = _suppressed(desk.ledger, 1 + scripts)
    page = opened(desk, "/events", scripts=scripts)
    _find(page, f" {each.recipient.upper()} ")
    assert page.get_by_role("heading", level=1).inner_text().lower() == each.recipient.lower()
    assert "@" not in page.url, "no address in an address"
    assert page.get_by_text(re.compile("Suppressed on .* because")).count() == 1
    follow(page.get_by_role("link", name="Release…"))
    assert page.get_by_text("Nothing has changed yet.").is_visible()
    assert list(desk.ledger.lists.suppressions(SuppressionFilter(each.recipient))) != []
    page.get_by_label("Why?").fill("the mailbox is back")
    follow(page.get_by_role("button", name=re.compile("Release in")))
    assert page.get_by_role("status").get_by_text("Released by hand").is_visible()
    assert page.get_by_text("by API token: the mailbox is back. The counter is reset.").count() >= 1
    assert list(desk.ledger.lists.suppressions(SuppressionFilter(each.recipient))) == []
    assert page.get_by_role("link", name="Release…").count() == 0

    follow(page.get_by_role("link", name="Suppress…"))
    page.get_by_label("Why?").fill("asked by phone")
    follow(page.get_by_role("button", name="Suppress", exact=True))
    assert page.get_by_text("by API token: asked by phone.").count() >= 1
    (again,) = desk.ledger.lists.suppressions(SuppressionFilter(each.recipient))
    assert (again.source.value, text(again.grounds)) == ("manual", "asked by phone")

    follow(page.get_by_role("link", name="log").last)
    rows = page.get_by_role("row").filter(has_text=each.recipient)
    assert rows.count() == 2
    assert "asked by phone" in rows.first.inner_text()


@pytest.mark.presses("/recipients/{rid}/forget")
def test_an_address_is_forgotten_by_who_types_it(desk: Dashboard, opened: Open) -> None:
    each = _suppressed(desk.ledger, 4)
    page = opened(desk, f"/recipients/{desk.ledger.names.name(each.recipient)}")
    follow(page.get_by_role("link", name="Forget…"))
    page.get_by_label("Type the address to confirm").fill(each.recipient)
    page.get_by_label("Why?").fill("asked for it")
    carry_out(page.get_by_role("button", name="Forget address"))
    assert page.get_by_text("Forgotten. Only this fact").is_visible()
    left = list(desk.ledger.lists.events(EventFilter(recipient=each.recipient)))
    assert left
    assert each.recipient not in {event.recipient for event in left}
    assert [record.state for record in desk.ledger.lists.recipients(each.recipient)].count(State.SUPPRESSED) == 1


@pytest.mark.presses("/recipients/{rid}/protect", "/protected/{rid}/end")
def test_an_address_is_protected_and_released_until_that_ends(desk: Dashboard, opened: Open) -> None:
    each = _suppressed(desk.ledger, 6)
    page = opened(desk, f"/recipients/{desk.ledger.names.name(each.recipient)}")
    follow(page.get_by_role("link", name="Protect…"))
    page.get_by_label("Existing suppressions").select_option(index=1)
    page.get_by_label("Why?").fill("our chairman")
    follow(page.locator("main form.change button"))
    found = desk.ledger.lists.protection(each.recipient)
    assert found is not None
    assert found.because == "our chairman"
    assert list(desk.ledger.lists.suppressions(SuppressionFilter(each.recipient))) == []
    follow(page.get_by_role("link", name="Stop protecting…"))
    page.get_by_label("Why?").fill("he left")
    follow(page.locator("main form.change button"))
    assert desk.ledger.lists.protection(each.recipient) is None
    assert [done.action for done in desk.ledger.log.newest(limit=3)] == ["unprotect", "release", "protect"]


@pytest.mark.presses("/protect")
def test_a_domain_is_protected_without_scripts(desk: Dashboard, opened: Open) -> None:
    page = opened(desk, "/settings", scripts=False)
    page.get_by_label("Domain", exact=True).fill("school.example")
    follow(page.get_by_role("button", name="Protect domain…"))
    assert desk.ledger.lists.protection("@school.example") is None, "a preview changes nothing"
    page.get_by_label("Why?").fill("their server says anything")
    follow(page.locator("main form.change button"))
    assert desk.ledger.lists.protection("@school.example") is not None
    assert "their server says anything" in page.locator("section[aria-labelledby=protected]").inner_text()


@pytest.mark.presses("/recipients/release")
def test_all_whom_a_filter_shows_are_released(desk: Dashboard, opened: Open) -> None:
    each = next(each for each in desk.ledger.lists.suppressions(SuppressionFilter(state=State.SUPPRESSED))
                if each.reason in set(Reason) and re.search(r"@d\d+\.example$", each.recipient))
    page = opened(desk, f"/recipients?domain={each.recipient.rpartition('@')[2]}")
    while not page.locator("tbody a.row").count():  # looking took longer than a page may
        follow(page.get_by_role("link", name="Older"))
    follow(page.get_by_role("link", name="Release filtered recipients…"))
    assert list(desk.ledger.lists.suppressions(SuppressionFilter(each.recipient))) != [], "a preview changes nothing"
    assert "suppression would end" in page.locator("main").inner_text()
    page.get_by_label("Why?").fill("the domain is back")
    fill_in_count(page)
    carry_out(page.locator("main form.change button"))
    assert list(desk.ledger.lists.suppressions(SuppressionFilter(each.recipient))) == []
    assert [
        (done.action, done.because) for done in desk.ledger.log.newest(limit=1)
    ] == [("release", "the domain is back")]


@pytest.fixture
def rule(tmp_path: Path) -> None:
    """One of today, for what no rule knew when it came."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/own.toml").write_text("""
source = "our own bounces"

[[rule]]
id = "own.zorp-gate"
reason = "mailbox_disabled"
text = ["zorp gate", "has been closed"]
examples = ["554 5.0.0 zorp gate 17 of mx1.example.org has been closed for this one"]
""")


@pytest.mark.usefixtures("rule")
@pytest.mark.presses("/events/{id:path}/again")
def test_the_mail_of_an_event_is_read_again(fresh_desk: Dashboard, opened: Open) -> None:
    ledger = fresh_desk.ledger
    event = next(each for each in ledger.lists.events(EventFilter(reason=Reason.UNKNOWN))
                 if "zorp gate" in (each.diagnostic or ""))
    page = opened(fresh_desk, f"/events/{event.id}")
    follow(page.get_by_role("link", name="Reclassify…"))
    assert ledger.browsing.event(event.id) == event, "a preview changes nothing"
    page.get_by_label("Why?").fill("the gate is known now")
    follow(page.locator("main form.change button"))
    after = ledger.browsing.event(event.id)
    assert after is not None
    assert (after.reason, after.rule) == (Reason.MAILBOX_DISABLED, "own.zorp-gate")
    assert "the gate is known now" in said(page)


def test_events_are_narrowed_down_paged_and_downloaded(desk: Dashboard, opened: Open) -> None:
    soft = desk.ledger.lists.events(EventFilter(bounce_type=BounceType.SOFT))
    stored = [event.id for event in soft if event.type == "soft"]
    page = opened(desk, "/events")
    page.get_by_label("Type", exact=True).select_option("Temporary")
    follow(page.get_by_role("button", name="Filter"))
    assert agrees(heading(page), len(stored))
    seen: list[str] = []
    for _ in range(4):
        links = page.locator("tbody a.row").evaluate_all("all => all.map(each => each.getAttribute('href'))")
        seen += [each.removeprefix("/events/") for each in links]
        follow(page.get_by_role("link", name="Older"))
    assert seen == stored[::-1][: len(seen)]
    with page.expect_download() as started:
        page.get_by_role("link", name="JSON").click()
    assert started.value.suggested_filename == "events.jsonl"
    with Path(started.value.path()).open() as file:
        assert [json.loads(line)["id"] for line in file] == stored[::-1]
    follow(page.get_by_role("link", name="Remove type: Temporary"))
    assert "type=" not in page.url
    follow(page.get_by_role("complementary", name="Narrow down").get_by_role("link", name="Temporary"))
    assert "type=soft" in page.url


def test_from_an_event_to_its_mail_and_to_the_address(desk: Dashboard, opened: Open) -> None:
    event = desk.ledger.browsing.event(_suppressed(desk.ledger).events[-1])
    assert event is not None
    page = opened(desk, f"/events/{event.id}")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download message").click()
    assert Path(started.value.path()).read_bytes() == desk.ledger.lists.message(event.message_digest)
    assert started.value.suggested_filename.endswith(".eml.txt")
    follow(page.get_by_role("link", name="View message"))
    assert page.get_by_role("heading", level=1).inner_text() == "Message as text"
    follow(page.get_by_role("link", name="The event"))
    follow(page.locator("dl.facts a.addr"))
    assert page.get_by_role("heading", level=1).inner_text() == event.recipient


def test_rows_are_gone_through_by_keys(desk: Dashboard, opened: Open) -> None:
    page = opened(desk, "/recipients")
    page.keyboard.press("j")
    page.keyboard.press("j")
    second = page.locator("tbody a.row").nth(1)
    assert second.evaluate("each => each === document.activeElement")
    wanted = second.get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{wanted}")
