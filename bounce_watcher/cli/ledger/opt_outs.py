"""`review done`: opt-outs that a person has dealt with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from bounce_watcher.cli.framework.errors import WrongUsage
from bounce_watcher.cli.framework.ledgers import ledger_of
from bounce_watcher.cli.framework.logged import at_the_shell
from bounce_watcher.cli.framework.options import ConfigFile, Debug, example
from bounce_watcher.cli.framework.output import count, say
from bounce_watcher.model.optout import KeptOptOut


def register(commands: typer.Typer) -> None:
    commands.command(epilog=example('review done 3f2a91 --because "taken off by hand"'))(done)


def done(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Ids of opt-outs, or their first characters.", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", metavar="", help="All open opt-outs.")] = False,
    because: Annotated[
        str | None, typer.Option("--because", metavar="TEXT", help="A note; kept with them and in the log.",
                                 show_default=False)
    ] = None,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Marks opt-outs as done: they leave the review list and stay with their recipients. `review show opt-outs` lists
    them.

    It sends nothing and suppresses nobody: take the people off your lists first.
    """
    from bounce_watcher.service.operations.reviewing import SettleOptOuts

    if bool(ids) is everything:
        raise WrongUsage("name the ids of opt-outs, or use --all")
    with ledger_of(config) as (settings, ledger):
        waiting = list(ledger.review.opt_outs())
        chosen = waiting if everything else [_named(waiting, each) for each in ids or ()]
        number = SettleOptOuts(settings, ledger, chosen).carry_out(at_the_shell(because))
    say(f"marked as done: {count(number, 'opt-out')}")


def _named(waiting: Sequence[KeptOptOut], beginning: str) -> KeptOptOut:
    from bounce_watcher.ledger.review.optouts import GID

    found = [each for each in waiting if beginning and each.id.startswith(beginning.lower())]
    if len(found) != 1:
        told = "several opt-outs begin like this" if found else "no open opt-out has this id"
        raise WrongUsage(f"ID {beginning!r}: {told}", f"`review show {GID}` lists them")
    return found[0]
