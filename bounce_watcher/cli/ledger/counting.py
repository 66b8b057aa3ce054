"""`stats` and `top`: how many reports arrived, and which providers, reasons or streams lead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher.cli.framework.errors import WrongUsage
from bounce_watcher.cli.framework.ledgers import ledger_of
from bounce_watcher.cli.framework.options import ConfigFile, Debug, Json, Stream, example
from bounce_watcher.cli.framework.output import count, say
from bounce_watcher.cli.framework.tables import listing
from bounce_watcher.cli.framework.times import past
from bounce_watcher.ledger.lists.filters import GroupBy
from bounce_watcher.service.clock import utcnow
from bounce_watcher.words.rows import Row

if TYPE_CHECKING:
    from bounce_watcher.ledger.lists.figures import Stats
    from bounce_watcher.ledger.store import Ledger

USUAL = timedelta(days=30)

Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="From this day (UTC): 2026-11-01, or 7d for 7 days ago. Default: "
                                                  "30d.")
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Up to and including this day. Default: today.")]


class Thing(StrEnum):
    """What `top` ranks."""

    PROVIDERS = "providers"
    REASONS = "reasons"
    STREAMS = "streams"
    SENDINGS = "sendings"
    TYPES = "types"


_DIMENSIONS = {
    Thing.PROVIDERS: GroupBy.PROVIDER, Thing.REASONS: GroupBy.REASON, Thing.STREAMS: GroupBy.STREAM,
    Thing.SENDINGS: GroupBy.SENDING,
    Thing.TYPES: GroupBy.TYPE,
}


def register(app: typer.Typer) -> None:
    app.command("stats", epilog=example("stats --by day --by type --since 7d"))(told_stats)
    app.command("top", epilog=example("top providers --since 7d"))(top)


def told_stats(
    by: Annotated[list[GroupBy] | None, typer.Option("--by", help="What to group by. May be repeated.")] = None,
    stream: Stream = None,
    since: Since = None,
    until: Until = None,
    as_json: Json = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Counts failures and complaints, by type by default, in whole days (UTC).

    `sent` is how many mails the platform reported as sent in these days. Delays, auto-replies and receipts are not
    counted; opt-outs are listed apart, as they are not reports.
    """
    begin, end = _period(since, until)
    with ledger_of(config) as (_, ledger):
        found = _stats(ledger, begin, end, by or [GroupBy.TYPE], stream)
    period = {"since": found.since, "until": found.until, "opt_outs": found.opt_outs}
    rows = ({**row, **period} for row in found.rows)
    listing(rows, [*map(str, by or [GroupBy.TYPE]), "number"], as_json=as_json)
    if as_json:
        return
    sent = "" if found.sent is None else f" of {count(found.sent, 'mail')} sent"
    asked = f"; {count(found.opt_outs, 'opt-out')}" if found.opt_outs else ""
    say(f"{count(found.total, 'report')}{sent}, {_days(found)}{asked}")


def top(
    what: Annotated[Thing, typer.Argument(metavar="WHAT", help=f"One of: {', '.join(Thing)}.")] = Thing.PROVIDERS,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Number of rows.")] = 10,
    stream: Stream = None,
    since: Since = None,
    until: Until = None,
    as_json: Json = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Shows the most frequent providers, reasons or streams, with their share and their number in the period before."""
    begin, end = _period(since, until)
    dimension = _DIMENSIONS[what]
    with ledger_of(config) as (_, ledger):
        now = _stats(ledger, begin, end, [dimension], stream)
        before = _stats(ledger, now.since - (now.until - now.since), now.since - timedelta(microseconds=1),
                        [dimension], stream)
    rows = _compared(now, before, dimension)
    listing(rows[:limit], (dimension.value, "number", "share", "before", "change"), as_json=as_json)
    if not as_json:
        say(f"{count(now.total, 'report')}, {_days(now)}")


def _compared(now: Stats, before: Stats, dimension: GroupBy) -> Sequence[Row]:
    earlier = {row[dimension]: int(row["number"]) for row in before.rows}
    rows: list[Row] = []
    for row in now.rows:
        number, old = int(row["number"]), earlier.get(row[dimension], 0)
        share = round(number / now.total, 4)
        rows.append({**row, "share": share, "before": old, "change": number - old})
    return rows


def _period(since: str | None, until: str | None) -> tuple[datetime, datetime]:
    end = past(until) or utcnow()
    begin = past(since) or end - USUAL
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
