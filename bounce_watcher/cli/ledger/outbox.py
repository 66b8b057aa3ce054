"""`outbox`: notices to targets, whether due, delivered, or dead; and whether targets would accept one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher.cli.framework.opening import at_the_shell, ledger_of, load_settings
from bounce_watcher.cli.framework.options import ConfigFile, DryRun, Json, Limit, example, option, past
from bounce_watcher.cli.framework.output import WrongUsage, clean, complain, count, fields, iso, json_line, listing, say
from bounce_watcher.ledger.lists.filters import OutboxFilter
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.ledger import Disposition, OutboxItem, OutboxState
from bounce_watcher.service.clock import utcnow
from bounce_watcher.words.rows import OUTBOX_COLUMNS, TRIED_COLUMNS, outbox_row, tried_row

if TYPE_CHECKING:
    from bounce_watcher.config import Settings
    from bounce_watcher.ledger.outbox.queue import Pause
    from bounce_watcher.outbox.opening import Receiver

app = typer.Typer()
commands = typer.Typer(help="Shows what is sent to targets; retries or discards it; tests or pauses a target.")
app.add_typer(commands, name="outbox")

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids of outbox items.")]
Target = Annotated[str | None, option("NAME", "Only the webhook, platform or notifier of this name.", "--target")]
Receiving = Annotated[str, typer.Argument(metavar="TARGET", help="The name of a webhook, platform or notifier.")]


@commands.command("list", epilog=example("outbox list --state dead"))
def list_outbox(
    state: Annotated[OutboxState | None, typer.Option(help="Only this state.")] = None,
    target: Target = None,
    recipient: Annotated[str | None, option("ADDRESS", "Only this address.")] = None,
    limit: Limit = None, as_json: Json = False, config: ConfigFile = None,
) -> None:
    """Lists outbox items in the order they were written."""
    with ledger_of(config) as (_, ledger):
        paused = ledger.outbox.paused()
        found = ledger.lists.outbox(OutboxFilter(state, target, recipient, limit))
        rows = ({**outbox_row(item), "paused": item.target in paused} for item in found)
        listing(rows, OUTBOX_COLUMNS, as_json=as_json)
        queues = ledger.figures.queues() if paused else {}
    for each, pause in paused.items():
        if not as_json and target in (None, each):
            complain(f"{each} is {_paused(pause)}: {count(queues[each].due, 'item')} waiting")


def _paused(pause: Pause) -> str:
    return f"paused since {iso(pause.at)} by {pause.by}: {pause.because}"


@commands.command(epilog=example("outbox show msg_0a1b2c3d"))
def show(
    item_id: Annotated[str, typer.Argument(metavar="ID", help="Id of an outbox item, as shown by `outbox list`.")],
    as_json: Json = False, config: ConfigFile = None,
) -> None:
    """Shows one outbox item: its state, its last tries, and what a try would send now. Sends nothing.

    For a platform it shows the first call. Secrets and signatures are masked; the address is not.
    """
    from bounce_watcher.outbox.opening import rehearse_among

    with ledger_of(config) as (settings, ledger):
        item = next(ledger.lists.outbox(OutboxFilter(id=item_id)), None)
        tries = list(map(tried_row, ledger.outbox.deliveries.tries(item_id)))
    if item is None:
        raise PermanentFailure(f"outbox {clean(item_id)}: no item has this id: see `outbox list`")
    request, why_not = rehearse_among(settings.receivers, item, utcnow())
    if as_json:
        say(json_line({**outbox_row(item), "request": request, "tries": tries}))
        return
    fields(outbox_row(item))
    say()
    if tries:
        listing(tries, TRIED_COLUMNS, as_json=False)
        say()
    _say_lines(request or why_not)


@commands.command(epilog=example("outbox test platform --dry-run"))
def test(target: Receiving, dry_run: DryRun = False, as_json: Json = False, config: ConfigFile = None) -> None:
    """Tries a target once: endpoint.test for a webhook, a message for a notifier, a harmless call for a platform.

    Prints the result in one line; exit status 1 if the target does not accept it. Nothing is added to the outbox, and
    nothing is retried. --dry-run shows the request, with secrets and signature masked.
    """
    from bounce_watcher.outbox.notifier import Notifier
    from bounce_watcher.outbox.opening import rehearse_test
    from bounce_watcher.outbox.webhook.target import WebhookTarget
    from bounce_watcher.service.operations.outbox import tried
    from bounce_watcher.service.setup.doctor import explained

    chosen = target_named(load_settings(config), target)
    if dry_run:
        request = rehearse_test(chosen, utcnow(), "msg_test")
        if as_json:
            say(json_line({"target": target, "request": request}))
        else:
            _say_lines(request)
        return
    attempt = tried(chosen, utcnow())
    taken = attempt.disposition is Disposition.DELIVERED
    if as_json:
        say(json_line({"target": target, "ok": taken, "answer": attempt.answer}))
        raise typer.Exit(0 if taken else 1)
    if not taken:
        raise PermanentFailure(f"{chosen.label}: {'; '.join(explained(chosen, attempt))}")
    what = "it accepted endpoint.test" if isinstance(chosen, WebhookTarget) else (
        "check whether it arrived" if isinstance(chosen, Notifier) else "it accepted us"
    )
    say(f"{chosen.label}: {clean(attempt.answer or 'it is there')}: {what}")


def _say_lines(text: str) -> None:
    for line in text.splitlines():
        say(clean(line))


@commands.command(epilog=example("outbox retry --target platform --since 7d"))
def retry(
    ids: Ids = None, target: Target = None,
    state: Annotated[
        OutboxState, typer.Option(help="What to send again: dead letters, or what was already delivered.")
    ] = OutboxState.DEAD,
    since: Annotated[str | None, option("TIME", "Only what happened since: 2026-11-01, or 7d for 7 days ago.")] = None,
    dry_run: DryRun = False, config: ConfigFile = None,
) -> None:
    """Makes dead letters due at once: all, those for a target, or those named. They keep their id.

    With --since only those whose event happened since then; for imported mail that is the time of the report.

    With --target a webhook that answered 410 is used again. A paused target stays paused, and stderr says so.
    """
    from bounce_watcher.service.operations.outbox import Retry

    by = at_the_shell()
    with ledger_of(config) as (settings, ledger):
        if target is not None:
            target_named(settings, target)
        chosen = ids or ()
        operation = Retry(
            settings, ledger, chosen, target, state=state, since=past(since), everything=not chosen and target is None
        )
        paused = operation.paused()
        if dry_run:
            _rehearse("would be sent again", operation.matching(by))
        else:
            say(f"{_changed(chosen, operation.carry_out(by))} due again, for the next poll to send")
            if target in {webhook.name for webhook in settings.webhooks}:
                say(f"webhook {target} is in use again, whatever it answered before")
    for name, pause in paused.items():
        complain(f"{name} is {_paused(pause)}; nothing is sent to it until: bounce-watcher outbox resume {name}")


@commands.command(epilog=example("outbox discard --target old-platform --dry-run"))
def discard(ids: Ids = None, target: Target = None, dry_run: DryRun = False, config: ConfigFile = None) -> None:
    """Discards items that are due or dead: all for a target, or those named. They are never sent."""
    chosen = ids or ()
    if not chosen and target is None:
        raise WrongUsage("this would discard everything: name ids, or --target NAME")
    from bounce_watcher.service.operations.outbox import Discard

    by = at_the_shell()
    with ledger_of(config) as (settings, ledger):
        operation = Discard(settings, ledger, chosen, target)
        if dry_run:
            _rehearse("would be discarded", operation.matching(by))
        else:
            say(f"{_changed(chosen, operation.carry_out(by))} discarded")


def _rehearse(what: str, items: Iterator[OutboxItem]) -> None:
    found = 0
    for found, item in enumerate(items, start=1):  # noqa: B007 - the last one is the number of them
        say(f"{item.id} {item.type} {clean(item.recipient)} to {item.target}: {what}")
    say(f"{count(found, 'item')} {what}")


def _changed(ids: Sequence[str], found: int) -> str:
    """Says how many items were changed. Raises PermanentFailure if some were named, but none was changed."""
    if ids and not found:
        raise PermanentFailure(f"outbox {ids[0]}: none of these items is in the right state: see `outbox list`")
    return count(found, "item")


@commands.command(epilog=example("outbox pause platform --because 'moves to another host'"))
def pause(
    target: Receiving,
    because: Annotated[str, option("TEXT", "The reason; shown to others, and kept in the log.", "--because")],
    config: ConfigFile = None,
) -> None:
    """Pauses a target: nothing is sent to it until it is resumed. Waiting items do not count as failures.

    The service stops sending within seconds.
    """
    from bounce_watcher.service.operations.outbox import PauseTarget

    why = " ".join(because.split())
    if not why:
        raise WrongUsage("--because is empty: give a reason for others to see")
    with ledger_of(config) as (settings, ledger):
        label = target_named(settings, target).label
        if not PauseTarget(settings, ledger, target).carry_out(at_the_shell(why)):
            raise PermanentFailure(f"{label}: it is {_paused(ledger.outbox.paused()[target])}")
    say(f"{label} is paused until: bounce-watcher outbox resume {target}")


@commands.command(epilog=example("outbox resume platform"))
def resume(target: Receiving, config: ConfigFile = None) -> None:
    """Resumes a paused target: waiting items are sent with the next round, in order."""
    from bounce_watcher.service.operations.outbox import ResumeTarget

    with ledger_of(config) as (settings, ledger):
        if not ResumeTarget(settings, ledger, target).carry_out(at_the_shell()):
            raise PermanentFailure(f"{clean(target)} is not paused: see bounce-watcher outbox list")
        waiting = ledger.figures.queues()[target].due
    say(f"{clean(target)} is resumed: {count(waiting, 'item')} waiting for the next round")


@commands.command("public-key", epilog=example("outbox public-key platform"))
def show_public_key(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The name of a webhook.")],
    as_json: Json = False, config: ConfigFile = None,
) -> None:
    """Shows the public keys (whpk_…) that a webhook's receiver verifies with, the current one first.

    Each belongs to one of the webhook's whsk_… secrets. With a public key a receiver can verify but not sign.
    """
    from bounce_watcher.outbox.webhook.signature import PRIVATE_FIX, public_key
    from bounce_watcher.outbox.webhook.target import WebhookTarget

    settings = load_settings(config)
    webhook = target_named(settings, target)
    if not isinstance(webhook, WebhookTarget):
        raise WrongUsage(f"{webhook.label} is called by its API and uses no signatures: name a webhook")
    keys = [key for secret in webhook.secrets if (key := public_key(secret))]
    if not keys:
        raise PermanentFailure(f"webhook {target}: its secrets are shared ones (whsec_…), which have no public key: "
                               f"add a whsk_… one to secret or old_secrets, {PRIVATE_FIX}")
    for key in keys:
        say(json_line({"target": target, "public_key": key}) if as_json else key)


def target_named(settings: Settings, name: str) -> Receiver:
    """Finds a webhook, platform or notifier. Raises WrongUsage if there is none of that name."""
    for target in settings.receivers:
        if target.name == name:
            return target
    names = ", ".join(target.name for target in settings.receivers)
    raise WrongUsage(
        f"there is no [[webhook]], [[platform]] or [[notify]] named {name!r}", f"there are: {names or 'none'}"
    )
