"""`check-config`: checks the configuration file alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bounce_watcher.classification.rule import Precedence
from bounce_watcher.cli.framework.configuration import config_path, load_settings
from bounce_watcher.cli.framework.options import ConfigFile, Debug, example
from bounce_watcher.cli.framework.output import clean, count, say
from bounce_watcher.ledger.db.modes import exposures
from bounce_watcher.words import risk

if TYPE_CHECKING:
    from bounce_watcher.config import Settings


def register(app: typer.Typer) -> None:
    app.command("check-config", epilog=example("check-config -c config.toml"))(check_config)


def check_config(config: ConfigFile = None, debug: Debug = False) -> None:
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
