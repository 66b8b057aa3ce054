"""The dashboard over a seeded ledger, in Debian's Chromium: without one a laptop skips these tests, CI fails.

Playwright's own loop stays set while it runs, so it ends with this folder's tests: others start loops of their own.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Request, sync_playwright

from bounce_watcher.config import Settings
from bounce_watcher.ledger.db import paging
from bounce_watcher.ledger.lists import browse
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.opening import open_ledger
from bounce_watcher.service.state import MailboxState, ServiceState
from bounce_watcher.web.server import serving
from tests.browser.crawling import route_of
from tests.browser.seeded import BEARER, TOKEN, configured, write_stock
from tests.ledger.copying import copy_ledger
from tests.servers.postgres import Postgres
from tests.servers.processes import free_port

DESKTOP, PHONE = (1280, 900), (390, 844)
WIDTHS = (320, 360, 390, 440, 520, 600, 768, 820, 961, 1024, 1280, 1440, 1920)
FEW_WIDTHS = (320, 600, 961, 1920)

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)
LARGE = os.environ.get("BOUNCE_WATCHER_LEDGER")
"""A ledger that is there already: see `python -m tests.browser`."""
MOST_MILLISECONDS = 180_000 if LARGE else 30_000
"""A decision on sixteen thousand addresses takes its time."""
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_CONTRAST = ["color-contrast"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "presses(*routes): the test's pages must send forms there")


@pytest.fixture(scope="session", autouse=True)
def patient() -> Iterator[None]:
    """Looking and counting end after a while, and then less is shown: that is tested elsewhere, and not by chance."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(browse, "COUNTING", 20.0)
        patch.setattr(browse, "FACETS_WITHIN", 60.0)
        patch.setattr(paging.looking.__wrapped__, "__defaults__", (20.0, 60.0))  # type: ignore[attr-defined]
        yield


@dataclass
class Dashboard:
    """`url` is where it answers, `ledger` what it shows; `shows` are the fields that let a browser in.

    `standing` may be changed.
    """

    url: str
    settings: Settings
    ledger: Ledger
    root: Path = Path()
    standing: Callable[[], ServiceState] = field(default_factory=lambda: working)
    shows: Mapping[str, str] = field(default_factory=lambda: BEARER)

    def state(self) -> ServiceState:
        return self.standing()

    @cached_property
    def session(self) -> str:
        """The cookie of a sign-in: what a browser saves it asks for without the fields of `shows`."""
        with httpx.Client(base_url=self.url, timeout=60) as client:
            form = re.search(r'name="csrf" value="(\w+)"', client.get("/login").text)
            assert form
            client.post("/login", data={"csrf": form[1], "token": TOKEN})
            return client.cookies["bounce-watcher"]


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


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The seeded ledger in SQLite: made once, whichever process comes first, and not to be changed."""
    if LARGE:
        return Path(LARGE)
    folder = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder = folder.parent
    path = folder / "seeded.db"
    with (folder / "seeded.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            write_stock(path, utcnow())
    return path


@pytest.fixture(scope="session")
def stock_database(stock: Path, postgres_server: Postgres) -> str:
    """The same in PostgreSQL, to be copied."""
    url = postgres_server.create_database()
    copy_ledger(f"sqlite:///{stock}", url)
    return url


@contextmanager
def standing(root: Path, database_url: str, tokens: str | None = None) -> Iterator[Dashboard]:
    """The dashboard over a ledger that is there already. Without `tokens` nobody need sign in."""
    settings = configured(root, database_url, free_port(), *([tokens] if tokens else []))
    with open_ledger(settings) as ledger, dashboard(settings, ledger) as shown:
        shown.root = root
        shown.shows = {} if tokens else BEARER
        yield shown


@contextmanager
def copied(root: Path, stock: Path, tokens: str | None = None) -> Iterator[Dashboard]:
    path = root / "ledger.db"
    shutil.copyfile(stock, path)
    path.chmod(0o600)
    try:
        with standing(root, f"sqlite:///{path}", tokens) as shown:
            yield shown
    finally:
        path.unlink()


@pytest.fixture(scope="module")
def house(stock: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """Over a copy of the seeded ledger in SQLite."""
    with copied(tmp_path_factory.mktemp("house"), stock) as shown:
        yield shown


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def desk(
    request: pytest.FixtureRequest, stock: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dashboard]:
    """Over a copy for each module, once in each kind of database: it may be changed."""
    yield from _copied_to(request, stock, tmp_path_factory.mktemp("desk"))


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_desk(request: pytest.FixtureRequest, stock: Path, tmp_path: Path) -> Iterator[Dashboard]:
    """Over a copy of its own, for what can be done once."""
    yield from _copied_to(request, stock, tmp_path)


def _copied_to(request: pytest.FixtureRequest, stock: Path, root: Path) -> Iterator[Dashboard]:
    if request.param == "sqlite":
        with copied(root, stock) as shown:
            yield shown
        return
    template = request.getfixturevalue("stock_database")
    server = request.getfixturevalue("postgres_server")
    url = server.create_database(like=template)
    with standing(root, url) as shown:
        yield shown
    server.drop_database(url)


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
def opened(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Open]:
    """Opens an address of a dashboard. Whatever a page complains of, or asks of anybody else, fails the test.

    `clock`: the page's time is one that can be put forward.
    """
    contexts, complaints, sent = [], list[str](), set[str]()

    def open_(
        shown: Dashboard, path: str, size: tuple[int, int] = DESKTOP, scheme: Scheme = "light", *, scripts: bool = True,
        clock: bool = False,
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, java_script_enabled=scripts,
            base_url=shown.url, extra_http_headers=dict(shown.shows),
        )
        if shown.shows:
            context.add_cookies([{"name": "bounce-watcher", "value": shown.session, "url": shown.url}])
        context.set_default_timeout(MOST_MILLISECONDS)
        contexts.append(context)
        page = context.new_page()
        if clock:
            page.clock.install()
        page.on("console", lambda said: complaints.append(f"{path}: {said.text}") if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(f"{path}: {error}"))
        page.on("request", lambda asked: _stays_here(asked, shown.url, complaints))
        page.on("request", lambda asked: sent.add(route_of(asked.url, "POST")) if asked.method == "POST" else None)
        answer = page.goto(path)
        assert answer is not None
        assert answer.ok, f"{path}: {answer.status}"
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []
    presses = request.node.get_closest_marker("presses")
    assert sent >= set(presses.args if presses else ())


def number(text: str) -> int:
    """The first number of a text: "1,204 events"."""
    found = re.search(r"\d[\d,]*", text)
    assert found, text
    return int(found[0].replace(",", ""))


def agrees(title: str, many: int) -> bool:
    """Whether a list's title tells of so many. One that had no time to count them says "and more", or no number."""
    if not re.search(r"\d", title):
        return True
    return number(title) <= many if "and more" in title else number(title) == many


def heading(page: Page) -> str:
    return page.locator("main h1").inner_text()


def said(page: Page) -> str:
    """What a page tells of what was done a moment ago."""
    return page.locator("main [role=status]").first.inner_text()


def fill_in_count(page: Page) -> None:
    """The number that a preview of much asks for, as its label tells it."""
    if page.locator("#count").count():
        page.locator("#count").fill(str(number(page.locator('label[for="count"]').inner_text())))


def follow(what: Locator) -> None:
    """Clicks what leads to another page, and waits until it is there."""
    with what.page.expect_navigation():
        what.click()


def carry_out(button: Locator) -> None:
    """Clicks what takes long where there is much, and waits until the page on it leads on."""
    follow(button)
    button.page.wait_for_url(lambda url: "/working/" not in url)


def _stays_here(request: Request, url: str, complaints: list[str]) -> None:
    if not request.url.startswith((url, "data:")):
        complaints.append(f"asked for {request.url}")


def violations(page: Page, rules: Sequence[str] = _RULES) -> list[str]:
    """What axe finds, each rule with the elements that it is about."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(Axe().axe_script)
    # What is right with a page is much, and takes a quarter of the time on its way here.
    found = page.evaluate(
        "(options) => axe.run(document, options).then((found) => found.violations)",
        {"runOnly": rules, "resultTypes": ["violations"]},
    )
    return [f"{each['id']}: {[node['html'][:200] for node in each['nodes'][:5]]}" for each in found]


Look = tuple[tuple[int, int], Scheme]
LOOKS: tuple[Look, Look] = ((DESKTOP, "light"), (PHONE, "dark"))


def flaws(page: Page, widths: Sequence[int] = WIDTHS, looks: Sequence[Look] = LOOKS) -> list[str]:
    """What is wrong with a page as it stands, all of it unfolded: by axe on a desktop in light and on a phone in dark,
    over the large ledger by contrast the other way round too, where a table is wider than its card there, and where the
    page scrolls sideways."""
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    found = list[str]()
    light, dark = SCHEMES
    held_to = [(size, scheme, _RULES) for size, scheme in looks]
    if LARGE:
        held_to += (DESKTOP, dark, _CONTRAST), (PHONE, light, _CONTRAST)
    for size, scheme, rules in held_to:
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(color_scheme=scheme)
        found += [f"{size} {scheme} {each}" for each in (*violations(page, rules), *page.evaluate(_WIDE_TABLES))]
    found += [f"{width} px: {extra} too wide" for width in widths if (extra := overflow(page, width))]
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    return found


_WIDE_TABLES = """() => [...document.querySelectorAll(".card > .scroll")]
    .filter((each) => each.scrollWidth > each.clientWidth + 1)
    .map((each) => `table ${each.getAttribute("aria-labelledby")}: ${each.scrollWidth - each.clientWidth} px hidden`)
"""


def overflow(page: Page, width: int) -> int:
    """By how many pixels the page is wider than a window of that width."""
    page.set_viewport_size({"width": width, "height": 844})
    found: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found
