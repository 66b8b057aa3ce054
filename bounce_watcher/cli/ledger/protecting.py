"""`recipients protect`: addresses that no rule may suppress, in addition to those of the configuration."""

from typing import Annotated

import typer

from bounce_watcher.cli.framework.errors import WrongUsage
from bounce_watcher.cli.framework.ledgers import ledger_of, ledger_to_look
from bounce_watcher.cli.framework.logged import at_the_shell
from bounce_watcher.cli.framework.options import ConfigFile, Debug, Json, example
from bounce_watcher.cli.framework.output import clean, say
from bounce_watcher.cli.framework.tables import listing
from bounce_watcher.model.errors import PermanentFailure

COLUMNS = ("name", "by", "at", "because")

Name = Annotated[str, typer.Argument(metavar="NAME", help="An address, or a whole domain: @example.org.")]
Because = Annotated[str, typer.Option("--because", metavar="TEXT", help="The reason; kept with it and in the log.")]


def register(commands: typer.Typer) -> None:
    commands.command(epilog=example('recipients protect ceo@example.org --because "our founder"'))(protect)
    commands.command(epilog=example('recipients unprotect @example.org --because "sold"'))(unprotect)
    commands.command(epilog=example("recipients protected --json"))(protected)


def protect(name: Name, because: Because, config: ConfigFile = None, debug: Debug = False) -> None:
    """Protects an address or a domain: from now on no rule suppresses it. An existing suppression stays."""
    from bounce_watcher.service.operations.recipients import Protect

    whom, by = _known(name), at_the_shell(because)
    with ledger_of(config) as (settings, ledger):
        operation = Protect(settings, ledger, whom, of=None if whom.startswith("@") else whom)
        try:
            operation.carry_out(by)
        except ValueError as error:
            raise PermanentFailure(f"{whom}: {error}") from None
        stands = operation.preview(by).standing
    say(f"{clean(whom)} is protected: no rule suppresses it")
    if stands:
        say(f"It is suppressed now, and stays so until `suppressions remove {clean(whom)}`")


def unprotect(name: Name, because: Because, config: ConfigFile = None, debug: Debug = False) -> None:
    """Ends a protection that was made by hand. One in the configuration is removed there."""
    from bounce_watcher.service.operations.recipients import Unprotect

    whom = _known(name)
    with ledger_of(config) as (settings, ledger):
        if not Unprotect(settings, ledger, whom).carry_out(at_the_shell(because)):
            raise PermanentFailure(f"{whom} is not protected by hand", "see `recipients protected`")
    say(f"{clean(whom)} is no longer protected by hand")


def protected(as_json: Json = False, config: ConfigFile = None, debug: Debug = False) -> None:
    """Lists the protected addresses and domains, both those made by hand and those in the configuration."""
    from bounce_watcher.service.operations.recipients import CONFIGURATION, Protector

    with ledger_to_look(config) as (settings, ledger):
        policy = settings.policy
        names = (*policy.protected_addresses, *(f"@{domain}" for domain in policy.protected_domains))
        by_hand = (Protector(each.name, each.actor, each.at, each.because) for each in ledger.lists.protections())
        rows = [*by_hand, *(Protector(name, CONFIGURATION) for name in sorted(names))]
        listing((each.row for each in rows), COLUMNS, as_json=as_json)


def _known(text: str) -> str:
    from bounce_watcher.service.operations.recipients import name_of

    try:
        return name_of(text)
    except ValueError as error:
        raise WrongUsage(str(error)) from None
