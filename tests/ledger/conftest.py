from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bounce_watcher.ledger.store import Ledger
from tests.ledger.copies import Copies
from tests.servers.postgres import Postgres


@cache
def new_file() -> bytes:
    """A ledger in SQLite that holds nothing: made once, for the migrations take longer than most tests."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        with Ledger.connect(f"sqlite:///{path}") as it:
            it.upgrade()
        return path.read_bytes()


@pytest.fixture(scope="session")
def copies(postgres_server: Postgres) -> Copies:
    """Of a ledger in PostgreSQL that holds nothing."""
    url = postgres_server.create_database()
    with Ledger.connect(url) as it:
        it.upgrade()
    return Copies(postgres_server, url)


@pytest.fixture
def postgres_ledger_url(postgres_server: Postgres, copies: Copies) -> Iterator[str]:
    postgres_server.start()
    url = copies.take()
    yield url
    postgres_server.start()
    copies.give_back(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database, once of each kind: what is tested with it holds for both. Empty but for a test that has `ledger`."""
    migrated = "ledger" in request.fixturenames
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres_ledger_url" if migrated else "postgres_url")
        return url
    path = tmp_path / "ledger.db"
    if migrated:
        path.touch(0o600)
        path.write_bytes(new_file())
    return f"sqlite:///{path}"


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with Ledger.connect(ledger_url) as it:
        it.check()
        yield it
