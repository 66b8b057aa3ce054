"""Every page that there is: come to by links, right before axe, and no wider than its window."""

import importlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import chain, cycle
from pathlib import Path

import httpx
import pytest

from bounce_watcher.ledger.db.query import Query
from bounce_watcher.model.ledger import Actor, Misread
from bounce_watcher.service.clock import utcnow
from bounce_watcher.web import pages
from tests.browser.conftest import FEW_WIDTHS, LOOKS, Dashboard, Look, Open, flaws
from tests.browser.crawling import crawl, inline_code, is_page, route_of
from tests.simulation.judges import LISTENER

HERE = Path(__file__).parent
FILES = (".csv", ".jsonl", ".eml")


def routes(method: str) -> list[str]:
    return sorted({route.path for route in pages.ROUTES if method in (route.methods or ())})


NO_LINK = {
    "/login": "/login", "/undo": "/undo", "/protect": "/protect?domain=example.org",
    "/outbox/resume": f"/outbox/resume?target={LISTENER}", "/working/{name}": "/working/none",
}
"""Where a person comes to by an address or a form, by being sent, or when something was done before."""
SHOWN = [path for path in routes("GET") if not path.endswith(FILES) and path != "/outbox/resume"]
"""The preview of a resume is that of a pause, which no target has at the same time."""
FIRST = ("/recipients?state=suppressed", "/outbox?state=dead", "/review/opt-outs?state=done", "/")
"""Where a crawl begins: among many others it would hardly come to what can be released, discarded, or taken up."""
OTHERWISE = (
    "/?range=24h", "/?range=90d", "/events?type=soft&-stream=receipts&range=30d", "/events?rule=no.such.rule",
    "/events?from=2026-03-02&to=2026-03-01&x=1", "/outbox?state=delivered", "/recipients?state=suppressed",
    "/providers/portal.example?range=90d", "/streams/news?range=30d",
    "/undo?from=2026-03-02T10:00&x=1", "nobody", "lately", "wording",
)
"""Pages that look otherwise by what is asked."""


def path_of(house: Dashboard, name: str) -> str:
    """Of pages whose addresses tell of what the ledger holds."""
    now, names = utcnow(), house.ledger.names
    groups = list(house.ledger.review.groups(Query()))
    return {
        "nobody": f"/recipients/{names.name('nobody@example.org')}",
        "lately": f"/undo?from={now - timedelta(days=1):%Y-%m-%dT%H:%M}&to={now:%Y-%m-%dT%H:%M}",
        "wording": f"/review/{next(each.gid for each in groups if each.kind is Misread.FAILURE)}",
        "letter": f"/review/{next(each.gid for each in groups if each.kind is Misread.LETTER)}",
    }.get(name, name)


def all_pages(house: Dashboard) -> Iterator[tuple[str, httpx.Response]]:
    """With a wording that was set aside, and a domain that is protected."""
    gid, now = path_of(house, "wording").rpartition("/")[2], utcnow()
    house.ledger.review.set_aside(gid, None, Actor("jo", now, "of no matter"))
    house.ledger.suppressions.protect("@school.example", Actor("local", now, "their server says anything"))
    with httpx.Client(base_url=house.url, headers=house.shows, timeout=60) as client:
        lately, letter = path_of(house, "lately"), path_of(house, "letter")
        yield from crawl(client, *FIRST, lately, letter, f"/review/{gid}", whole=False)


def crawled(house: Dashboard) -> Mapping[str, list[str]]:
    """Paths of pages and downloads by route, as a crawl came to them. All answer, without code in their markup."""
    found = defaultdict[str, list[str]](list)
    for path, answer in all_pages(house):
        assert answer.status_code == 200, path
        found[route_of(path)].append(path)
        if is_page(answer):
            assert inline_code(answer.text) == [], path
    return found


@pytest.fixture(scope="module")
def reached(house: Dashboard) -> Mapping[str, list[str]]:
    return crawled(house)


def test_all_answer(reached: Mapping[str, list[str]]) -> None:
    assert set(routes("GET")) - reached.keys() - NO_LINK.keys() == set()


@pytest.mark.whole
def test_all_answer_on_either_database(desk: Dashboard) -> None:
    assert set(routes("GET")) - crawled(desk).keys() - NO_LINK.keys() == set()


def there(house: Dashboard, reached: Mapping[str, list[str]], path: str) -> str:
    """An address of a route."""
    return path_of(house, NO_LINK.get(path) or next(iter(reached.get(path, ())), path))


PREVIEWS = [path for path in SHOWN if path in routes("POST")]
"""All of one template: some stand for the others."""
ARCHETYPES = {*SHOWN} - {*PREVIEWS} | {*PREVIEWS[::4]}


@pytest.mark.parametrize(("path", "look"), [
    pytest.param(path, look, id=path, marks=() if path in ARCHETYPES else pytest.mark.whole)
    for path, look in zip(SHOWN, cycle(LOOKS), strict=False)
])
def test_axe_finds_nothing_on_a_page(
    house: Dashboard, reached: Mapping[str, list[str]], opened: Open, path: str, look: Look
) -> None:
    """Each page in one look, some on a desktop and some on a phone."""
    assert flaws(opened(house, there(house, reached, path)), FEW_WIDTHS, (look,)) == []


@pytest.mark.whole
@pytest.mark.parametrize("path", [*SHOWN, *OTHERWISE])
def test_axe_finds_nothing_in_either_look_and_no_width_scrolls_sideways(
    house: Dashboard, reached: Mapping[str, list[str]], opened: Open, path: str
) -> None:
    assert flaws(opened(house, there(house, reached, path))) == []


def test_each_button_that_changes_something_is_pressed() -> None:
    """By some test of this folder; `opened` holds each to the forms that its mark names."""
    modules = [importlib.import_module(f"tests.browser.{path.stem}") for path in HERE.glob("test_*.py")]
    marks = chain.from_iterable(
        getattr(each, "pytestmark", ()) for module in modules for each in vars(module).values() if callable(each)
    )
    pressed = {route for mark in marks if mark.name == "presses" for route in mark.args}
    assert set(routes("POST")) - pressed == set()
