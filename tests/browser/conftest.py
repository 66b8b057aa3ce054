"""The dashboard over a seeded ledger, in Debian's Chromium: without one a laptop skips these tests, CI fails.

Playwright's own loop stays set while it runs, so it ends with this folder's tests: others start loops of their own.
"""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Request, sync_playwright

from bounce_watcher.config import Settings
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.state import MailboxState, ServiceState
from bounce_watcher.web.server import serving
from tests.browser.seeded import configured, seeded

DESKTOP, PHONE = (1280, 900), (390, 844)
WIDTHS = (320, 360, 390, 440, 520, 600, 768, 820, 961, 1024, 1280, 1440, 1920)

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@dataclass
class Dashboard:
    """`url` is where it answers, `ledger` what it shows. `standing` may be changed."""

    url: str
    settings: Settings
    ledger: Ledger
    standing: Callable[[], ServiceState] = field(default_factory=lambda: working)

    def state(self) -> ServiceState:
        return self.standing()


def working() -> ServiceState:
    """A service whose one mailbox is read."""
    now = utcnow()
    mailbox = MailboxState("returns", "INBOX", "news", now - timedelta(seconds=20), 0.4, 0, None,
                           now - timedelta(minutes=3), 312)
    return ServiceState(now - timedelta(days=3), Mode.ENFORCE, (mailbox,), {})


@contextmanager
def dashboard(settings: Settings, ledger: Ledger) -> Iterator[Dashboard]:
    """The pages on a socket, as the service serves them."""
    assert settings.web is not None
    shown = Dashboard(f"http://127.0.0.1:{settings.web.port}", settings, ledger)
    with serving(settings, ledger, list, shown.state):
        yield shown


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """Some thousand bounces of ten weeks up to now, an outage under way; see `seeded`."""
    root: Path = tmp_path_factory.mktemp("browser")
    settings = configured(root, f"sqlite:///{root}/ledger.db", free_port())
    with seeded(settings, utcnow()) as ledger, dashboard(settings, ledger) as shown:
        yield shown


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent("Chromium is not installed; apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


Open = Callable[..., Page]
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Open]:
    """Opens an address of a dashboard. Whatever a page complains of, or asks of anybody else, fails the test.

    `clock`: the page's time is one that can be put forward.
    """
    contexts, complaints = [], list[str]()

    def open_(
        shown: Dashboard, path: str, size: tuple[int, int] = DESKTOP, scheme: Scheme = "light", *, scripts: bool = True,
        clock: bool = False,
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, java_script_enabled=scripts,
            base_url=shown.url,
        )
        contexts.append(context)
        page = context.new_page()
        if clock:
            page.clock.install()
        page.on("console", lambda said: complaints.append(f"{path}: {said.text}") if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(f"{path}: {error}"))
        page.on("request", lambda request: _stays_here(request, shown.url, complaints))
        answer = page.goto(path)
        assert answer is not None
        assert answer.ok, f"{path}: {answer.status}"
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def follow(what: Locator) -> None:
    """Clicks what leads to another page, and waits until it is there."""
    with what.page.expect_navigation():
        what.click()


def _stays_here(request: Request, url: str, complaints: list[str]) -> None:
    if not request.url.startswith((url, "data:")):
        complaints.append(f"asked for {request.url}")


def violations(page: Page) -> list[str]:
    """What axe finds, each rule with the elements that it is about."""
    found = Axe().run(page, options=_RULES).response["violations"]
    return [f"{each['id']}: {[node['html'][:200] for node in each['nodes'][:5]]}" for each in found]


def overflow(page: Page, width: int) -> int:
    """By how many pixels the page is wider than a window of that width."""
    page.set_viewport_size({"width": width, "height": 844})
    found: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found
