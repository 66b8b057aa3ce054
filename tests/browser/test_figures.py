"""The pages of figures as a person sees them: nothing for axe to find, no sideways scrolling."""

import pytest

from tests.browser.conftest import DESKTOP, PHONE, SCHEMES, WIDTHS, Dashboard, Open, overflow, violations

PAGES = ("/", "/?range=24h", "/?range=30d", "/?range=90d", "/?stream=receipts")


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(house: Dashboard, opened: Open, path: str) -> None:
    for size in (DESKTOP, PHONE):
        for scheme in SCHEMES:
            page = opened(house, path, size, scheme)
            page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            assert violations(page) == []


@pytest.mark.parametrize("path", PAGES)
def test_no_width_scrolls_sideways(house: Dashboard, opened: Open, path: str) -> None:
    page = opened(house, path)
    assert {width: extra for width in WIDTHS if (extra := overflow(page, width))} == {}
