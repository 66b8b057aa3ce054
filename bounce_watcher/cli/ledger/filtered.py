"""`suppressions release`: releases all that a filter finds, like the list of recipients in the browser."""

from __future__ import annotations

from typing import Annotated

import typer

from bounce_watcher.cli.framework.errors import WrongUsage
from bounce_watcher.cli.framework.ledgers import ledger_of
from bounce_watcher.cli.framework.logged import at_the_shell
from bounce_watcher.cli.framework.options import ConfigFile, Debug, DryRun, Json, Stream, example, known_as_reason
from bounce_watcher.cli.framework.times import past
from bounce_watcher.cli.ledger.many import list_decided
from bounce_watcher.model.ledger import State
from bounce_watcher.policy.providers import provider_of
from bounce_watcher.policy.rulings import INCLUDABLE, SkipReason

_STANDING = (State.SUPPRESSED, State.PENDING)


def register(commands: typer.Typer) -> None:
    commands.command(epilog=example(
        'suppressions release --reason mailbox_disabled --provider outlook.com --because "a false alarm" --dry-run'
    ))(release)


def release(  # noqa: PLR0913, PLR0917 - one parameter an option
    because: Annotated[str, typer.Option("--because", metavar="TEXT", help="The reason; stored, and sent to the "
                                                                           "platform.")],
    reason: Annotated[
        str | None, typer.Option(metavar="REASON", help="Only this reason, such as invalid_recipient.",
                                 show_default=False)
    ] = None,
    provider: Annotated[
        str | None, typer.Option(metavar="PROVIDER", help="Only addresses whose mail this provider handles, such as "
                                                          "google.com.", show_default=False)
    ] = None,
    domain: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="Only addresses of this domain.", show_default=False)
    ] = None,
    stream: Stream = None,
    state: Annotated[State | None, typer.Option(help="Only this state: pending or suppressed.",
                                                metavar="STATE", show_choices=False, show_default=False)] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Only those last changed at this time or later.",
                                 show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Only those last changed before this time.",
                                 show_default=False)
    ] = None,
    included: Annotated[
        list[str] | None, typer.Option("--with", metavar="WHOM", show_default=False, help="Also release these: "
                                                                                          "complaint, manual "
                                                                                          "(suppressed by hand), "
                                                                                          "protected. May be repeated.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Releases all suppressions that match a filter, and notifies the platform. Earlier bounces no longer count.

    Recipients who complained, were suppressed by hand or are protected are skipped unless you include them; the list
    shows which.
    """
    from bounce_watcher.ledger.db.query import Choice, FilterField, Query
    from bounce_watcher.service.operations.bulk import ReleaseListed

    choices = {
        FilterField.REASON: known_as_reason(reason), FilterField.PROVIDER: provider and provider_of(provider, provider),
        FilterField.DOMAIN: domain, FilterField.STREAM: stream, FilterField.STATE: _state(state),
    }
    shown = Query({by: Choice((value,)) for by, value in choices.items() if value}, past(since), past(until))
    if shown == Query():
        raise WrongUsage("this would release everybody: name a filter such as --reason, --provider or --from")
    wanted_too = frozenset(map(_left, included or ()))
    told = {**{by.value: value for by, value in choices.items()}, "from": since, "to": until}
    subject = f"recipients with {'; '.join(f'{name}: {value}' for name, value in told.items() if value)}"
    with ledger_of(config) as (settings, ledger):
        operation, by = ReleaseListed(settings, ledger, subject, shown, wanted_too), at_the_shell(because)
        list_decided(operation, by, done="released", dry_run=dry_run, as_json=as_json)


def _state(state: State | None) -> str | None:
    if state is not None and state not in _STANDING:
        raise WrongUsage(f"recipients in state {state} are not suppressed: use pending or suppressed")
    return state.value if state else None


def _left(text: str) -> SkipReason:
    if text not in INCLUDABLE:
        raise WrongUsage(f"--with {text}: use one of {', '.join(INCLUDABLE)}")
    return SkipReason(text)
