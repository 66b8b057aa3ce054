"""What each page takes over a long past, by the listener that the service has, and by which indexes it was found.

What is added up over more than eight days is kept for a minute (`web.shelf`): the first look tells what it takes.
"""

import http.client
import os
import re
import socket
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, event, select

from bounce_watcher.config import Settings
from bounce_watcher.config.settings import WebSettings
from bounce_watcher.ledger.db.engine import open_engine, reading
from bounce_watcher.ledger.db.statements import is_sqlite
from bounce_watcher.ledger.db.tables import ALERT, EVENT, OUTBOX, REVIEW_GROUP, STATE_CHANGE
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.state import ServiceState
from bounce_watcher.web.api.v1.lists import place_text
from bounce_watcher.web.pages.shared.listing import told_key
from bounce_watcher.web.server import serving
from tests.browser.seeded import BEARER, TOKEN
from tests.ledger.busy_past import DAYS, NEVER, fill_pages
from tests.ledger.copying import copy_ledger
from tests.servers.postgres import Postgres, one_running

TRIVIAL = "/healthz"
"""The base of the ratios: a request that asks nobody."""
MOST = 0.2
"""Seconds that a page may take at the median."""

FIGURES = (
    "/", "/?range=24h", "/?range=30d", "/?range=90d", "/?stream=shop", "/?stream=shop&range=90d",
    "/providers", "/providers?range=24h", "/providers?range=30d", "/providers?range=90d", "/providers/google.com",
    "/providers/google.com?range=24h", "/providers/google.com?range=90d", "/providers/d7.example?range=90d",
    "/streams", "/streams?range=24h", "/streams?range=90d", "/streams/news", "/streams/news?range=24h",
    "/streams/news?range=90d", "/streams/news/campaigns/{campaign}",
)
Lists = tuple[Mapping[str, str], ...]
_OFTEN = {
    "type": "hard", "reason": "invalid_recipient", "provider": "google.com", "stream": "news", "code": "550",
    "domain": "gmail.com", "campaign": "{campaign}", "rule": "common.mailbox_full", "mailbox": "returns",
    "match": "token",
}
_SELDOM = {
    "type": "complaint", "reason": "policy", "provider": "d990.example", "stream": "seldom", "code": "4.4.3",
    "domain": "d990.example", "campaign": "none such", "rule": "seldom.spam", "mailbox": "none", "match": "prose",
}
_PAIRS = (
    {"provider": "google.com", "reason": NEVER[1].value}, {"provider": "google.com", "reason": "spam"},
    {"provider": "d7.example", "reason": "spam"}, {"provider": "google.com", "type": "hard"},
    {"provider": "google.com", "type": "complaint"}, {"provider": "google.com", "stream": "shop"},
    {"provider": "google.com", "stream": "seldom"}, {"provider": "google.com", "campaign": "{campaign}"},
    {"provider": "google.com", "code": "550"}, {"stream": "shop", "type": "block"},
    {"stream": "shop", "reason": "spam"}, {"stream": "seldom", "reason": "spam"}, {"stream": "seldom", "type": "soft"},
    {"campaign": "{campaign}", "type": "complaint"}, {"campaign": "{campaign}", "reason": "policy"},
    {"rule": "vendor.spam", "provider": "google.com"}, {"domain": "gmail.com", "reason": NEVER[1].value},
    {"domain": "gmail.com", "type": "complaint"}, {"mailbox": "complaints", "type": "hard"},
    {"-type": "other", "range": "30d"}, {"-provider": "google.com", "type": "complaint"},
    {"type": "complaint", "range": "90d"}, {"provider": "google.com", "range": "24h"},
    {"provider": "google.com", "reason": "spam", "type": "block", "stream": "news", "range": "7d"},
    {"q": "words of a server"}, {"q": "none such"}, {"q": "words", "provider": "google.com"},
    {"q": "none such", "range": "7d"}, {"rid": "{rid}"}, {"rid": "{rid}", "stream": "news"},
)
_EVENT_LISTS: Lists = (
    {}, *({"range": name} for name in ("24h", "7d", "30d", "90d")), *({by: value} for by, value in _OFTEN.items()),
    *({by: value} for by, value in _SELDOM.items()), *_PAIRS,
)
_RECIPIENT_LISTS: Lists = (
    {}, *({"range": name} for name in ("24h", "90d")),
    *({"state": state} for state in ("watching", "pending", "suppressed", "released", "active")),
    {"reason": "invalid_recipient"}, {"reason": "policy"}, {"reason": "complaint"}, {"stream": "news"},
    {"stream": "seldom"}, {"provider": "google.com"}, {"provider": "d7.example"}, {"provider": "d990.example"},
    {"domain": "gmail.com"}, {"domain": "d990.example"}, {"domain": "none.such"},
    {"state": "suppressed", "stream": "shop"},
    {"state": "suppressed", "reason": "spam"}, {"state": "released", "provider": "d7.example"},
    {"state": "suppressed", "domain": "d7.example"}, {"state": "pending", "reason": "policy"},
    {"reason": "spam", "provider": "google.com"}, {"state": "suppressed", "range": "7d"},
)
_OUTBOX_LISTS: Lists = (
    {}, *({"state": state} for state in ("due", "dead", "delivered", "superseded", "discarded")), {"target": "crm"},
    {"target": "none"}, {"type": "recipient.suppressed"}, {"type": "recipient.released"}, {"stream": "news"},
    {"stream": "seldom"}, {"target": "crm", "state": "dead"}, {"target": "shop", "state": "delivered"},
    {"state": "delivered", "stream": "seldom"}, {"range": "24h"}, {"range": "90d"},
)
_INCIDENT_LISTS: Lists = ({}, {"type": "outage"}, {"state": "ended"}, {"provider": "google.com"}, {"range": "7d"})
_REVIEW_LISTS: Lists = (
    {}, {"state": "new"}, {"state": "aside"}, {"provider": "google.com"}, {"provider": "d990.example"}, {"range": "7d"},
)
_LOG_LISTS: Lists = ({}, {"by": "mara"}, {"by": "nobody"}, {"action": "release"}, {"action": "undo"}, {"range": "7d"})
LISTS = {
    "/events": _EVENT_LISTS, "/recipients": _RECIPIENT_LISTS, "/outbox": _OUTBOX_LISTS, "/incidents": _INCIDENT_LISTS,
    "/review": _REVIEW_LISTS, "/log": _LOG_LISTS,
}
FILES = (
    *(f"{path}{ending}" for path in LISTS for ending in (".csv", ".jsonl")), "/incidents/{alert}/held.csv",
    "/events.csv?provider=google.com&reason=spam", "/events.csv?rule=vendor.spam", "/recipients.csv?state=suppressed",
    "/outbox.csv?state=dead",
)
SINGLE = (
    "/recipients/{rid}", "/recipients/{stranger}", "/recipients/{rid}/release", "/recipients/{rid}/suppress",
    "/recipients/{rid}/forget", "/events/{event}", "/events/{event}/mail", "/incidents/{alert}", "/incidents/{over}",
    "/incidents/{alert}/undo", "/outbox/{delivery}", "/outbox/retry?target=crm", "/outbox/discard?target=crm",
    "/review/{group}", "/review/{group}/aside", "/undo", "/settings", "/metrics",
)
API = (
    "events", "events?newest_first=true", "events?recipient={address}", "events?stream=news", "events?stream=seldom",
    "events?kind=complaint", "events?bounce_type=block&newest_first=true", "events?reason=policy",
    "events?reason=spam&stream=shop&newest_first=true", "events?since={month}&until={week}",
    "events?after={api_event}", "suppressions", "suppressions?recipient={address}", "suppressions?stream=seldom",
    "suppressions?stream=news", "suppressions?state=pending", "suppressions?reason=policy",
    "suppressions?reason=none", "recipients?recipient={address}", "outbox", "outbox?state=dead", "outbox?target=crm",
    "outbox?target=none", "outbox?recipient={address}", "outbox?since={week}", "stats", "stats?by=day&by=type",
    "stats?by=provider", "stats?by=sending&stream=news", "stats?since={season}&by=provider", "openapi.json",
)
SOUGHT = ("{address}", "stranger@nowhere.example", "d7.example", "5.1.1", "550", "{event}", "words of a server")


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds: of the clock at the first look and at the median; of CPU at the mean, the database's too."""

    first: float
    median: float
    cpu: float

    @property
    def judged(self) -> float:
        """The clock tells what others do where a machine is busy with more than it has cores for."""
        return self.cpu if os.getloadavg()[0] > (os.cpu_count() or 1) else self.median


@dataclass(slots=True)
class Outcome:
    slowest: float = 0.0
    pages: int = 0
    missed: list[str] = field(default_factory=list)


def pages(events: int, requests: int, file: Path, only: str = "") -> bool:
    """Prints the median of each page on both databases. Whether none takes longer than `MOST`.

    A file that is there is taken as it is. `only` are those pages whose address holds it.
    """
    url = f"sqlite:///{file}"
    if not file.exists():
        fill_pages(url, events, utcnow())
    fine = _measured("SQLite", url, requests, only, None)
    with one_running() as server:
        begun = time.perf_counter()
        copy = server.create_database()
        copy_ledger(url, copy)
        print(f"copied into PostgreSQL in {time.perf_counter() - begun:.0f} s", flush=True)
        return _measured("PostgreSQL", copy, requests, only, server) and fine


def _measured(database: str, url: str, requests: int, only: str, server: Postgres | None) -> bool:
    outcome = Outcome()
    engine = open_engine(url)
    with _served(url) as (port, ledger):
        print(f"{database}, {ledger.history.count_events():,} events; milliseconds at the median of {requests}, "
              f"how many times {TRIVIAL}, CPU, and of the first look; load {os.getloadavg()[0]:.1f}", flush=True)
        base = measured(port, Request(TRIVIAL), requests, server)
        print(f"{1000 * base.median:7.1f}  {TRIVIAL}", flush=True)
        plans, values = Plans(engine), _values(engine, ledger, port)
        for asked in requests_of(port, values):
            if only not in asked.path:
                continue
            took, by = measured(port, asked, requests, server), plans.of(partial(_seconds, port, asked))
            outcome.pages += 1
            outcome.slowest = max(outcome.slowest, took.judged)
            is_slow = took.judged > MOST
            if is_slow:
                outcome.missed.append(asked.name)
            print(f"{1000 * took.median:7.1f}  x{took.median / base.median:5.0f}  CPU {1000 * took.cpu:6.1f}  "
                  f"first {1000 * took.first:6.1f}  {'SLOW ' if is_slow else ''}{asked.name}  [{', '.join(by)}]",
                  flush=True)
    engine.dispose()
    print(f"{database}: {outcome.pages} pages, the slowest {1000 * outcome.slowest:.0f} ms; "
          f"over {1000 * MOST:.0f} ms: {', '.join(outcome.missed) or 'none'}", flush=True)
    return not outcome.missed


# ── what is asked ───────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Request:
    """`form` is posted. Of a file only the `beginning` is read."""

    path: str
    form: str | None = None
    beginning: bool = False
    note: str = ""

    @property
    def name(self) -> str:
        return f"{self.path}{self.note}"


def requests_of(port: int, values: dict[str, str]) -> Iterator[Request]:
    for path in (*FIGURES, *SINGLE):
        yield Request(_filled(path, values))
    for path, lists in LISTS.items():
        for filters in lists:
            query = urlencode({name: value.format(**values) for name, value in filters.items()})
            yield from _list(port, f"{path}?{query}" if query else path, values)
    for path in FILES:
        yield Request(_filled(path, values), beginning=True, note=" (first bytes)")
    for path in API:
        yield Request(f"/api/v1/{_filled(path, values)}")
    for sought in SOUGHT:
        form = urlencode({"q": sought.format(**values), "csrf": values["csrf"]})
        yield Request("/find", form, note=f" {sought}")


def _list(port: int, path: str, values: dict[str, str]) -> Iterator[Request]:
    """Its first page, the next, one in the middle of the past, and the last."""
    yield Request(path)
    body = _answer(port, Request(path)).decode()
    found = re.search(r'rel="next" href="([^"]*)"', body)
    if not found:
        return
    following = unescape(found[1])
    yield Request(following, note=" (next)")
    for where in ("middle", "last"):
        key = values.get(f"{path.partition('?')[0]} {where}")
        if key:
            yield Request(re.sub("after=[^&]*", f"after={key}", following), note=f" ({where})")


def _filled(path: str, values: dict[str, str]) -> str:
    return path.format(**{name: quote(value, safe="") for name, value in values.items()})


def _values(engine: Engine, ledger: Ledger, port: int) -> dict[str, str]:
    """What stands in the addresses: one of each, and places in the lists."""
    with reading(engine) as connection:
        newest = connection.execute(
            select(EVENT.c.id, EVENT.c.recipient).order_by(EVENT.c.at.desc(), EVENT.c.id.desc()).limit(1)
        ).one()
        campaign = connection.scalar(select(EVENT.c.sending).where(
            EVENT.c.sending.like("news%"), EVENT.c.at < utcnow() - timedelta(days=14)
        ).order_by(EVENT.c.at.desc()).limit(1))
        delivery = connection.scalar(select(OUTBOX.c.id).where(OUTBOX.c.state == "dead").limit(1))
        alerts = connection.scalars(select(ALERT.c.id).order_by(ALERT.c.since.desc()).limit(9)).all()
        group = connection.scalar(select(REVIEW_GROUP.c.gid).order_by(REVIEW_GROUP.c.mails.desc()).limit(1))
        step, item = (connection.scalar(select(each).order_by(each.desc()).limit(1))
                      for each in (STATE_CHANGE.c.number, OUTBOX.c.number))
        latest = connection.scalar(select(EVENT.c.at).order_by(EVENT.c.at.desc()).limit(1)) or utcnow()
    now = utcnow()
    token = re.search(r'name="csrf" value="([^"]*)"', _answer(port, Request("/settings")).decode())
    found = {
        "csrf": unescape(token[1]) if token else "",
        "event": newest.id, "address": newest.recipient, "rid": ledger.names.name(newest.recipient),
        "stranger": ledger.names.name("stranger@nowhere.example"), "campaign": campaign or "",
        "delivery": delivery or "", "api_event": place_text((latest - timedelta(days=60)).isoformat(), "x"),
        "alert": alerts[0], "over": alerts[-1], "group": group or "", "week": _told(now - timedelta(days=7)),
        "month": _told(now - timedelta(days=30)), "season": _told(now - timedelta(days=90)),
    }
    for where, days in (("middle", DAYS / 2), ("last", DAYS - 0.01)):
        at = latest - timedelta(days=days)
        share = 1 - days / DAYS
        found[f"/events {where}"] = "o" + told_key((at, "x"))
        found[f"/recipients {where}"] = "o" + told_key((at, int(share * (step or 0))))
        found[f"/outbox {where}"] = "o" + told_key((int(share * (item or 0)) + 20,))
    return found


def _told(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


# ── asking ──────────────────────────────────────────────────────────────────────────────────────────────────────────

@contextmanager
def _served(url: str) -> Iterator[tuple[int, Ledger]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    settings = Settings(database_url=SecretStr(url), web=WebSettings("127.0.0.1", port, SecretStr(TOKEN)))
    state = ServiceState(datetime.now(UTC), Mode.ENFORCE, (), {})
    with Ledger.connect(url) as ledger, serving(settings, ledger, list, lambda: state):
        yield port, ledger


def measured(port: int, asked: Request, requests: int, server: Postgres | None) -> Measured:
    """The first look warms up and counts for nothing but itself."""
    first, begun = _seconds(port, asked), _used(server)
    clock = [_seconds(port, asked) for _ in range(requests)]
    return Measured(first, statistics.median(clock), (_used(server) - begun) / requests)


def _used(server: Postgres | None) -> float:
    """Seconds of CPU that this process and those of a database have used."""
    return time.process_time() + (server.cpu_seconds() if server else 0.0)


def _seconds(port: int, asked: Request) -> float:
    begun = time.perf_counter()
    _answer(port, asked)
    return time.perf_counter() - begun


def _answer(port: int, asked: Request) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    if asked.form is None:
        connection.request("GET", asked.path, headers=BEARER)
    else:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", asked.path, asked.form, {**BEARER, **kind})
    answer = connection.getresponse()
    body = answer.read(1000 if asked.beginning else None)
    connection.close()
    assert answer.status in (200, 303, 409), f"{asked.name}: {answer.status} {body[:300]!r}"
    return body


# ── by which indexes ────────────────────────────────────────────────────────────────────────────────────────────────

class Plans:
    """Which indexes the statements of a request go by; "SCAN x" is a table that is read whole, or backwards."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._told: dict[tuple[str, str], list[str]] = {}

    def of(self, ask: Callable[[], object]) -> list[str]:
        seen: dict[str, Any] = {}

        def note(_: object, __: object, statement: str, parameters: Any, *more: object) -> None:
            if statement.lstrip().startswith(("SELECT", "WITH")):
                seen.setdefault(statement, parameters)

        event.listen(Engine, "before_cursor_execute", note)
        try:
            ask()
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        with reading(self._engine) as connection:
            steps = [step for statement, parameters in seen.items()
                     for step in self._steps(connection, statement, parameters)]
        return sorted(dict.fromkeys(steps))

    def _steps(self, connection: Connection, statement: str, parameters: Any) -> list[str]:
        if is_sqlite(connection):
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            return [step for row in rows if (step := _sqlite_step(str(row[3])))]
        (told,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).one()
        return list(_postgresql_steps(told[0]["Plan"]))


def _sqlite_step(told: str) -> str | None:
    if found := re.search(r"INDEX (\w+)", told):
        return found[1].replace("sqlite_autoindex_", "key of ")
    if "PRIMARY KEY" in told:
        return f"key of {told.split()[1]}"
    return told if told.startswith("SCAN") and "SUBQUERY" not in told and "(subquery" not in told else None


def _postgresql_steps(node: Mapping[str, Any]) -> Iterator[str]:
    if "Index Name" in node:
        yield str(node["Index Name"])
    elif node["Node Type"] == "Seq Scan":
        yield f"SCAN {node['Relation Name']}"
    for inner in node.get("Plans", ()):
        yield from _postgresql_steps(inner)
