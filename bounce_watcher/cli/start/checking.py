"""`check-config` checks the configuration file alone, `doctor` whether all that it names can be reached and used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bounce_watcher import logs
from bounce_watcher.classification.rule import Precedence
from bounce_watcher.cli.framework.opening import config_path, load_settings
from bounce_watcher.cli.framework.options import ConfigFile, Json, example
from bounce_watcher.cli.framework.output import clean, count, json_line, say
from bounce_watcher.ledger.db.modes import exposures
from bounce_watcher.service.setup.mailbox_doctor import Check
from bounce_watcher.words import risk

if TYPE_CHECKING:
    from bounce_watcher.config import Settings

app = typer.Typer()


@app.command("check-config", epilog=example("check-config -c config.toml"))
def check_config(config: ConfigFile = None) -> None:
    """Checks the configuration file alone: lists every mistake with its line or key and how to fix it.

    The rules in rules_dir get the same check as the built-in ones: each must match its examples and none of its
    not_examples. Lists what they take from built-in rules. Exit status 2 if the configuration can't be used.
    """
    settings = load_settings(config)
    for warning in settings.warnings:
        say(f"warning: {clean(str(warning))}")
    for exposure in exposures(settings.database_url.get_secret_value()):
        say(f"warning: database: {clean(exposure.detail)}: {clean(exposure.fix)}")
    has_key = bool(settings.attribution.token_keys)
    if told := risk.risk(settings.policy, has_key=has_key):
        say(f"warning: {told}. {risk.remedy(has_key=has_key)}.")
    for line in _summary(settings, config_path(config)):
        say(clean(line))


def _summary(settings: Settings, path: Path) -> Iterator[str]:
    from bounce_watcher.classification.rule_file import read_rules
    from bounce_watcher.outbox.platform import HttpPlatform

    yield f"{path} is fine"
    for account in settings.mailboxes:
        folders = ", ".join(account.folders)
        yield f"mailbox {account.name}: {folders} of {account.username} at {account.host}, stream {account.stream}"
    for target in settings.webhooks:
        yield f"webhook {target.name}: {target.shown_url}, gets {', '.join(sorted(target.types))}"
    for platform in settings.platforms:
        told = f"streams {', '.join(platform.streams)}" if platform.streams else "all streams"
        where = f" at {platform.shown_url}" if isinstance(platform, HttpPlatform) else ""
        yield f"platform {platform.name}: {platform.kind}{where}, gets {told}"
    for notifier in settings.notifiers:
        yield f"notifier {notifier.name}: gets alerts: {', '.join(sorted(notifier.alerts))}"
    for file, content in settings.rules:
        yield f"rules: {count(len(read_rules(file, content, Precedence.OPERATOR)), 'rule')} of yours in {file}"
    policy, soft = settings.policy, settings.policy.soft
    yield (
        f"policy: {policy.mode}; hard bounces count from grade {policy.evidence_hard}, soft from "
        f"{policy.evidence_soft}; a soft suppression takes {soft.bounces} bounces on {soft.distinct_days} days over at "
        f"least {soft.span.days} days, within {soft.window.days}"
    )


@app.command(epilog=example("doctor -c config.toml"))
def doctor(as_json: Json = False, config: ConfigFile = None) -> None:
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
