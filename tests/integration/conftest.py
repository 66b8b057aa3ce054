from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.house import House
from tests.servers.dovecot import Dovecot
from tests.servers.receiver import Receiver


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def house(tmp_path: Path, dovecot: Dovecot, receiver: Receiver, database_url: str) -> Iterator[House]:
    """Configured and idle, once on SQLite and once on PostgreSQL."""
    it = House(tmp_path, dovecot, receiver, database_url)
    it.configure()
    yield it
    it.close()


@pytest.fixture
def sqlite_house(tmp_path: Path, dovecot: Dovecot, receiver: Receiver) -> Iterator[House]:
    it = House(tmp_path, dovecot, receiver, f"sqlite:///{tmp_path}/ledger.db")
    it.configure()
    yield it
    it.close()
