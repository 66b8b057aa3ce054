"""`simulate`: replays the stored history under another policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import typer

from bounce_watcher.cli.framework.configuration import load_settings
from bounce_watcher.cli.framework.options import ConfigFile, Debug, Json, example
from bounce_watcher.cli.framework.output import json_line, say
from bounce_watcher.cli.framework.tables import progress, table
from bounce_watcher.service.clock import utcnow
from bounce_watcher.words.rows import Row, explained

if TYPE_CHECKING:
    from bounce_watcher.config import Settings
    from bounce_watcher.ledger.history.replaying import Simulated

COLUMNS = ("day", "reason", "now", "then", "new", "no_more", "took_mail")


@dataclass(slots=True)
class Summary:
    """Counts suppressions by day and reason: bounded, however many recipients there are."""

    counts: dict[tuple[date, str], Counter[str]] = field(default_factory=dict)

    def add(self, found: Simulated) -> None:
        measured = found.then or found.now
        if measured is None:
            return
        row = self.counts.setdefault((measured.since.date(), measured.reason or ""), Counter())
        row.update({
            "now": found.now is not None,
            "then": found.then is not None,
            "new": found.now is None,
            "no_more": found.then is None,
            "took_mail": found.took_mail_at is not None and found.then is not None,
        })

    def rows(self) -> Iterator[Row]:
        for (day, reason), counts in sorted(self.counts.items()):
            yield {"day": day, "reason": reason, **{name: int(counts[name]) for name in COLUMNS[2:]}}

    def total(self) -> Row:
        total: Counter[str] = Counter()
        for counts in self.counts.values():
            total.update(counts)
        return {"day": "all", "reason": "all", **{name: int(total[name]) for name in COLUMNS[2:]}}


def register(app: typer.Typer) -> None:
    app.command(epilog=example("simulate --config stricter.toml --json"))(simulate)


def simulate(as_json: Json = False, config: ConfigFile = None, debug: Debug = False) -> None:
    """Replays the stored history under the policy of another configuration. Changes nothing.

    Shows by day and reason who is suppressed now, who would be, and who of them later received mail. With --json also
    one line for each recipient whose suppression would begin or end. The other configuration is a copy of yours with a
    different [policy]. Its [policy.guard] is not simulated: recipients the guard released are released here too,
    reports it discarded in an outage never count, and it holds back nobody else.
    """
    from bounce_watcher.service.operations import simulating

    settings = load_settings(config)
    summary = Summary()
    with progress("simulating", "events", total=partial(_count_events, settings)) as advance:
        for part in simulating.simulate(settings, utcnow()):
            for found in part.found:
                summary.add(found)
                if as_json:
                    say(json_line(_row(found)))
            advance(part.events)
    if as_json:
        for row in summary.rows():
            say(json_line({"type": "day", **row}))
        say(json_line({"type": "total", **summary.total()}))
        return
    table(COLUMNS, ([row[name] for name in COLUMNS] for row in (*summary.rows(), summary.total())))


def _count_events(settings: Settings) -> int:
    from bounce_watcher.ledger.store import Ledger

    with Ledger.connect(settings.database_url.get_secret_value()) as ledger:
        return ledger.history.count_events()


def _row(found: Simulated) -> Row:
    measured = found.then or found.now
    assert measured is not None
    return {
        "type": "recipient",
        "recipient": found.recipient,
        "stream": found.stream,
        "now": found.now is not None,
        "then": found.then is not None,
        "reason": measured.reason,
        "since": measured.since,
        "until": measured.until,
        **explained(measured.grounds),
        "took_mail_at": found.took_mail_at,
    }
