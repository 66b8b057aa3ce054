"""`outbox`: webhooks that are due, delivered, or dead."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated

import typer

from bounce_watcher.cli.configuration import load_settings
from bounce_watcher.cli.errors import WrongUsage
from bounce_watcher.cli.ledgers import ledger_of
from bounce_watcher.cli.options import ConfigFile, Debug, DryRun, Json, Limit, example
from bounce_watcher.cli.output import clean, count, json_line, say
from bounce_watcher.cli.rows import OUTBOX_COLUMNS, outbox_row
from bounce_watcher.cli.tables import listing
from bounce_watcher.cli.times import past
from bounce_watcher.config import Settings
from bounce_watcher.ledger.filters import OutboxFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.ledger import OutboxItem, OutboxState
from bounce_watcher.outbox.signature import PRIVATE_MEND, public_key
from bounce_watcher.service.clock import utcnow

commands = typer.Typer(help="Webhooks that are due, delivered or dead; send them again or give them up.")

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="The ids of webhooks.", show_default=False)]
Target = Annotated[
    str | None, typer.Option("--target", metavar="NAME", help="Only of the webhook of this name.", show_default=False)
]


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="outbox")


@commands.command("list", epilog=example("outbox list --state dead"))
def list_outbox(
    state: Annotated[OutboxState | None, typer.Option(help="Only in this state.")] = None,
    target: Target = None,
    recipient: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Only about this address.")] = None,
    limit: Limit = None,
    as_json: Json = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Lists webhooks in the order in which they were written."""
    with ledger_of(config) as (_, ledger):
        found = ledger.outbox(OutboxFilter(state, target, recipient, limit))
        listing(map(outbox_row, found), OUTBOX_COLUMNS, as_json=as_json)


@commands.command(epilog=example("outbox retry --target platform --since 7d"))
def retry(
    ids: Ids = None,
    target: Target = None,
    state: Annotated[
        OutboxState, typer.Option(help="What is sent again: dead letters, or what was delivered before.")
    ] = OutboxState.DEAD,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only what happened since: 2026-11-01, or 7d for so long ago.",
                     show_default=False),
    ] = None,
    dry_run: DryRun = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Makes dead letters due at once: all, those of a target, or those named. They keep their webhook-id.

    With --since just those of what happened since: of mail that was imported, when it was reported.

    With --target the endpoint is used again if it had answered 410.
    """
    with ledger_of(config) as (settings, ledger):
        _check(settings, target)
        chosen, begin = ids or (), past(since)
        if dry_run:
            _rehearse("would be sent again", _matching(ledger, chosen, target, (state,), begin))
            return
        everything = not chosen and target is None
        found = ledger.retry(utcnow(), ids=chosen, target=target, everything=everything, state=state, since=begin)
    _refuse_nothing(chosen, found)
    say(f"{count(found, 'webhook')} due again, for the next poll to send")
    if target is not None:
        say(f"webhook {target} is in use, whatever it answered before")


@commands.command(epilog=example("outbox discard --target old-platform --dry-run"))
def discard(
    ids: Ids = None, target: Target = None, dry_run: DryRun = False, config: ConfigFile = None, debug: Debug = False
) -> None:
    """Gives up on webhooks that are due or dead: those of a target, or those named. They are never sent."""
    chosen = ids or ()
    if not chosen and target is None:
        raise WrongUsage("this would discard everything: name ids, or --target NAME")
    with ledger_of(config) as (_, ledger):
        if dry_run:
            _rehearse("would be discarded", _matching(ledger, chosen, target, (OutboxState.DUE, OutboxState.DEAD)))
            return
        found = ledger.discard(ids=chosen, target=target)
    _refuse_nothing(chosen, found)
    say(f"{count(found, 'webhook')} discarded")


@commands.command("public-key", epilog=example("outbox public-key platform"))
def show_public_key(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The name of a webhook.")],
    as_json: Json = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Shows the public keys (whpk_…) that a webhook's receiver verifies by, the current one first.

    Each belongs to one of the webhook's whsk_… secrets. Whoever has it can verify what is sent and sign nothing.
    """
    settings = load_settings(config)
    _check(settings, target)
    (webhook,) = (each for each in settings.webhooks if each.name == target)
    keys = [key for secret in webhook.secrets if (key := public_key(secret))]
    if not keys:
        raise PermanentFailure(f"webhook {target}: its secrets are shared ones (whsec_…), which have no public key: "
                               f"add a whsk_… one to secret or old_secrets, {PRIVATE_MEND}")
    for key in keys:
        say(json_line({"target": target, "public_key": key}) if as_json else key)


def _matching(
    ledger: Ledger, ids: Sequence[str], target: str | None, states: Sequence[OutboxState],
    since: datetime | None = None,
) -> Iterator[OutboxItem]:
    for state in states:
        for item in ledger.outbox(OutboxFilter(state, target, since=since)):
            if not ids or item.id in ids:
                yield item


def _rehearse(what: str, items: Iterator[OutboxItem]) -> None:
    found = 0
    for found, item in enumerate(items, start=1):  # noqa: B007 - the last one is the number of them
        say(f"{item.id} {item.type} {clean(item.recipient)} to {item.target}: {what}")
    say(f"{count(found, 'webhook')} {what}")


def _check(settings: Settings, target: str | None) -> None:
    names = [webhook.name for webhook in settings.webhooks]
    if target is not None and target not in names:
        raise WrongUsage(f"there is no [[webhook]] named {target!r}; there are: {', '.join(names) or 'none'}")


def _refuse_nothing(ids: Sequence[str], found: int) -> None:
    if ids and not found:
        raise PermanentFailure(f"outbox {ids[0]}: none of these ids is in a state to do that: see `outbox list`")
