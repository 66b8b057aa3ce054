"""The ledger behind a command, opened and closed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bounce_watcher.config import Settings
    from bounce_watcher.ledger.store import Ledger


@contextmanager
def ledger_of(config: Path | None) -> Iterator[tuple["Settings", "Ledger"]]:
    """The settings and their ledger, whose schema is current."""
    from bounce_watcher.cli.configuration import load_settings
    from bounce_watcher.service.opening import open_ledger

    settings = load_settings(config)
    ledger = open_ledger(settings)
    try:
        yield settings, ledger
    finally:
        ledger.close()
