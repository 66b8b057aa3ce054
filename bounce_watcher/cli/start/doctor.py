"""`doctor`: checks whether everything that the configuration names can be reached and used."""

import sys

import typer

from bounce_watcher import logs
from bounce_watcher.cli.framework.configuration import load_settings
from bounce_watcher.cli.framework.options import ConfigFile, Debug, Json, example
from bounce_watcher.cli.framework.output import clean, json_line, say
from bounce_watcher.service.setup.checks import Check


def register(app: typer.Typer) -> None:
    app.command(epilog=example("doctor -c config.toml"))(doctor)


def doctor(as_json: Json = False, config: ConfigFile = None, debug: Debug = False) -> None:
    """Connects to everything in the configuration, and reports each problem with how to fix it.

    Logs in to mailboxes and checks folders and capabilities, the database, webhooks (without sending an event),
    platforms (by a harmless call) and the clock. Changes nothing. Exit status 1 if something would not work.
    """
    from bounce_watcher.service.setup.doctor import examine

    settings = load_settings(config)
    logs.configure("critical", "console")
    failed = False
    for check in examine(settings):
        failed |= not check.ok
        if as_json:
            say(json_line({"name": check.name, "ok": check.ok, "detail": check.detail, "mend": check.fix or None}))
        else:
            show_check(check)
    if failed:
        raise typer.Exit(1)


def show_check(check: Check) -> None:
    from rich.console import Console
    from rich.text import Text

    mark, style = ("ok  ", "green") if check.ok else ("FAIL", "bold red")
    line = f"{clean(check.name)}: {clean(check.detail)}"
    fix = f"      → {clean(check.fix)}"
    if not sys.stdout.isatty():
        say(f"{mark}  {line}")
        if check.fix:
            say(fix)
        return
    console = Console()
    console.print(Text.assemble((mark, style), "  ", line), soft_wrap=True)
    if check.fix:
        console.print(Text(fix, style="yellow" if check.ok else "bold"), soft_wrap=True)
