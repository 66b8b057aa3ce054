"""How many reports there were, by what one asks to tell apart: for the shell and for the API."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Engine

from bounce_watcher.ledger.lists.filters import GroupBy
from bounce_watcher.ledger.recording import report_counts
from bounce_watcher.ledger.recording.report_counts import DAY, Asked, CountScope, slot_of, start_of
from bounce_watcher.ledger.recording.sent import sent_by_day
from bounce_watcher.ledger.review import optouts

_COLUMNS = {
    GroupBy.DAY: report_counts.CountBy.SLOT, GroupBy.TYPE: report_counts.CountBy.TYPE,
    GroupBy.REASON: report_counts.CountBy.REASON,
    GroupBy.STREAM: report_counts.CountBy.STREAM,
    GroupBy.PROVIDER: report_counts.CountBy.SUBJECT, GroupBy.SENDING: report_counts.CountBy.SUBJECT,
}


@dataclass(frozen=True, slots=True)
class Stats:
    """`since` <= time < `until`, whole days of UTC; each row holds the values of what is told apart, and `number`.

    `sent` is what the platform reported as sent in these days, None where it reported nothing. `opt_outs` are the
    requests for no more mail that came, which are no reports and in no row.
    """

    since: datetime
    until: datetime
    total: int
    sent: int | None
    rows: Sequence[dict[str, str | int]]
    opt_outs: int = 0


def stats(engine: Engine, since: datetime, until: datetime, by: Sequence[GroupBy], stream: str | None = None) -> Stats:
    """The days that `since` and `until` lie in are counted whole. The largest number first, days in their order.

    Raises ValueError where providers and sendings are to be told apart at once: they are counted apart.
    """
    chosen = list(dict.fromkeys(by))
    scope = _scope(chosen)
    first, behind = _day(since), _day(until + DAY - timedelta(microseconds=1))
    asked = Asked(scope, first, behind, stream)
    counts = report_counts.count(engine, asked, *(_COLUMNS[each] for each in chosen))
    rows = [_row(chosen, values, number) for values, number in counts.items()]
    rows.sort(key=lambda row: (str(row.get("day", "")), -int(row["number"]), [str(row[each]) for each in chosen]))
    sent = sent_by_day(engine, first.date(), behind.date(), stream)
    opt_outs = optouts.came(engine, first, behind, stream)
    return Stats(first, behind, sum(counts.values()), sum(sent.values()) or None, rows, opt_outs)


def _scope(by: Sequence[GroupBy]) -> CountScope:
    if GroupBy.PROVIDER in by and GroupBy.SENDING in by:
        raise ValueError("providers and sendings are counted apart: ask for one of them at a time")
    if GroupBy.PROVIDER in by:
        return CountScope.PROVIDER
    return CountScope.SENDING if GroupBy.SENDING in by else CountScope.DAY


def _row(by: Sequence[GroupBy], values: Sequence[str | int], number: int) -> dict[str, str | int]:
    told = dict(zip(by, values, strict=True))
    row: dict[str, str | int] = {
        str(name): _date(int(value)).isoformat() if name is GroupBy.DAY else value for name, value in told.items()
    }
    return {**row, "number": number}


def _date(slot: int) -> date:
    return start_of(slot, DAY).date()


def _day(at: datetime) -> datetime:
    return start_of(slot_of(at, DAY), DAY)
