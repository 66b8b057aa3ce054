"""All pages that a person can come to by links, from the first on."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
from starlette.routing import Match

from bounce_watcher.web import pages

MOST_OF_ONE = 6
"""Pages of one route that are looked at, each with other parameters than those before; of those that have none, two."""


class Links(HTMLParser):
    """What a page leads to: `links` to pages, `addresses` of all that it names, by whatever `tags`; code `inline`."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        told = dict(attrs)
        self.inline += [name for name in told if name == "style" or name.startswith("on")]
        self.inline += [value for value in told.values() if value and value.strip().lower().startswith("javascript:")]
        if tag == "style" or (tag == "script" and "src" not in told):
            self.inline.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src", "action", "formaction"}]
        if tag == "a" and (href := told.get("href")) and not href.startswith("#"):
            self.links.append(href)


def links_of(html: str) -> list[str]:
    parser = Links()
    parser.feed(html)
    return list(dict.fromkeys(parser.links))


def route_of(url: str, method: str = "GET") -> str:
    """The route that answers there: "/recipients/{rid}"; the path itself where there is none."""
    scope = {"type": "http", "method": method, "path": urlsplit(url).path, "root_path": "", "headers": []}
    for route in pages.ROUTES:
        if route.matches(scope)[0] is Match.FULL:
            return route.path
    return urlsplit(url).path


def is_page(answer: httpx.Response) -> bool:
    return answer.headers["content-type"].startswith("text/html")


def _asked(client: httpx.Client, path: str, *, whole: bool) -> httpx.Response:
    if whole:
        return client.get(path)
    with client.stream("GET", path) as answer:
        if is_page(answer):
            answer.read()
        else:
            next(answer.iter_raw(), b"")
        return answer


def crawl(client: httpx.Client, *first: str, whole: bool = True) -> Iterator[tuple[str, httpx.Response]]:
    """Paths of this house with what they answered: some of each route and of each set of its parameters.

    A page is read whole; of a download, which may be large, the beginning where it is not to be `whole`.
    """
    first = first or ("/",)
    waiting, known = deque(first), set(first)
    looked_at: dict[str, Counter[frozenset[str]]] = defaultdict(Counter)
    while waiting:
        path = waiting.popleft()
        of_route, names = looked_at[route_of(path)], frozenset(name for name, _ in parse_qsl(urlsplit(path).query))
        if of_route[names] >= (1 if names else 2) or of_route.total() >= MOST_OF_ONE:
            continue
        of_route[names] += 1
        answer = _asked(client, path, whole=whole)
        yield path, answer
        if is_page(answer):
            found = [urljoin(path, link) for link in links_of(answer.text)]
            waiting.extend(each for each in found if each not in known and not urlsplit(each).netloc)
            known.update(found)


def inline_code(html: str) -> list[str]:
    """Styles, handlers and scripts in the page itself. A mail's are text, as the parser sees it."""
    parser = Links()
    parser.feed(html)
    return parser.inline
