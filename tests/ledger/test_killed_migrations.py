"""A migration is killed at any moment and run again: the ledger is of one schema at each moment, and no row is lost."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bounce_watcher.ledger.db import schema
from bounce_watcher.ledger.db.engine import open_engine
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.schema import SchemaMismatch
from tests.ledger import migrating, schemas
from tests.ledger.making import bounce, page, record
from tests.ledger.migrating import Moment
from tests.ledger.test_schema import ledger_url, run

__all__ = ["ledger_url"]
pytestmark = pytest.mark.dialects

EVENTS = 35
ROOT = Path(__file__).parents[2]


@pytest.fixture
def old(ledger: Ledger) -> Ledger:
    """A ledger of before the migrations of the tests."""
    record(ledger, page(*(bounce(f"m{number}", f"user{number}@example.org") for number in range(EVENTS))))
    return ledger


@pytest.fixture
def folder(
    old: Ledger, ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Path]:
    """The schemas of all migrations; this process is of the newer version now."""
    folder = tmp_path / "schemas"
    shutil.copytree(str(schema.SCHEMAS), folder)
    new = f"sqlite:///{tmp_path}/new.db"
    if not ledger_url.startswith("sqlite"):
        new = request.getfixturevalue("postgres_url")
    migrating.begin(monkeypatch.setattr, folder)
    for name, content in schemas.made(new):
        (folder / name).write_text(content)
    yield folder
    schema.expected.cache_clear()


def upgrade(url: str, folder: Path, *fate: object) -> int:
    """Upgrades in another process. Returns its exit status."""
    command = (*migrating.COMMAND, url, str(folder), *map(str, fate))
    return subprocess.run(command, cwd=ROOT, check=False, timeout=60).returncode


def value(url: str, query: str) -> object:
    engine = open_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text(query)).scalar()
    engine.dispose()
    return found


@pytest.mark.parametrize(("moment", "number", "revision", "moved"), [
    (Moment.BATCH, 1, "9001", 0), (Moment.BATCH, 3, "9001", 20), (Moment.BATCH, 5, "9001", EVENTS),
    (Moment.UPGRADE, 1, "9001", EVENTS),
], ids=str)
def test_killed_and_run_again(
    old: Ledger, folder: Path, ledger_url: str, moment: Moment, number: int, revision: str, moved: int
) -> None:
    assert upgrade(ledger_url, folder, moment, number) == -signal.SIGKILL
    assert value(ledger_url, "SELECT version_num FROM alembic_version") == revision
    assert value(ledger_url, "SELECT count(label) FROM event") == moved
    with pytest.raises(PermanentFailure, match="the schema is 9001, not 9002; run: bounce-watcher db upgrade"):
        old.check()
    assert upgrade(ledger_url, folder) == 0
    assert old.check() == ()
    assert value(ledger_url, "SELECT count(*) FROM event WHERE label = reason || '/' || id") == EVENTS


def test_a_ledger_that_is_not_what_it_claims_is_not_migrated(old: Ledger, folder: Path, ledger_url: str) -> None:
    run(ledger_url, ["ALTER TABLE event DROP COLUMN forwarded"])
    with pytest.raises(SchemaMismatch, match="claims the schema 0001"):
        old.upgrade()
    assert value(ledger_url, "SELECT version_num FROM alembic_version") == "0001"


def test_two_processes_move_the_rows_together(old: Ledger, folder: Path, ledger_url: str) -> None:
    command = (*migrating.COMMAND, ledger_url, str(folder))
    both = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [each.wait(60) for each in both] == [0, 0]
    assert old.check() == ()
    assert value(ledger_url, "SELECT count(*) FROM event WHERE label = reason || '/' || id") == EVENTS
