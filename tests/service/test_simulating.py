"""`simulate` by processes: the same as by one."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bounce_watcher.config import Settings, load
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.service.announcing import decider
from bounce_watcher.service.operations import simulating
from tests.ledger.past import fill_history

EVENTS = 2000
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    config = tmp_path / "config.toml"
    config.write_text(f"""
[database]
url = "sqlite:///{tmp_path}/ledger.db"
[policy.soft]
bounces = 4
[policy.reasons]
mailbox_full = "never"
""")
    config.chmod(0o600)
    return load(config)


@pytest.mark.parametrize("stretch", [EVENTS // 7, EVENTS])
def test_processes_come_to_the_same(settings: Settings, stretch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    url = settings.database_url.get_secret_value()
    fill_history(url, EVENTS, recipients=EVENTS // 4)
    monkeypatch.setattr(simulating, "_STRETCH", stretch)
    parts = list(simulating.simulate(settings, NOW))
    with Ledger.connect(url) as ledger:
        everybody = list(ledger.history.simulate(decider(settings), NOW))
    assert (len(parts) > 1) == (stretch < EVENTS)
    assert sum(part.events for part in parts) == EVENTS
    assert [each for part in parts for each in part.found] == [each for each in everybody if each.now or each.then]
    assert len({each.then.reason for each in everybody if each.then}) == 1  # mailbox_full never counts


def test_an_address_is_never_cut_in_two(settings: Settings) -> None:
    url = settings.database_url.get_secret_value()
    fill_history(url, 600, recipients=3)
    with Ledger.connect(url) as ledger:
        whole = list(ledger.history.simulate(decider(settings), NOW))
        cut = [each for some in ledger.history.stretches(100) for each in ledger.history.simulate(decider(settings),
                                                                                                  NOW, some)]
    assert cut == whole
    assert sum(each.events for each in whole) == 600


def test_a_ledger_without_its_schema_is_told(settings: Settings) -> None:
    with pytest.raises(PermanentFailure, match="db upgrade"):
        next(simulating.simulate(settings, NOW))
