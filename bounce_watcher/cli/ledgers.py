"""The ledger behind a command, opened and closed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bounce_watcher.cli.configuration import load_settings
from bounce_watcher.config import Settings
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.service.opening import open_ledger


@contextmanager
def ledger_of(config: Path | None) -> Iterator[tuple[Settings, Ledger]]:
    """The settings and their ledger, whose schema is current."""
    settings = load_settings(config)
    ledger = open_ledger(settings)
    try:
        yield settings, ledger
    finally:
        ledger.close()
