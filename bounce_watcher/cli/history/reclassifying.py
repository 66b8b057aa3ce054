"""`reclassify`: classifies stored mail by today's rules."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher.cli.framework.ledgers import ledger_of
from bounce_watcher.cli.framework.options import ConfigFile, Debug, DryRun, Json, example
from bounce_watcher.cli.framework.output import count, say
from bounce_watcher.cli.framework.tables import listing, progress
from bounce_watcher.cli.framework.times import past
from bounce_watcher.model.ledger import BounceEvent, State
from bounce_watcher.words.rows import Row

if TYPE_CHECKING:
    from bounce_watcher.service.operations.reclassifying import ReclassifiedEvent

COLUMNS = ("at", "recipient", "stream", "was", "is", "old_rule", "rule", "old_state", "state")


def register(app: typer.Typer) -> None:
    app.command("reclassify", epilog=example("reclassify --since 30d --dry-run"))(reclassify_stored)


def reclassify_stored(
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Since 2026-11-01, or 7d for 7 days ago. Default: all.",
                                 show_default=False)
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Classifies stored messages and diagnostics by the current rules, and corrects what changed.

    Old verdicts stay visible in `formerly` of each event. The recipients' histories are decided again: suppressions
    without a remaining reason are released, new ones are added, and the platform is notified of both. An interrupted
    run can be started again.
    """
    from bounce_watcher.service.operations.reclassifying import reclassify

    changes = released = 0

    def row(found: ReclassifiedEvent) -> Row:
        nonlocal changes, released
        changes += 1
        released += found.was is State.SUPPRESSED and found.state is not State.SUPPRESSED
        return _row(found)

    with ledger_of(config) as (settings, ledger), progress("reclassifying", shown=not sys.stdout.isatty()) as advance:
        found = reclassify(settings, ledger, past(since), dry_run=dry_run, advance=advance)
        listing(map(row, found), COLUMNS, as_json=as_json)
    if not as_json:
        did = "would be corrected; suppressions that would end" if dry_run else "corrected; suppressions ended"
        say(f"{count(changes, 'event')} {did}: {released}")


def _row(found: ReclassifiedEvent) -> Row:
    before, after = found.before, found.after
    return {
        "id": after.id,
        "at": after.at,
        "recipient": after.recipient,
        "stream": after.stream,
        "was": _verdict(before) if before else "not understood",
        "is": _verdict(after),
        "old_rule": before.rule if before else None,
        "rule": after.rule,
        "old_state": found.was,
        "state": found.state,
    }


def _verdict(event: BounceEvent) -> str:
    return " ".join(filter(None, (event.bounce_type, event.reason))) or event.action or "no failure"
