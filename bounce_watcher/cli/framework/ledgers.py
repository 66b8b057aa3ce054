"""Opens and closes the ledger for a command."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bounce_watcher.config import Settings
    from bounce_watcher.ledger.store import Ledger


@contextmanager
def ledger_of(config: Path | None) -> Iterator[tuple["Settings", "Ledger"]]:
    """Opens the settings and their ledger, and brings its schema up to date."""
    from bounce_watcher.cli.framework.configuration import load_settings
    from bounce_watcher.service.opening import open_ledger

    settings = load_settings(config)
    with closing(open_ledger(settings)) as ledger:
        yield settings, ledger


@contextmanager
def ledger_to_look(config: Path | None) -> Iterator[tuple["Settings", "Ledger"]]:
    """Like `ledger_of`, for commands that only read: it changes nothing, not even the registered webhooks."""
    from bounce_watcher.cli.framework.configuration import load_settings
    from bounce_watcher.service.opening import open_ledger

    settings = load_settings(config)
    with closing(open_ledger(settings, to_look=True)) as ledger:
        yield settings, ledger
