"""The configuration a command uses."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bounce_watcher.cli.framework.errors import WrongUsage
from bounce_watcher.cli.framework.options import CONFIG_VARIABLE, DEFAULT_CONFIG
from bounce_watcher.model.ledger import DEFAULT_STREAM

if TYPE_CHECKING:
    from bounce_watcher.config import Settings


def config_path(config: Path | None) -> Path:
    """Returns the path to use: the option's, else the environment's, else the system's."""
    return config or Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)


def load_settings(config: Path | None) -> "Settings":
    """Loads the settings. Raises ConfigError with everything that is wrong with the file."""
    from bounce_watcher.config import load

    return load(config_path(config))


def stream_for(settings: "Settings", stream: str | None) -> str:
    """Returns the given stream, else the only one of the mailboxes."""
    if stream is not None:
        return stream
    streams = sorted({mailbox.stream for mailbox in settings.mailboxes}) or [DEFAULT_STREAM]
    if len(streams) > 1:
        raise WrongUsage(f"the mailboxes have several streams: add --stream with one of {', '.join(streams)}")
    return streams[0]
