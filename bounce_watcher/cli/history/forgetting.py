"""`forget`: erases a person from the ledger."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher.cli.framework.ledgers import ledger_of
from bounce_watcher.cli.framework.logged import at_the_shell
from bounce_watcher.cli.framework.options import Address, ConfigFile, Debug, DryRun, Json, example
from bounce_watcher.cli.framework.output import clean, count, json_line, say
from bounce_watcher.cli.framework.tables import progress

if TYPE_CHECKING:
    from bounce_watcher.ledger.privacy.erasure import Erased


def register(app: typer.Typer) -> None:
    app.command(epilog=example("forget user@example.org --dry-run"))(forget)


NoVacuum = Annotated[bool, typer.Option(
    "--no-vacuum", metavar="", help="Don't clean the files now: the service does it, or `db vacuum` once after many."
)]


def forget(
    address: Address, dry_run: DryRun = False, no_vacuum: NoVacuum = False, as_json: Json = False,
    config: ConfigFile = None, debug: Debug = False,
) -> None:
    """Erases what is stored about an address; a suppression stays in force under a keyed hash.

    Messages that name it lose their raw content, its events their words, webhooks their bodies, and all other texts the
    address. `suppressions show` and new reports find it by the hash. The SQLite file is rewritten (VACUUM); for
    PostgreSQL see `db vacuum`. Mail folders, logs, the platform and backups of the database are not changed.
    """
    from bounce_watcher.service.operations.recipients import Forget

    with ledger_of(config) as (settings, ledger), progress("looking through") as advance:
        operation, by = Forget(settings, ledger, address), at_the_shell()
        erased = operation.rehearse(by, advance) if dry_run else operation.carry_out(by, advance)
        left = "left"
        if not dry_run:
            left = "left" if no_vacuum else operation.clean_files().value
    if as_json:
        counts = {field.name: getattr(erased, field.name) for field in fields(erased)}
        say(json_line({"recipient": address, "dry_run": dry_run, **counts, "files": None if dry_run else left}))
        return
    _tell(address, erased, dry_run=dry_run)
    if not dry_run:
        say(_OF_FILES[left])


_LATER = "run: bounce-watcher db vacuum"
_OF_FILES = {  # by the value of `ledger.files.Files`
    "clean": "the database was rewritten: its files hold nothing that was erased",
    "left": f"the files of the database may still hold what was erased; {_LATER}",
    "busy": "another connection was in the way: the files of the database may still hold what was erased. The "
    f"running service tries again each minute; without one {_LATER}",
    "too_large": "the database is too large to be written anew beside the service, so its file may still hold what "
    f"was erased; at a quiet time {_LATER}",
    "no_room": "the disk has no room for a copy of the database, whose file may still hold what was erased: make "
    f"room, then {_LATER}",
    "dead_rows": f"PostgreSQL keeps what was erased in dead rows of its files; {_LATER}. Its WAL, replicas and "
    "backups keep it until they are gone",
}


def _tell(address: str, erased: Erased, *, dry_run: bool) -> None:
    kinds = (
        (erased.messages, "message"), (erased.events, "event"), (erased.records, "record"), (erased.mails, "sent mail"),
        (erased.webhooks, "webhook"), (erased.protections, "protection"),
        (erased.opt_outs, "opt-out"),
    )
    listed = ", ".join(count(number, kind) for number, kind in kinds)
    say(f"{'would be erased' if dry_run else 'erased'}: {listed}")
    if erased.suppressions:
        say(f"{clean(address)} stays suppressed in {count(erased.suppressions, 'stream')}, under a keyed hash")
    if erased.mentions:
        say(f"{'would be removed' if dry_run else 'removed'} from the texts of {count(erased.mentions, 'other row')}")
    if erased.due:
        say(f"{count(erased.due, 'webhook')} still due: each keeps the address until it is delivered or discarded")
