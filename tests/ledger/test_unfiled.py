"""Settled mail that could not leave its folder, as the ledger keeps it."""

import pytest
from sqlalchemy import func, select

from bounce_watcher.ledger.db.engine import open_engine, reading
from bounce_watcher.ledger.db.tables import UNFILED
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.message import CopyBegun, Destination, Unfiled

pytestmark = pytest.mark.dialects

HERE, THERE = "returns/INBOX", "other/INBOX"
STAYS = Unfiled(Destination.REVIEW)
BEGUN = Unfiled(Destination.PROCESSED, begun=CopyBegun(4_294_967_295, 17))
COPIED = Unfiled(Destination.QUARANTINE, copied=True)


def test_what_is_kept_comes_back_as_it_was(ledger: Ledger) -> None:
    for uids, each in (([1, 2], STAYS), ([3], BEGUN), ([4_294_967_295], COPIED)):
        ledger.recording.unfiled.keep(HERE, 7, uids, each)
    assert ledger.recording.unfiled.of(HERE, 7) == {1: STAYS, 2: STAYS, 3: BEGUN, 4_294_967_295: COPIED}
    assert ledger.recording.unfiled.of(THERE, 7) == {}


def test_the_latest_counts_and_what_left_is_dropped(ledger: Ledger) -> None:
    ledger.recording.unfiled.keep(HERE, 7, range(1, 2001), BEGUN)
    ledger.recording.unfiled.keep(HERE, 7, range(1, 1001), COPIED)
    ledger.recording.unfiled.keep(THERE, 7, [1], STAYS)
    ledger.recording.unfiled.drop(HERE, 7, range(3, 2001))
    ledger.recording.unfiled.drop(HERE, 7, [])
    ledger.recording.unfiled.keep(HERE, 7, [], STAYS)
    assert ledger.recording.unfiled.of(HERE, 7) == {1: COPIED, 2: COPIED}
    assert ledger.recording.unfiled.of(THERE, 7) == {1: STAYS}


def test_a_folder_that_was_renumbered_takes_its_rows_along(ledger: Ledger, ledger_url: str) -> None:
    ledger.recording.unfiled.keep(HERE, 7, [1, 2], STAYS)
    ledger.recording.unfiled.keep(THERE, 7, [1], STAYS)
    assert ledger.recording.unfiled.of(HERE, 8) == {}
    engine = open_engine(ledger_url)
    with reading(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(UNFILED)) == 1
    engine.dispose()
    assert ledger.recording.unfiled.of(HERE, 7) == {}
