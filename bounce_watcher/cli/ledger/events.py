"""`events`, `stats` and `top`: every recipient of every report, and counts of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher.cli.framework.opening import ledger_of
from bounce_watcher.cli.framework.options import ConfigFile, Json, Limit, Stream, example, flag, option, past
from bounce_watcher.cli.framework.output import WrongUsage, count, listing, say
from bounce_watcher.ledger.lists.filters import EventFilter, GroupBy
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.service.clock import utcnow
from bounce_watcher.words.rows import EVENT_COLUMNS, Row, event_row

if TYPE_CHECKING:
    from bounce_watcher.ledger.lists.figures import Stats
    from bounce_watcher.ledger.store import Ledger

app = typer.Typer()
commands = typer.Typer(help="Lists reported bounces and complaints, one event per recipient of a report.")
app.add_typer(commands, name="events")


@commands.command("list", epilog=example("events list --reason mailbox_full --since 7d"))
def list_events(  # noqa: PLR0913, PLR0917 - one parameter an option
    recipient: Annotated[str | None, option("ADDRESS", "Only this address.")] = None,
    stream: Stream = None,
    kind: Annotated[Kind | None, option("KIND", "Only this kind.", show_choices=False)] = None,
    bounce_type: Annotated[BounceType | None, typer.Option(help="Only this type.")] = None,
    reason: Annotated[str | None, option("REASON", "Only this reason, such as mailbox_full.")] = None,
    since: Annotated[str | None, option("TIME", "From this time: 2026-11-01, or 7d for 7 days ago.")] = None,
    until: Annotated[str | None, option("TIME", "Before this time.")] = None,
    newest_first: Annotated[bool, flag("Newest first.", "--newest-first")] = False,
    limit: Limit = None,
    hashed: Annotated[bool, flag(
        "For statistics: pseudonyms instead of addresses, no words of mail.", "--hashed")] = False,
    as_json: Json = False, config: ConfigFile = None,
) -> None:
    """Lists events in order of time.

    With --hashed each address is replaced by a pseudonym that is the same in every list, with its domain, and the words
    of mail are left out. JSON output is always like this if the configuration sets hashed_exports.
    """
    from bounce_watcher.ledger.naming.pseudonym import hidden

    known = next((each for each in Reason if each == reason), None)
    if reason is not None and known is None:
        raise WrongUsage(f"{reason!r} is not a reason", f"use one of: {', '.join(Reason)}")
    wanted = EventFilter(
        recipient=recipient, stream=stream, kind=kind, bounce_type=bounce_type,
        reason=known, since=past(since), until=past(until), limit=limit, newest_first=newest_first,
    )
    with ledger_of(config, to_look=True) as (settings, ledger):
        events = ledger.lists.events(wanted)
        if hashed or (as_json and settings.hashed_exports):
            events = map(partial(hidden, name=ledger.lists.pseudonyms()), events)
        listing(map(event_row, events), EVENT_COLUMNS, as_json=as_json)


# ── counts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

Since = Annotated[str | None, option("TIME", "From this day (UTC): 2026-11-01, or 7d for 7 days ago. Default: 30d.")]
Until = Annotated[str | None, option("TIME", "Up to and including this day. Default: today.")]


Thing = StrEnum("Thing", ("PROVIDERS", "REASONS", "STREAMS", "SENDINGS", "TYPES"))
"""What `top` ranks: plurals of what `stats` groups by."""


@app.command("stats", epilog=example("stats --by day --by type --since 7d"))
def told_stats(
    by: Annotated[list[GroupBy] | None, typer.Option("--by", help="What to group by. May be repeated.")] = None,
    stream: Stream = None, since: Since = None, until: Until = None, as_json: Json = False, config: ConfigFile = None,
) -> None:
    """Counts failures and complaints, by type by default, in whole days (UTC).

    `sent` is how many mails the platform reported as sent in these days. Delays, auto-replies and receipts are not
    counted; opt-outs are listed apart, as they are not reports.
    """
    by = by or [GroupBy.TYPE]
    begin, end = _period(since, until)
    with ledger_of(config) as (_, ledger):
        found = _stats(ledger, begin, end, by, stream)
    period = {"since": found.since, "until": found.until, "opt_outs": found.opt_outs}
    listing(({**row, **period} for row in found.rows), [*map(str, by), "number"], as_json=as_json)
    if as_json:
        return
    sent = "" if found.sent is None else f" of {count(found.sent, 'mail')} sent"
    asked = f"; {count(found.opt_outs, 'opt-out')}" if found.opt_outs else ""
    say(f"{count(found.total, 'report')}{sent}, {_days(found)}{asked}")


@app.command("top", epilog=example("top providers --since 7d"))
def top(
    what: Annotated[Thing, typer.Argument(metavar="WHAT", help=f"One of: {', '.join(Thing)}.")] = Thing.PROVIDERS,
    limit: Annotated[int, option("N", "Number of rows.", "--limit", min=1)] = 10,
    stream: Stream = None, since: Since = None, until: Until = None, as_json: Json = False, config: ConfigFile = None,
) -> None:
    """Shows the most frequent providers, reasons or streams, with their share and their number in the period before."""
    begin, end = _period(since, until)
    dimension = GroupBy(what.removesuffix("s"))
    with ledger_of(config) as (_, ledger):
        now = _stats(ledger, begin, end, [dimension], stream)
        before = _stats(ledger, now.since - (now.until - now.since), now.since - timedelta(microseconds=1),
                        [dimension], stream)
    earlier = {row[dimension]: int(row["number"]) for row in before.rows}
    rows: list[Row] = []
    for row in now.rows[:limit]:
        number, old = int(row["number"]), earlier.get(row[dimension], 0)
        rows.append({**row, "share": round(number / now.total, 4), "before": old, "change": number - old})
    listing(rows, (dimension.value, "number", "share", "before", "change"), as_json=as_json)
    if not as_json:
        say(f"{count(now.total, 'report')}, {_days(now)}")


def _period(since: str | None, until: str | None) -> tuple[datetime, datetime]:
    end = past(until) or utcnow()
    begin = past(since) or end - timedelta(days=30)
    if begin > end:
        raise WrongUsage("--since is later than --until")
    return begin, end


def _stats(ledger: Ledger, begin: datetime, end: datetime, by: Sequence[GroupBy], stream: str | None) -> Stats:
    try:
        return ledger.figures.stats(begin, end, by, stream)
    except ValueError as error:
        raise WrongUsage(str(error)) from None


def _days(found: Stats) -> str:
    last = found.until - timedelta(days=1)
    return f"{found.since.date()} to {last.date()} (UTC)"
