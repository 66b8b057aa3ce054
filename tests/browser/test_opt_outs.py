"""Who asked for no more mail, as a person deals with it: from the overview to an empty list."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from bounce_watcher.attribution.return_path import make_return_path
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.config import Settings
from bounce_watcher.ledger.review.optouts import GID
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.message import RawMessage, pack
from bounce_watcher.parsing.message import parse
from bounce_watcher.pipeline import Toolkit, analyse
from bounce_watcher.service.analysis.judging import message_record
from bounce_watcher.service.announcing import announcer, decider
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.opening import open_ledger
from tests.browser.conftest import Dashboard, Open, dashboard, flaws, follow
from tests.browser.seeded import configured
from tests.mail import Letter, postfix
from tests.servers.processes import free_port

USER, PRIVATE = "user@example.org", "private@example.net"
LIST = f"/review/{GID}"


def _write(ledger: Ledger, settings: Settings) -> None:
    now, toolkit = utcnow(), Toolkit(load_builtin(), settings.attribution)
    token = make_return_path(settings.attribution, USER, "news", "n1", day=now.date())
    failed = Letter(1, USER, f"452 4.2.2 <{USER}>: over quota", now - timedelta(days=3))
    mails = [postfix(failed), *(
        f"From: Somebody <{sender}>\nTo: {to}\nSubject: unsubscribe\nMessage-ID: <{number}@example.net>\n\n"
        for number, (sender, to) in enumerate(((PRIVATE, token), (USER, token), ("other@example.org", "a@example.com")))
    )]
    records = []
    for number, content in enumerate(mails):
        at = now - timedelta(hours=9 - number)
        raw = RawMessage("returns/INBOX", content.encode(), at, mailbox="returns", stream="news")
        message = parse(raw.content)
        records.append(message_record(raw, analyse(raw.content, toolkit, at), pack(raw.content), message))
    ledger.recording.record(records, decider(settings), announcer(settings), settings.policy)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Dashboard]:
    """Three requests, two of them by the return path of a mail to one address that bounced as well."""
    settings = configured(tmp_path, f"sqlite:///{tmp_path}/ledger.db", free_port())
    with open_ledger(settings) as ledger:
        _write(ledger, settings)
        with dashboard(settings, ledger) as shown:
            yield shown


def _look(page: Page, name: str) -> None:
    """A picture, where somebody asks for pictures."""
    if folder := os.environ.get("BOUNCE_WATCHER_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.mark.presses(f"{LIST}/{{id}}/done", f"{LIST}/{{id}}/up", f"{LIST}/done")
def test_each_is_dealt_with_and_none_is_lost(desk: Dashboard, opened: Open) -> None:
    page = opened(desk, "/")
    expect(page.get_by_text("3 open opt-outs,")).to_be_visible()
    _look(page, "overview")
    follow(page.get_by_role("link", name="View opt-outs"))
    assert flaws(page) == []
    _look(page, "opt-outs")
    follow(page.get_by_role("row", name="other@example.org").get_by_role("link", name="Mark as done"))
    page.get_by_label("Why?").fill("taken off by hand")
    follow(page.get_by_role("button", name="Mark as done"))
    expect(page.get_by_role("heading", name="2 open opt-outs")).to_be_visible()
    follow(page.get_by_role("link", name="Done", exact=True))
    _look(page, "done")
    follow(page.get_by_role("link", name="Reopen"))
    follow(page.get_by_role("button", name="Reopen"))
    expect(page.get_by_role("heading", name="3 open opt-outs")).to_be_visible()
    follow(page.get_by_role("link", name=USER).first)
    expect(page.get_by_text(f"by a mail from {PRIVATE} (signed return path)").first).to_be_visible()
    assert flaws(page) == []
    _look(page, "recipient")
    follow(page.get_by_role("link", name="Open opt-outs").first)
    follow(page.get_by_role("link", name="Mark all as done"))
    page.get_by_label("Why?").fill("all taken off")
    follow(page.get_by_role("button", name="Mark 3 opt-outs as done"))
    expect(page.get_by_text("No open opt-outs.")).to_be_visible()
    _look(opened(desk, f"/recipients/{desk.ledger.names.name(USER)}"), "recipient-done")
