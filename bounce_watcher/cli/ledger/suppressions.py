"""`suppressions`: the recipients that must not be mailed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher.cli.framework.configuration import stream_for
from bounce_watcher.cli.framework.ledgers import ledger_of, ledger_to_look
from bounce_watcher.cli.framework.logged import at_the_shell
from bounce_watcher.cli.framework.options import (
    Address,
    ConfigFile,
    Debug,
    DryRun,
    IntoStream,
    Json,
    Limit,
    NewAddress,
    Stream,
    example,
)
from bounce_watcher.cli.framework.output import clean, count, json_line, say
from bounce_watcher.cli.framework.tables import listing
from bounce_watcher.cli.framework.times import future
from bounce_watcher.cli.ledger import filtered, suppression_csv
from bounce_watcher.ledger.lists.filters import SuppressionFilter
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.ledger import NoticeType, State, Suppression
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.clock import utcnow
from bounce_watcher.words import grounds as words
from bounce_watcher.words.rows import SUPPRESSION_COLUMNS, Row, explained, suppression_row

if TYPE_CHECKING:
    from bounce_watcher.ledger.outbox.backfill import Announced

commands = typer.Typer(help="Lists suppressed recipients and the reasons; suppresses or releases by hand.")

Because = Annotated[str, typer.Option("--because", metavar="TEXT", help="The reason; stored and sent to the platform.")]


def register(app: typer.Typer) -> None:
    suppression_csv.register(commands)
    filtered.register(commands)
    app.add_typer(commands, name="suppressions")


@commands.command("list", epilog=example("suppressions list --stream marketing --json"))
def list_suppressions(
    stream: Stream = None,
    state: Annotated[State | None, typer.Option(help="Only this state: pending or suppressed.",
                                                metavar="STATE", show_choices=False)] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="REASON", help="Only this reason, such as mailbox_full or complaint.")
    ] = None,
    limit: Limit = None,
    as_json: Json = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Lists suppressed recipients, sorted by address."""
    wanted = SuppressionFilter(stream=stream, state=state, reason=reason, limit=limit)
    with ledger_to_look(config) as (_, ledger):
        listing(map(suppression_row, ledger.lists.suppressions(wanted)), SUPPRESSION_COLUMNS, as_json=as_json)


@commands.command(epilog=example("suppressions show user@example.org"))
def show(
    address: Address, stream: Stream = None, as_json: Json = False, config: ConfigFile = None, debug: Debug = False
) -> None:
    """Shows whether an address is suppressed, since when, and for what reason."""
    with ledger_to_look(config) as (_, ledger):
        rows = list(map(suppression_row, ledger.lists.suppressions(SuppressionFilter(address, stream))))
    for number, row in enumerate(rows):
        if as_json:
            say(json_line(row))
        else:
            _tell(row, first=number == 0)
    if not rows and not as_json:
        say(f"{clean(address)} is not suppressed")


def _tell(row: Row, *, first: bool) -> None:
    if not first:
        say()
    for name, value in row.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        if text not in (None, ""):
            say(f"{name}: {clean(text)}")


@commands.command(epilog=example('suppressions add user@example.org --because "asked by phone" --until 90d'))
def add(
    address: NewAddress,
    because: Because,
    stream: IntoStream = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Until 2026-12-31, or for 30d. Default: permanently.")
    ] = None,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Suppresses an address by hand and notifies the platform."""
    from bounce_watcher.service.announcing import who_hears
    from bounce_watcher.service.operations.recipients import Suppress

    end = future(until)
    with ledger_of(config) as (settings, ledger):
        chosen = stream_for(settings, stream)
        Suppress(settings, ledger, address, chosen, end).carry_out(at_the_shell(because))
    say(f"{clean(address)} is suppressed in stream {clean(chosen)}; {who_hears(settings)}")


@commands.command(epilog=example('suppressions remove user@example.org --because "mailbox is back"'))
def remove(
    address: Address, because: Because, stream: Stream = None, config: ConfigFile = None, debug: Debug = False
) -> None:
    """Releases an address in one stream or in all, and notifies the platform. Earlier bounces no longer count."""
    from bounce_watcher.service.announcing import who_hears
    from bounce_watcher.service.operations.recipients import Release

    with ledger_of(config) as (settings, ledger):
        released = Release(settings, ledger, address, stream).carry_out(at_the_shell(because))
        left = list(ledger.lists.suppressions(SuppressionFilter(address, stream)))
    if not released:
        where = f" in stream {stream}" if stream else ""
        raise PermanentFailure(f"{address} is not suppressed{where}: {_elsewhere(left) or _SEE}")
    say(f"{clean(address)} is released in {count(released, 'stream')}; {who_hears(settings)}")
    if left:
        say(f"It is still suppressed: {clean(_elsewhere(left))}")


_SEE = "see `suppressions list`"


def _elsewhere(left: Sequence[Suppression]) -> str:
    """Says which suppressions cover a stream from other streams, and how to release them; "" if there are none."""
    stand = "; ".join(
        f"a suppression in stream {each.stream} ({words.because(each.grounds)}) covers all streams" for each in left
    )
    streams = " or ".join(dict.fromkeys(f"--stream {each.stream}" for each in left))
    return f"{stand}: release it with {streams}, or everywhere without --stream" if left else ""


@commands.command(epilog=example("suppressions announce --dry-run"))
def announce(
    dry_run: DryRun = False, as_json: Json = False, config: ConfigFile = None, debug: Debug = False
) -> None:
    """Sends webhooks the decisions they never received: from shadow mode, or from before a webhook was configured.

    Each webhook gets one notice per recipient with the current state. What was already sent is not sent again.
    """
    from bounce_watcher.service.announcing import announcer, enforced, who_hears

    with ledger_of(config) as (settings, ledger):
        if not settings.targets:
            raise PermanentFailure("no webhook is configured, so nobody can be notified: add a [[webhook]]")
        if settings.policy.mode is Mode.SHADOW and not dry_run:
            raise PermanentFailure(
                'the mode is shadow, so nobody is notified: set mode = "enforce" under [policy], or preview with '
                '--dry-run'
            )
        told = list(ledger.outbox.backfill(announcer(enforced(settings)), utcnow(), dry_run=dry_run))
    listing((_announced_row(each, as_json=as_json) for each in told), ANNOUNCED_COLUMNS, as_json=as_json)
    if as_json:
        return
    suppressed = sum(each.told is NoticeType.SUPPRESSED for each in told)
    say(
        f"{'would announce' if dry_run else 'announced'} {count(suppressed, 'suppression')} and "
        f"{count(len(told) - suppressed, 'release')}" + ("" if dry_run or not told else f"; {who_hears(settings)}")
    )


ANNOUNCED_COLUMNS = ("recipient", "stream", "told", "targets", "because")


def _announced_row(each: Announced, *, as_json: bool) -> Row:
    return {
        "recipient": each.recipient, "stream": each.stream, "told": each.told.value,
        "targets": list(each.targets) if as_json else ", ".join(each.targets), **explained(each.grounds),
    }

