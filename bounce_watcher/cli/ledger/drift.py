"""`drift`: compares a platform's own list with the ledger, and fixes the difference."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher.cli.framework.opening import IN_SHADOW, ledger_of, stream_for
from bounce_watcher.cli.framework.options import ConfigFile, DryRun, Json, example, flag
from bounce_watcher.cli.framework.output import WrongUsage, count, listing, progress, say
from bounce_watcher.cli.ledger.outbox import target_named
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.list_comparison import FIXED_AT, DifferenceKind, Side
from bounce_watcher.policy.settings import Mode
from bounce_watcher.words.grounds import difference
from bounce_watcher.words.rows import Row

if TYPE_CHECKING:
    from bounce_watcher.config import Settings
    from bounce_watcher.outbox.platform import Platform
    from bounce_watcher.service.operations.drift import Drift

    Told = Counter[tuple[Side, DifferenceKind]]

app = typer.Typer()

COLUMNS = ("recipient", "stands", "case", "fix", "since", "because")


@app.command("drift", epilog=example("drift --fix there --dry-run newsletter"))
def show_drift(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The name of a platform.")],
    fix: Annotated[Side | None, typer.Option(
        "--fix", metavar="SIDE", show_choices=False,
        help="Change this side: there, so that the platform follows the ledger; or here, so that the ledger takes "
             "over the platform's own suppressions.",
    )] = None,
    stream: Annotated[str | None, typer.Option(
        "--stream", metavar="STREAM",
        help="With --fix here: suppress in this stream. Required if the platform gets several.",
    )] = None,
    dry_run: DryRun = False,
    yes: Annotated[bool, flag("Don't ask for confirmation.", "--yes", "-y")] = False,
    as_json: Json = False, config: ConfigFile = None,
) -> None:
    """Compares a platform's own list with the ledger, and shows who is on only one of them.

    --fix there queues what the platform lacks. It removes only recipients that we added and have released since:
    whoever unsubscribed at the platform stays unsubscribed.

    --fix here imports the platform's own suppressions, with the source "platform" and the reason already_suppressed,
    which never counts as a bounce. All other targets are notified. It releases nobody here.

    With --dry-run it shows only what --fix would change. A platform may take some minutes to list recent changes.
    """
    from bounce_watcher.outbox.platform import Platform
    from bounce_watcher.service.announcing import who_hears
    from bounce_watcher.service.operations.drift import drift

    with ledger_of(config) as (settings, ledger):
        platform = target_named(settings, target)
        if not isinstance(platform, Platform):
            names = ", ".join(each.name for each in settings.platforms)
            raise WrongUsage(f"{platform.label} gets events and keeps no list", f"platforms are: {names or 'none'}")
        into = _stream_into(settings, platform, fix, stream)
        if fix is Side.THERE and not dry_run and settings.policy.mode is Mode.SHADOW:
            raise PermanentFailure(IN_SHADOW)
        with drift(settings, ledger, platform) as found:
            with progress("reading its list", "entries") as advance:
                found.read(advance)
            told = _show(found, fix, as_json=as_json)
            if not as_json:
                _sum_up(platform, found, told, fix)
            wanted = sum(number for (_, case), number in told.items() if FIXED_AT.get(case) is fix)
            if fix is None or dry_run or not wanted or not (yes or _agreed(fix, wanted)):
                return
            done = found.fix_there() if fix is Side.THERE else found.fix_here(into)
        if not as_json:
            say(f"{count(done, 'recipient')} {_DONE[fix]}; {who_hears(settings)}")


_DONE = {Side.THERE: "put into the outbox", Side.HERE: "imported"}
_WOULD = {Side.THERE: "would be sent to it", Side.HERE: "would be imported"}


def _show(found: Drift, fix: Side | None, *, as_json: bool) -> Told:
    told: Told = Counter()

    def rows() -> Iterator[Row]:
        for each in found.lists.differences():
            told[each.side, each.case] += 1
            if fix is None or each.fixed_at is fix:
                yield {
                    "recipient": each.address, "stands": each.side, "case": each.case, "fix": each.fixed_at,
                    "stream": each.stream, "reason": each.reason, "since": each.since,
                    "because": difference(each.cause), "why": each.cause.why, "answer": each.cause.answer,
                }

    listing(rows(), COLUMNS, as_json=as_json)
    return told


def _sum_up(platform: Platform, found: Drift, told: Told, fix: Side | None) -> None:
    left_out = f"; {found.skipped} entries of its list are not addresses" if found.skipped else ""
    here, there = found.lists.count(Side.HERE), found.lists.count(Side.THERE)
    say(f"{platform.label} lists {there}; suppressed here for it: {here}{left_out}")
    for side in Side:
        cases = {case: number for (where, case), number in sorted(told.items()) if where is side}
        parts = ", ".join(f"{number} {case.value.replace('_', ' ')}" for case, number in cases.items())
        say(f"only {side}: {sum(cases.values())}" + (f" ({parts})" if parts else ""))
    for side in Side if fix is None else (fix,):
        number = sum(number for (_, case), number in told.items() if FIXED_AT.get(case) is side)
        if number or fix:
            say(f"--fix {side}: {count(number, 'recipient')} {_WOULD[side]}")


def _stream_into(settings: Settings, platform: Platform, fix: Side | None, stream: str | None) -> str:
    """Returns the stream for --fix here; "" without it."""
    if fix is not Side.HERE:
        if stream is not None:
            raise WrongUsage("--stream says where --fix here imports to: add --fix here, or omit it")
        return ""
    mirrored = platform.streams
    if stream is None and len(mirrored) == 1:
        return mirrored[0]
    if mirrored and stream not in mirrored:
        raise WrongUsage(f"{platform.label} gets the streams {', '.join(mirrored)}: add --stream with one of them")
    return stream_for(settings, stream)


def _agreed(fix: Side, number: int) -> bool:
    """Asks a person at a terminal. A script is expected to use --dry-run first."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    return typer.confirm(f"--fix {fix} for {count(number, 'recipient')}?")
