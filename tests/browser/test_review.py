"""What was not recognised, as a person deals with it: from the list to a rule that recognises it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.config import load
from bounce_watcher.config.rules import DRAFTED
from bounce_watcher.ledger.db.paging import PagePosition
from bounce_watcher.ledger.db.query import Query
from bounce_watcher.ledger.review.groups import GroupState
from bounce_watcher.model.ledger import MessageRecord
from bounce_watcher.model.message import RawMessage, pack
from bounce_watcher.model.verdict import Reason
from bounce_watcher.pipeline import Toolkit, analyse
from bounce_watcher.service.analysis.judging import message_record
from bounce_watcher.service.announcing import announcer, decider
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.opening import open_ledger
from bounce_watcher.service.operations.reclassifying import reclassify
from tests.browser.conftest import Dashboard, Open, dashboard, follow
from tests.browser.seeded import configured
from tests.mail import Letter, postfix
from tests.servers.processes import free_port

WORDINGS = (
    "554 5.0.0 <{}>: zorp gate 17{} has been closed for this one",
    "550 Zxqv {}-77 <script>alert(1)</script> \u202egnp of {}",
    "552 5.2.2 <{}>: user is over quota {}",
)
HOW_MANY = (9, 2, 3)


@dataclass(frozen=True)
class Desk:
    shown: Dashboard
    root: Path


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Some failures that no rule knows, and some that one does; a folder for rules."""
    settings = configured(tmp_path, f"sqlite:///{tmp_path}/ledger.db", free_port())
    with open_ledger(settings) as ledger:
        ledger.recording.record(list(_mail()), decider(settings), announcer(settings), settings.policy)
        with dashboard(settings, ledger) as shown:
            yield Desk(shown, tmp_path)


def _mail() -> Iterator[MessageRecord]:
    toolkit, number = Toolkit(load_builtin()), 0
    for wording, count in zip(WORDINGS, HOW_MANY, strict=True):
        for _ in range(count):
            number += 1
            at = utcnow() - timedelta(days=20, hours=-7 * number)
            to = f"person{number}@{('gmail.com', 'example.org')[number % 2]}"
            content = postfix(Letter(number, to, wording.format(to, number), at)).encode()
            raw = RawMessage("returns/INBOX", content, at, mailbox="returns", stream="news")
            yield message_record(raw, analyse(content, toolkit, at), pack(content))


def _gid(desk: Desk, number: int = 0) -> str:
    return desk.shown.ledger.review.page(Query(), PagePosition()).rows[number].gid


def _test_it(page: Page) -> None:
    page.get_by_label("Reason", exact=True).select_option("mailbox_disabled")
    page.get_by_label("Text to match").fill("zorp gate * has been closed")
    page.get_by_label("Rule name").fill("own.zorp-gate")
    follow(page.get_by_role("button", name="Test rule"))


def test_from_the_list_to_a_rule_that_recognises_it(desk: Desk, opened: Open) -> None:
    page = opened(desk.shown, "/")
    follow(page.get_by_role("link", name="Review"))
    expect(page.get_by_role("heading", level=1)).to_have_text("2 wordings")
    follow(page.get_by_role("link", name="has been closed"))
    expect(page.locator(".sample")).to_have_count(5)
    _test_it(page)
    outcome = page.get_by_role("main").inner_text()
    assert "Matches 9 of 9 reports of this wording, and 9 of 9 of its stored messages." in outcome
    assert "Takes nothing away from other rules." in outcome
    assert 'id = "own.zorp-gate"' in outcome
    page.get_by_label("Why?").fill("the gate tells it")
    follow(page.get_by_role("button", name="Save the rule"))
    expect(page.get_by_text("Rule drafted", exact=True)).to_be_visible()
    assert "own.zorp-gate: the gate tells it" in page.get_by_role("main").inner_text()

    settings = load(desk.root / "config.toml")
    assert [Path(name).name for name, _ in settings.rules] == [DRAFTED]
    found = list(reclassify(settings, desk.shown.ledger, None, dry_run=False))
    assert {each.after.reason for each in found} == {Reason.MAILBOX_DISABLED}
    assert len(found) == HOW_MANY[0]
    states = {each.wording: each.state for each in desk.shown.ledger.review.groups(Query())}
    assert sorted(states.values()) == [GroupState.NEW, GroupState.RULED]
    follow(page.get_by_role("link", name="Review"))
    assert page.get_by_text("Rule active", exact=True).count() >= 1


@pytest.mark.presses("/review/{gid}/aside", "/review/{gid}/up")
def test_without_scripts_what_comes_seldom_is_set_aside_and_taken_up_again(desk: Desk, opened: Open) -> None:
    gid = _gid(desk, 1)
    page = opened(desk.shown, f"/review/{gid}", scripts=False)
    follow(page.get_by_role("link", name="Set aside…"))
    page.get_by_label("How long").select_option("10")
    page.get_by_label("Why?").fill("two a year")
    follow(page.get_by_role("button", name="Set aside"))
    group = desk.shown.ledger.review.group(gid)
    assert group is not None
    assert (group.state, group.a_day, group.because) == (GroupState.ASIDE, 10, "two a year")
    follow(page.get_by_role("link", name="Reopen…"))
    page.get_by_label("Why?").fill("three a day")
    follow(page.get_by_role("button", name="Reopen"))
    group = desk.shown.ledger.review.group(gid)
    assert group is not None
    assert (group.state, group.a_day, group.because) == (GroupState.NEW, None, "three a day")
