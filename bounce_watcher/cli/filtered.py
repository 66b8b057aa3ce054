"""`suppressions release`: all that a filter finds, as the list of recipients in the browser shows it."""

from typing import Annotated

import typer

from bounce_watcher.cli.errors import WrongUsage
from bounce_watcher.cli.ledgers import ledger_of
from bounce_watcher.cli.many import decide_on_many
from bounce_watcher.cli.options import ConfigFile, Debug, DryRun, Json, Stream, example
from bounce_watcher.cli.times import past
from bounce_watcher.ledger.browse import By, Choice, Query
from bounce_watcher.ledger.rulings import Wanted
from bounce_watcher.model.ledger import COMPLAINT_REASON, State
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.providers import provider_of
from bounce_watcher.policy.rulings import INCLUDABLE, SkipReason
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.clock import utcnow

_STANDING = (State.SUPPRESSED, State.PENDING)


def register(commands: typer.Typer) -> None:
    commands.command(epilog=example(
        'suppressions release --reason mailbox_disabled --provider outlook.com --because "a false alarm" --dry-run'
    ))(release)


def release(  # noqa: PLR0913, PLR0917 - one parameter an option
    because: Annotated[str, typer.Option("--because", metavar="TEXT", help="The reason, kept and told.")],
    reason: Annotated[
        str | None, typer.Option(metavar="REASON", help="Only this reason, such as invalid_recipient.",
                                 show_default=False)
    ] = None,
    provider: Annotated[
        str | None, typer.Option(metavar="PROVIDER", help="Only addresses whose mail this organisation took, such as "
                                 "google.com.", show_default=False)
    ] = None,
    domain: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="Only addresses of this domain.", show_default=False)
    ] = None,
    stream: Stream = None,
    state: Annotated[State | None, typer.Option(help="Only in this state: pending or suppressed.",
                                                metavar="STATE", show_choices=False, show_default=False)] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Only what changed last at this time or later.",
                                 show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Only what changed last before this time.",
                                 show_default=False)
    ] = None,
    included: Annotated[
        list[str] | None, typer.Option("--with", metavar="WHOM", show_default=False, help="Release these too: "
                                       "complaint, manual (suppressed by hand), protected. May be repeated.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Releases all suppressions that a filter finds, and tells the platform. What counted before counts no more.

    Who complained, was suppressed by hand or is protected is left out unless you say so; the list shows whom.
    """
    choices = {
        By.REASON: known_as_reason(reason), By.PROVIDER: provider and provider_of(provider, provider),
        By.DOMAIN: domain, By.STREAM: stream, By.STATE: _state(state),
    }
    shown = Query({by: Choice((value,)) for by, value in choices.items() if value}, past(since), past(until))
    if shown == Query():
        raise WrongUsage("whom? Name a filter such as --reason, --provider or --from: without one this is everybody")
    wanted_too = frozenset(map(_left, included or ()))
    told = {**{by.value: value for by, value in choices.items()}, "from": since, "to": until}
    subject = f"recipients with {'; '.join(f'{name}: {value}' for name, value in told.items() if value)}"
    with ledger_of(config) as (settings, ledger):
        wanted = Wanted(because, utcnow(), announcer(settings), settings.policy, wanted_too)
        outcomes = ledger.release_all(shown, wanted, dry_run=dry_run)
        decide_on_many(
            ledger, outcomes, "release", subject, because, done="released", dry_run=dry_run, as_json=as_json
        )


def known_as_reason(text: str | None) -> str | None:
    """Raises WrongUsage for what is none."""
    if text is not None and text not in {*Reason, COMPLAINT_REASON}:
        raise WrongUsage(f"{text!r} is no reason", f"they are: {', '.join([*Reason, COMPLAINT_REASON])}")
    return text


def _state(state: State | None) -> str | None:
    if state is not None and state not in _STANDING:
        raise WrongUsage(f"nothing stands against who is {state}: name pending or suppressed")
    return state.value if state else None


def _left(text: str) -> SkipReason:
    if text not in INCLUDABLE:
        raise WrongUsage(f"--with {text}: it is one of {', '.join(INCLUDABLE)}")
    return SkipReason(text)
