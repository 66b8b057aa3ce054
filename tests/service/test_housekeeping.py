"""What the hour's housekeeping drops, by the retentions of the configuration."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from bounce_watcher.config import Settings, parse
from bounce_watcher.ledger.db.files import Files
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.state import Troubles
from bounce_watcher.service.watching import Housekeeping

DAY = timedelta(days=1)


class Ledger:
    """Remembers until when it was to drop what."""

    def __init__(self) -> None:
        self.dropped: dict[str, timedelta] = {}
        self.quotas: list[int] = []
        self.sessions = SimpleNamespace(sweep=self.purge_sessions)

    def trim_raw(self, most: int) -> int:
        self.quotas.append(most)
        return 3

    def __getattr__(self, name: str) -> Any:
        if name in {"history", "privacy"}:
            return self

        def purge(before: Any) -> int:
            self.dropped[name] = utcnow() - before
            return 0

        return purge


def kept_house(database: str) -> Ledger:
    settings: Settings = parse(f"[database]\n{database}", "a test", {})
    ledger = Ledger()
    Housekeeping(settings, cast(Any, ledger), cast(Any, None), cast(Any, None), Troubles()).purge()
    return ledger


def dropped(database: str) -> dict[str, int]:
    """Days, by the method that was called."""
    return {name: round(age / DAY) for name, age in kept_house(database).dropped.items()}


def test_events_are_kept_unless_somebody_says_for_how_long() -> None:
    assert dropped("") == {
        "purge_raw": 30, "purge_sent": 90, "purge_bodies": 90, "purge_counts": 122, "purge_sessions": 0,
    }


@pytest.mark.parametrize("key, method, days", [
    ("event_retention", "purge_events", 400), ("outbox_retention", "purge_bodies", 20),
    ("sent_retention", "purge_sent", 10), ("raw_retention", "purge_raw", 3),
])
def test_each_retention_has_its_purge(key: str, method: str, days: int) -> None:
    assert dropped(f'{key} = "{days}d"')[method] == days


def test_never_drops_none() -> None:
    never = "\n".join(f'{key}_retention = "never"' for key in ("raw", "sent", "event", "outbox"))
    assert dropped(never) == {"purge_counts": 122, "purge_sessions": 0}


@pytest.mark.parametrize(("quota", "most"), [("", [2 * 1024**3]), ('raw_quota = "5MiB"', [5 * 1024**2]),
                                             ("raw_quota = 5000000", [5_000_000]), ('raw_quota = "unlimited"', [])])
def test_the_quota_of_raw_mail_is_kept_and_what_it_costs_is_told(quota: str, most: list[int]) -> None:
    with capture_logs() as logs:
        assert kept_house(quota).quotas == most
    assert [(line["action"], line["messages"]) for line in logs if line["log_level"] == "warning"] == [
        ("raw_quota_reached", 3)
    ] * len(most)


def test_what_forget_left_to_be_done_is_told_once() -> None:
    left = iter((None, Files.BUSY, Files.BUSY, Files.CLEAN, Files.TOO_LARGE))
    ledger = Ledger()
    ledger.privacy.finish_forgetting = lambda: next(left)
    settings: Settings = parse("", "a test", {})
    keeper = Housekeeping(settings, cast(Any, ledger), cast(Any, None), cast(Any, None), Troubles())
    with capture_logs() as logged:
        for _ in range(5):
            keeper.finish_forgetting()
    assert [each["files"] for each in logged] == ["busy", "too_large"]
