"""`forget`: a person erased from the ledger."""

import typer

from bounce_watcher.cli.ledgers import ledger_of
from bounce_watcher.cli.logged import log
from bounce_watcher.cli.options import Address, ConfigFile, Debug, DryRun, Json, example
from bounce_watcher.cli.output import clean, count, json_line, say
from bounce_watcher.cli.tables import progress


def register(app: typer.Typer) -> None:
    app.command(epilog=example("forget user@example.org --dry-run"))(forget)


def forget(
    address: Address, dry_run: DryRun = False, as_json: Json = False, config: ConfigFile = None, debug: Debug = False
) -> None:
    """Erases what is stored on an address; where it is suppressed, it stays so under a keyed hash.

    Messages that name it lose their raw content, its events their words, webhooks their bodies. `suppressions show` and
    new reports find it by the hash. Mail folders, logs, the platform and backups of the database are out of reach.
    """
    with ledger_of(config) as (_, ledger), progress("looking through") as advance:
        erased = ledger.forget(address, dry_run=dry_run, advance=advance)
        if not dry_run:
            log(ledger, "forget", ledger.forgotten_name(address), erased.rows)
    if as_json:
        say(json_line({"recipient": address, "dry_run": dry_run, **{
            name: getattr(erased, name) for name in erased.__slots__
        }}))
        return
    kinds = (
        (erased.messages, "message"), (erased.events, "event"), (erased.records, "record"), (erased.mails, "sent mail"),
        (erased.webhooks, "webhook"), (erased.protections, "protection"),
        (erased.opt_outs, "opt-out"),
    )
    listed = ", ".join(count(number, kind) for number, kind in kinds)
    say(f"{'would be erased' if dry_run else 'erased'}: {listed}")
    if erased.suppressions:
        say(f"{clean(address)} stays suppressed in {count(erased.suppressions, 'stream')}, under a keyed hash")
    if erased.due:
        say(f"{count(erased.due, 'webhook')} still due: forget again once delivered")
