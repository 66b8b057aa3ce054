"""Opens what a command works with: the configuration, the ledger, and who acts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bounce_watcher.cli.framework.options import CONFIG_VARIABLE, DEFAULT_CONFIG
from bounce_watcher.cli.framework.output import WrongUsage
from bounce_watcher.model.ledger import DEFAULT_STREAM, Actor, Alert
from bounce_watcher.service.clock import utcnow

if TYPE_CHECKING:
    from bounce_watcher.classification.ruleset import OwnRules
    from bounce_watcher.config import Settings
    from bounce_watcher.ledger.store import Ledger


IN_SHADOW = (
    'the mode is shadow, so nobody is notified: set mode = "enforce" under [policy], or preview with --dry-run'
)


def config_path(config: Path | None) -> Path:
    """Returns the path to use: the option's, else the environment's, else the system's."""
    return config or Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)


def load_settings(config: Path | None) -> Settings:
    """Loads the settings. Raises ConfigError with everything that is wrong with the file."""
    from bounce_watcher.config import load

    return load(config_path(config))


def rules_of(config: Path | None) -> OwnRules:
    """Returns the rules of the configuration named on the command line; none if none was named. Raises ConfigError."""
    return () if config is None else load_settings(config).rules


def stream_for(settings: Settings, stream: str | None) -> str:
    """Returns the given stream, else the only one of the mailboxes."""
    if stream is not None:
        return stream
    streams = sorted({mailbox.stream for mailbox in settings.mailboxes}) or [DEFAULT_STREAM]
    if len(streams) > 1:
        raise WrongUsage(f"the mailboxes have several streams: add --stream with one of {', '.join(streams)}")
    return streams[0]


@contextmanager
def ledger_of(config: Path | None, *, to_look: bool = False) -> Iterator[tuple[Settings, Ledger]]:
    """Opens the settings and their ledger, and brings its schema up to date.

    `to_look` is for commands that only read: nothing changes, not even the registered webhooks.
    """
    from bounce_watcher.service.opening import open_ledger

    settings = load_settings(config)
    with open_ledger(settings, to_look=to_look) as ledger:
        yield settings, ledger


def alert_named(ledger: Ledger, name: str) -> Alert:
    """Returns the alert with that id. Raises WrongUsage if there is none."""
    alert = ledger.lists.alert(name)
    if alert is None:
        raise WrongUsage(f"there is no alert {name!r}: see bounce-watcher alerts list")
    return alert


def at_the_shell(note: str | None = None) -> Actor:
    """Returns who acts: the log lists it like what is done in a browser. `note` is what was typed for --because."""
    return Actor("shell", utcnow(), note)
