import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from bounce_watcher.config import Settings
from bounce_watcher.config.settings import WebSettings
from bounce_watcher.ledger.actions import LoggedAction
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.state import ServiceState
from bounce_watcher.web.application import application
from bounce_watcher.web.context import WebContext
from tests.ledger.conftest import new_file

TOKEN = "a token of some length"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ON_PAGES = "API token"
"""Who acts on pages that are asked for with the token; what was there before was done by others."""
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass
class Web:
    """The API on a ledger in a file, without a socket. `stuck` are the mailboxes said to be so, `standing` all else."""

    settings: Settings
    ledger: Ledger
    stuck: list[str] = field(default_factory=list)
    standing: ServiceState = field(default_factory=lambda: ServiceState(NOON, Mode.ENFORCE, (), {}))

    bearer: bool = False
    """Whether requests show the token by themselves."""

    _app: tuple[Settings, Starlette] | None = None

    def state(self) -> ServiceState:
        return self.standing

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self._ask(method, path, more))

    async def _ask(self, method: str, path: str, more: dict[str, Any]) -> httpx.Response:
        peer = more.pop("peer", "127.0.0.1")
        headers = httpx.Headers(more.pop("headers", None))
        if self.bearer and not {"authorization", "cookie"} & headers.keys():
            headers.update(BEARER)
        transport = httpx.ASGITransport(self._application(), raise_app_exceptions=False, client=(peer, 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8025") as client:
            return await client.request(method, path, headers=headers, **more)

    def _application(self) -> Starlette:
        """One as long as the settings are the same, as a service has."""
        if self._app is None or self._app[0] is not self.settings:
            house = WebContext(self.settings, self.ledger, lambda: self.stuck, self.state)
            self._app = (self.settings, application(house))
        return self._app[1]

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("POST", path, **more)


def await_works() -> None:
    """Until all is done that goes on beside requests."""
    for thread in threading.enumerate():
        if thread.name == "work":
            thread.join(60)
            assert not thread.is_alive()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Callable[..., Web]]:
    opened: list[Ledger] = []

    def make(token: str | None = None, *, tokenless: bool = False) -> Web:
        """With a `token` the test signs in by itself, else each request shows one, unless there is none."""
        path = tmp_path / "ledger.db"
        if not path.exists():
            path.touch(0o600)
            path.write_bytes(new_file())
        url = f"sqlite:///{path}"
        ledger = Ledger.connect(url)
        opened.append(ledger)
        where = WebSettings("127.0.0.1", 8025, None if tokenless else SecretStr(token or TOKEN))
        return Web(Settings(database_url=SecretStr(url), web=where), ledger, bearer=not (token or tokenless))

    yield make
    for ledger in opened:
        ledger.close()


def on_page(client: Web) -> list[LoggedAction]:
    """What was done on pages and over the API, newest first."""
    return [each for each in client.ledger.log.newest() if each.actor == ON_PAGES]
