"""`suppressions`: the recipients that must not be mailed; as a list, by hand, in bulk and as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, TypeVar

import typer

from bounce_watcher.cli.framework.files import named_rows, opened
from bounce_watcher.cli.framework.opening import IN_SHADOW, at_the_shell, ledger_of, stream_for
from bounce_watcher.cli.framework.options import (
    Address,
    ConfigFile,
    DryRun,
    IntoStream,
    Json,
    Limit,
    NewAddress,
    OnlyReason,
    Stream,
    address,
    example,
    future,
    moment,
    option,
    past,
)
from bounce_watcher.cli.framework.output import WrongUsage, clean, complain, count, fields, listing, plain, say
from bounce_watcher.cli.ledger.alerts import list_decided
from bounce_watcher.ledger.lists.filters import SuppressionFilter
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import COMPLAINT_REASON, NoticeType, Scope, State, Suppression, SuppressionSource
from bounce_watcher.model.neutral import for_csv, from_csv
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.policy.providers import provider_of
from bounce_watcher.policy.rulings import INCLUDABLE, SkipReason
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.clock import utcnow
from bounce_watcher.words import grounds as words
from bounce_watcher.words.rows import SUPPRESSION_COLUMNS, explained, suppression_row

app = typer.Typer()
commands = typer.Typer(help="Lists suppressed recipients and the reasons; suppresses or releases by hand.")
app.add_typer(commands, name="suppressions")

Because = Annotated[str, option("TEXT", "The reason; stored and sent to the platform.", "--because")]
OnlyState = Annotated[State | None, option("STATE", "Only this state: pending or suppressed.", show_choices=False)]
_STATES = (State.SUPPRESSED, State.PENDING)


@commands.command("list", epilog=example("suppressions list --stream marketing --json"))
def list_suppressions(
    stream: Stream = None, state: OnlyState = None,
    reason: Annotated[str | None, option("REASON", "Only this reason, such as mailbox_full or complaint.")] = None,
    limit: Limit = None, as_json: Json = False, config: ConfigFile = None,
) -> None:
    """Lists suppressed recipients, sorted by address."""
    wanted = SuppressionFilter(stream=stream, state=state, reason=reason, limit=limit)
    with ledger_of(config, to_look=True) as (_, ledger):
        listing(map(suppression_row, ledger.lists.suppressions(wanted)), SUPPRESSION_COLUMNS, as_json=as_json)


@commands.command(epilog=example("suppressions show user@example.org"))
def show(address: Address, stream: Stream = None, as_json: Json = False, config: ConfigFile = None) -> None:
    """Shows whether an address is suppressed, since when, and for what reason."""
    with ledger_of(config, to_look=True) as (_, ledger):
        rows = list(map(suppression_row, ledger.lists.suppressions(SuppressionFilter(address, stream))))
    if as_json:
        listing(rows, SUPPRESSION_COLUMNS, as_json=True)
        return
    for number, row in enumerate(rows):
        if number:
            say()
        fields({name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in row.items()})
    if not rows:
        say(f"{clean(address)} is not suppressed")


@commands.command(epilog=example('suppressions add user@example.org --because "asked by phone" --until 90d'))
def add(
    address: NewAddress, because: Because, stream: IntoStream = None,
    until: Annotated[str | None, option("TIME", "Until 2026-12-31, or for 30d. Default: permanently.")] = None,
    config: ConfigFile = None,
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
def remove(address: Address, because: Because, stream: Stream = None, config: ConfigFile = None) -> None:
    """Releases an address in one stream or in all, and notifies the platform. Earlier bounces no longer count."""
    from bounce_watcher.service.announcing import who_hears
    from bounce_watcher.service.operations.recipients import Release

    with ledger_of(config) as (settings, ledger):
        released = Release(settings, ledger, address, stream).carry_out(at_the_shell(because))
        left = list(ledger.lists.suppressions(SuppressionFilter(address, stream)))
    if not released:
        where = f" in stream {stream}" if stream else ""
        raise PermanentFailure(f"{address} is not suppressed{where}: {_elsewhere(left) or 'see `suppressions list`'}")
    say(f"{clean(address)} is released in {count(released, 'stream')}; {who_hears(settings)}")
    if left:
        say(f"It is still suppressed: {clean(_elsewhere(left))}")


def _elsewhere(left: Sequence[Suppression]) -> str:
    """Says which suppressions cover a stream from other streams, and how to release them; "" if there are none."""
    stand = "; ".join(
        f"a suppression in stream {each.stream} ({words.because(each.grounds)}) covers all streams" for each in left
    )
    streams = " or ".join(dict.fromkeys(f"--stream {each.stream}" for each in left))
    return f"{stand}: release it with {streams}, or everywhere without --stream" if left else ""


@commands.command(epilog=example("suppressions announce --dry-run"))
def announce(dry_run: DryRun = False, as_json: Json = False, config: ConfigFile = None) -> None:
    """Sends webhooks the decisions they never received: from shadow mode, or from before a webhook was configured.

    Each webhook gets one notice per recipient with the current state. What was already sent is not sent again.
    """
    from bounce_watcher.service.announcing import announcer, enforced, who_hears

    with ledger_of(config) as (settings, ledger):
        if not settings.targets:
            raise PermanentFailure("no webhook is configured, so nobody can be notified: add a [[webhook]]")
        if settings.policy.mode is Mode.SHADOW and not dry_run:
            raise PermanentFailure(IN_SHADOW)
        told = list(ledger.outbox.backfill(announcer(enforced(settings)), utcnow(), dry_run=dry_run))
    rows = ({
        "recipient": each.recipient, "stream": each.stream, "told": each.told.value,
        "targets": list(each.targets) if as_json else ", ".join(each.targets), **explained(each.grounds),
    } for each in told)
    listing(rows, ("recipient", "stream", "told", "targets", "because"), as_json=as_json)
    if as_json:
        return
    suppressed = sum(each.told is NoticeType.SUPPRESSED for each in told)
    say(
        f"{'would announce' if dry_run else 'announced'} {count(suppressed, 'suppression')} and "
        f"{count(len(told) - suppressed, 'release')}" + ("" if dry_run or not told else f"; {who_hears(settings)}")
    )


# ── as CSV ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_CSV_COLUMNS = ("recipient", "stream", "state", "bounce_type", "reason", "since", "until", "because", "source", "scope")
_PARTS = frozenset('",;\t\r\n')

T = TypeVar("T")


@commands.command("export", epilog=example("suppressions export --stream marketing"))
def export(stream: Stream = None, config: ConfigFile = None) -> None:
    """Writes the suppression list as CSV, in a form that `suppressions import` reads.

    Text that a spreadsheet would treat as a formula, such as the address =a@example.org, gets a leading apostrophe; an
    unsafe character is written by its number, as \\u{202E}. The import reverses both.
    """
    with ledger_of(config, to_look=True) as (_, ledger):
        say(_line(_CSV_COLUMNS))
        for each in ledger.lists.suppressions(SuppressionFilter(stream=stream)):
            row = suppression_row(each)
            say(_line(for_csv(plain(row[name])) for name in _CSV_COLUMNS))


def _line(cells: Iterable[str]) -> str:
    """Writes a line by RFC 4180. Also quotes semicolons and tabs: some spreadsheets split at them as at commas."""
    return ",".join('"{}"'.format(cell.replace('"', '""')) if _PARTS & set(cell) else cell for cell in cells)


@commands.command("import", epilog=example("suppressions import --dry-run suppressed.csv"))
def import_csv(
    file: Annotated[str, typer.Argument(metavar="CSV", help="A CSV file, or - for standard input.")],
    stream: IntoStream = None, dry_run: DryRun = False, config: ConfigFile = None,
) -> None:
    """Suppresses the recipients in a CSV file and notifies the platform.

    The first line names the columns: recipient, and optionally those of `suppressions export`. Defaults for missing
    values: the stream of --stream, suppressed by import, from now, permanently. An existing suppression is replaced
    only by one that goes further. A bad line is reported and skipped; the exit status is then 1.
    """
    from bounce_watcher.service.announcing import announcer, who_hears

    with ledger_of(config) as (settings, ledger), opened(file) as lines:
        now = utcnow()
        usual = Suppression(
            "", "", State.SUPPRESSED, None, now, ByPerson(f"imported from {clean(file)}"), SuppressionSource.IMPORT
        )
        good = bad = 0

        def read() -> Iterator[Suppression]:
            nonlocal good, bad
            for number, row in named_rows(file, lines, (frozenset({"recipient"}),)):
                try:
                    found = _suppression(row, usual, lambda: stream_for(settings, stream))
                except ValueError as error:
                    bad += 1
                    complain(f"{file}:{number}: {error}")
                else:
                    good += 1
                    yield found

        changed = sum(1 for _ in read()) if dry_run else ledger.suppressions.adopt(read(), now, announcer(settings))
    what, left_out = count(good, "suppression"), f", {count(bad, 'bad line')} skipped" if bad else ""
    if dry_run:
        say(f"would import {what}{left_out}; nothing was written")
    else:
        say(f"{what} read, {changed} of them new or longer{left_out}; {who_hears(settings)}")
    if bad:
        raise typer.Exit(1)


def _suppression(row: Mapping[str, object] | ValueError, usual: Suppression, stream: Callable[[], str]) -> Suppression:
    """Reads a row. Raises ValueError with the problem in words."""
    if isinstance(row, ValueError):
        raise row
    cells = {name: from_csv(str(value).strip()) for name, value in row.items()}

    def cell(name: str, read: Callable[[str], T], default: T) -> T:
        text = cells.get(name, "")
        if not text:
            return default
        try:
            return read(text)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    return Suppression(
        recipient=_address(cells.get("recipient", "")),
        stream=cells.get("stream") or stream(),
        state=cell("state", _one_of(_STATES), usual.state),
        reason=cell("reason", _one_of((COMPLAINT_REASON, *map(str, Reason))), None),
        since=cell("since", _moment, usual.since),
        grounds=ByPerson(cells["because"]) if cells.get("because") else usual.grounds,
        source=cell("source", _one_of(tuple(SuppressionSource)), usual.source),
        bounce_type=cell("bounce_type", _one_of(tuple(BounceType)), None),
        until=cell("until", _moment, None),
        scope=cell("scope", _one_of(tuple(Scope)), usual.scope),
    )


def _address(text: str) -> str:
    try:
        return address(text)
    except typer.BadParameter as error:
        raise ValueError(error.message) from None


def _one_of(choices: tuple[T, ...]) -> Callable[[str], T]:
    def read(text: str) -> T:
        for choice in choices:
            if choice == text:
                return choice
        raise ValueError(f"{text!r} must be one of {', '.join(map(str, choices))}")

    return read


def _moment(text: str) -> datetime:
    try:
        return moment(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time: write 2026-11-24 or 2026-11-24T06:00:00Z") from None


# ── by a filter, like the list of recipients in the browser ─────────────────────────────────────────────────────────

@commands.command(epilog=example(
    'suppressions release --reason mailbox_disabled --provider outlook.com --because "a false alarm" --dry-run'
))
def release(  # noqa: PLR0913, PLR0917 - one parameter an option
    because: Annotated[str, option("TEXT", "The reason; stored, and sent to the platform.", "--because")],
    reason: OnlyReason = None,
    provider: Annotated[str | None, option(
        "PROVIDER", "Only addresses whose mail this provider handles, such as google.com.")] = None,
    domain: Annotated[str | None, option("DOMAIN", "Only addresses of this domain.")] = None,
    stream: Stream = None, state: OnlyState = None,
    since: Annotated[str | None, option("TIME", "Only those last changed at this time or later.", "--from")] = None,
    until: Annotated[str | None, option("TIME", "Only those last changed before this time.", "--to")] = None,
    included: Annotated[list[str] | None, typer.Option(
        "--with", metavar="WHOM",
        help="Also release these: complaint, manual (suppressed by hand), protected. May be repeated.")] = None,
    dry_run: DryRun = False, as_json: Json = False, config: ConfigFile = None,
) -> None:
    """Releases all suppressions that match a filter, and notifies the platform. Earlier bounces no longer count.

    Recipients who complained, were suppressed by hand or are protected are skipped unless you include them; the list
    shows which.
    """
    from bounce_watcher.ledger.db.query import Choice, FilterField, Query
    from bounce_watcher.service.operations.bulk import ReleaseListed

    if state not in (None, *_STATES):
        raise WrongUsage(f"recipients in state {state} are not suppressed: use pending or suppressed")
    for each in included or ():
        if each not in INCLUDABLE:
            raise WrongUsage(f"--with {each}: use one of {', '.join(INCLUDABLE)}")
    choices = {
        FilterField.REASON: reason, FilterField.PROVIDER: provider and provider_of(provider, provider),
        FilterField.DOMAIN: domain, FilterField.STREAM: stream, FilterField.STATE: state and state.value,
    }
    shown = Query({by: Choice((value,)) for by, value in choices.items() if value}, past(since), past(until))
    if shown == Query():
        raise WrongUsage("this would release everybody: name a filter such as --reason, --provider or --from")
    told = {**{by.value: value for by, value in choices.items()}, "from": since, "to": until}
    subject = f"recipients with {'; '.join(f'{name}: {value}' for name, value in told.items() if value)}"
    with ledger_of(config) as (settings, ledger):
        operation = ReleaseListed(settings, ledger, subject, shown, frozenset(map(SkipReason, included or ())))
        list_decided(operation, at_the_shell(because), done="released", dry_run=dry_run, as_json=as_json)
