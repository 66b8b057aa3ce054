"""What each page of the dashboard takes over a long past, by the listener that the service has.

What is added up over more than eight days is kept for a minute (`web.shelf`): the first look tells what it takes.
"""

import http.client
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr

from bounce_watcher.config import Settings
from bounce_watcher.config.settings import WebSettings
from bounce_watcher.ledger.figures import Of, Part, Span
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.ledger.tally import DAY
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.state import ServiceState
from bounce_watcher.web.server import serving
from tests.ledger.busy_past import fill_pages

TRIVIAL = "/healthz"
"""The base of the ratios: a request that asks nobody."""
MOST = 0.2
"""Seconds that a page may take at the median."""

PAGES = (
    "/", "/?range=24h", "/?range=30d", "/?range=90d", "/?stream=shop",
    "/providers", "/providers?range=24h", "/providers?range=90d", "/providers/google.com",
    "/providers/google.com?range=24h", "/providers/google.com?range=90d", "/providers/d7.example?range=90d",
    "/streams", "/streams?range=90d", "/streams/news", "/streams/news?range=24h", "/streams/news?range=90d",
    "/streams/news/campaigns/{campaign}",
)


def pages(events: int, requests: int, file: Path) -> bool:
    """Prints the median of each page. Whether none takes longer than `MOST`. A file that is there is taken as it is."""
    url = f"sqlite:///{file}"
    if not file.exists():
        fill_pages(url, events, utcnow())
    with _served(url) as (port, ledger):
        print(f"{ledger.count_events():,} events")
        base = _median(port, TRIVIAL, requests)
        print(f"{1000 * base:7.1f} ms          {TRIVIAL}", flush=True)
        slowest = 0.0
        for path in (each.format(campaign=_campaign(ledger)) for each in PAGES):
            first, took = _seconds(port, path), _median(port, path, requests)
            slowest = max(slowest, took)
            print(f"{1000 * took:7.1f} ms  x{took / base:5.0f}   first {1000 * first:5.0f} ms   {path}", flush=True)
    print(f"slowest page: {1000 * slowest:.0f} ms at the median of {requests}")
    return slowest <= MOST


def _campaign(ledger: Ledger) -> str:
    """The one with most bounces of a month."""
    until = utcnow().replace(hour=0, minute=0, second=0, microsecond=0)
    ((name,), _) = ledger.figures.top(Span(until - 30 * DAY, until), DAY, Of(stream="news"), Part.SENDING, 1)
    return quote(name)


@contextmanager
def _served(url: str) -> Iterator[tuple[int, Ledger]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    settings = Settings(database_url=SecretStr(url), web=WebSettings("127.0.0.1", port, None))
    state = ServiceState(datetime.now(UTC), Mode.ENFORCE, (), {})
    with Ledger.connect(url) as ledger, serving(settings, ledger, list, lambda: state):
        yield port, ledger


def _median(port: int, path: str, requests: int) -> float:
    return statistics.median(_seconds(port, path) for _ in range(requests))


def _seconds(port: int, path: str) -> float:
    begun = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 200, f"{path}: {answer.status}"
    return time.perf_counter() - begun
