"""`run`: the service."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import typer

from bounce_watcher.cli.framework.configuration import config_path
from bounce_watcher.cli.framework.options import ConfigFile, Debug, example

if TYPE_CHECKING:
    from bounce_watcher.config import Settings
    from bounce_watcher.ledger.store import Ledger
    from bounce_watcher.service.state import ServiceState


def register(app: typer.Typer) -> None:
    app.command(epilog=example("run -c /etc/bounce-watcher/config.toml"))(run)


def run(config: ConfigFile = None, debug: Debug = False) -> None:
    """Runs the service in the foreground: watches all mailboxes and sends webhooks until it is stopped.

    SIGTERM and Ctrl-C finish the current page and stop. SIGHUP reloads the configuration, and keeps the old one if the
    new one is invalid. Logs go to stderr.
    """
    from bounce_watcher.service import app as service

    raise typer.Exit(service.run(config_path(config), _listener))


def _listener(
    settings: Settings, ledger: Ledger, stuck: Callable[[], list[str]], state: Callable[[], ServiceState]
) -> AbstractContextManager[None]:
    """Opens the HTTP server, if one is configured."""
    if settings.web is None:
        return nullcontext()
    from bounce_watcher.web.server import serving

    return serving(settings, ledger, stuck, state)
