"""`run`: the service."""

import typer

from bounce_watcher.cli.configuration import config_path
from bounce_watcher.cli.options import ConfigFile, Debug, example
from bounce_watcher.service import app as service
from bounce_watcher.web.server import serving


def register(app: typer.Typer) -> None:
    app.command(epilog=example("run -c /etc/bounce-watcher/config.toml"))(run)


def run(config: ConfigFile = None, debug: Debug = False) -> None:
    """The service, in the foreground: watches all mailboxes and sends webhooks until it is stopped.

    SIGTERM and Ctrl-C finish the page in hand and stop. SIGHUP reads the configuration again and keeps the old one if
    the new one is bad. Logs go to stderr.
    """
    raise typer.Exit(service.run(config_path(config), serving))
