"""`check-config` and `doctor`: before the service is started."""

import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from bounce_watcher.cli.options import ConfigFile, Debug, Json, config_path, example, load_settings
from bounce_watcher.cli.output import clean, json_line, say
from bounce_watcher.config import Settings
from bounce_watcher.service import logs
from bounce_watcher.service.doctor import Check, examine

PANEL = "Start here"


def register(app: typer.Typer) -> None:
    app.command("check-config", epilog=example("check-config -c config.toml"), rich_help_panel=PANEL)(check_config)
    app.command(epilog=example("doctor -c config.toml"), rich_help_panel=PANEL)(doctor)


def check_config(config: ConfigFile = None, debug: Debug = False) -> None:
    """Reads the configuration file alone: every mistake at once, each with its line or key and the mend.

    Exit status 2 if it must not be used.
    """
    settings = load_settings(config)
    for warning in settings.warnings:
        say(f"warning: {clean(warning)}")
    for line in _summary(settings, config_path(config)):
        say(clean(line))


def _summary(settings: Settings, path: Path) -> Iterator[str]:
    yield f"{path} is fine"
    for account in settings.mailboxes:
        folders = ", ".join(account.folders)
        yield f"mailbox {account.name}: {folders} of {account.username} at {account.host}, stream {account.stream}"
    for target in settings.webhooks:
        yield f"webhook {target.name}: {target.url}, told of {', '.join(sorted(target.types))}"
    policy, soft = settings.policy, settings.policy.soft
    yield (
        f"policy: {policy.mode}; hard bounces count from grade {policy.evidence_hard}, soft from "
        f"{policy.evidence_soft}; a soft suppression takes {soft.bounces} bounces on {soft.distinct_days} days over at "
        f"least {soft.span.days} days, within {soft.window.days}"
    )


def doctor(as_json: Json = False, config: ConfigFile = None, debug: Debug = False) -> None:
    """Connects to everything that the configuration names and reports on each, with the mend.

    Logs in to mailboxes and looks at folders and abilities, database, webhooks (no event is sent) and clock. Changes
    nothing. Exit status 1 if something would not work.
    """
    settings = load_settings(config)
    logs.configure("critical", "console")
    failed = False
    for check in examine(settings):
        failed |= not check.ok
        if as_json:
            say(json_line({"name": check.name, "ok": check.ok, "detail": check.detail, "mend": check.mend or None}))
        else:
            _show(check)
    if failed:
        raise typer.Exit(1)


def _show(check: Check) -> None:
    mark, style = ("ok  ", "green") if check.ok else ("FAIL", "bold red")
    line = f"{clean(check.name)}: {clean(check.detail)}"
    mend = f"      → {clean(check.mend)}"
    if not sys.stdout.isatty():
        say(f"{mark}  {line}")
        if check.mend:
            say(mend)
        return
    console = Console()
    console.print(Text.assemble((mark, style), "  ", line), soft_wrap=True)
    if check.mend:
        console.print(Text(mend, style="yellow" if check.ok else "bold"), soft_wrap=True)
