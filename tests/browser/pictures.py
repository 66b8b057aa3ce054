"""`python -m tests.browser.pictures`: the pictures of README, taken anew of what the model's mail leaves."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, sync_playwright

from bounce_watcher.ledger.lists.filters import SuppressionFilter
from bounce_watcher.model.ledger import AlertKind, State
from bounce_watcher.model.verdict import Reason
from bounce_watcher.service.clock import utcnow
from tests.browser.conftest import ARGUMENTS, DESKTOP, PHONE, SCHEMES, Dashboard, Scheme, dashboard
from tests.browser.seeded import configured, seeded
from tests.servers.processes import free_port

FOLDER = Path(__file__).parent / "pictures"
MOST_BYTES = 200_000


def main() -> None:
    program = shutil.which("chromium")
    with TemporaryDirectory() as root:
        settings = configured(Path(root), f"sqlite:///{root}/ledger.db", free_port())
        with (
            seeded(settings, utcnow()) as ledger, dashboard(settings, ledger) as shown, sync_playwright() as playwright
        ):
            browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
            light, dark = SCHEMES
            _take(browser, shown, "/?range=30d", "overview.png", DESKTOP, light)
            _take(browser, shown, _suppressed(shown), "recipient.png", PHONE, dark)
            _take(browser, shown, _outage(shown), "incident.png", DESKTOP, light)
            browser.close()


def _suppressed(shown: Dashboard) -> str:
    wanted = SuppressionFilter(state=State.SUPPRESSED, reason=Reason.MAILBOX_FULL)
    return f"/recipients/{shown.ledger.names.name(next(iter(shown.ledger.lists.suppressions(wanted))).recipient)}"


def _outage(shown: Dashboard) -> str:
    outage = next(each for each in shown.ledger.lists.alerts(under_way=True) if each.kind is AlertKind.OUTAGE)
    return f"/incidents/{outage.id}"


def _take(
    browser: Browser, shown: Dashboard, path: str, name: str, size: tuple[int, int], scheme: Scheme
) -> None:
    """What a window shows without scrolling."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, base_url=shown.url,
        extra_http_headers=dict(shown.shows),
    )
    page = context.new_page()
    page.goto(path)
    page.screenshot(path=FOLDER / name)
    context.close()
    taken = (FOLDER / name).stat().st_size
    assert taken < MOST_BYTES, f"{name}: {taken} bytes"


if __name__ == "__main__":
    main()
