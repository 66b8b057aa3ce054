"""The copy that the browser tests and the benchmark look at on PostgreSQL is the same ledger."""

from pathlib import Path

from sqlalchemy import select

from bounce_watcher.ledger.actions import Act
from bounce_watcher.ledger.db.engine import open_engine, reading
from bounce_watcher.ledger.db.tables import METADATA
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import Actor
from tests.ledger.busy_past import ACTIONS, fill_pages
from tests.ledger.copying import copy_ledger
from tests.ledger.making import START, Platform, bounce, page, record

_EVENTS = 800


def _rows(url: str) -> dict[str, list[str]]:
    engine = open_engine(url)
    with reading(engine) as connection:
        found = {
            table.name: sorted(repr([*row]) for row in connection.execute(select(table)))
            for table in METADATA.sorted_tables
        }
    engine.dispose()
    return found


def test_a_copy_has_every_row_and_goes_on_from_there(tmp_path: Path, postgres_url: str) -> None:
    source = f"sqlite:///{tmp_path}/ledger.db"
    fill_pages(source, _EVENTS, START)
    with Ledger.connect(source) as ledger:
        name = ledger.names.name("who@example.org")
    copy_ledger(source, postgres_url)
    rows = _rows(source)
    assert len(rows["event"]) == _EVENTS
    assert _rows(postgres_url) == rows
    with Ledger.connect(postgres_url) as ledger:
        ledger.check()
        assert ledger.names.address(name) == "who@example.org"
        ledger.log.enter(Act(Actor("mara", START), "release", "x"))
        assert ledger.log.newest(limit=1)[0].number == ACTIONS + 1
        record(ledger, page(bounce("m")))
        ledger.suppressions.suppress("new@example.org", "news", Actor("jo", START, ""), announce=Platform())
        assert [step.state.value for step in ledger.history.course("new@example.org", "news")] == ["suppressed"]
