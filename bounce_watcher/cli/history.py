"""History: stored events undone, replayed, judged again or erased."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher.cli.framework.opening import alert_named, at_the_shell, ledger_of, load_settings
from bounce_watcher.cli.framework.options import Address, ConfigFile, DryRun, Json, OnlyReason, example, option, past
from bounce_watcher.cli.framework.output import WrongUsage, clean, count, json_line, listing, progress, say
from bounce_watcher.model.ledger import AlertKind, BounceEvent, State
from bounce_watcher.policy.guards.incident import Incident
from bounce_watcher.policy.providers import provider_of
from bounce_watcher.service.clock import utcnow
from bounce_watcher.words import grounds as words
from bounce_watcher.words.rows import Row, explained

if TYPE_CHECKING:
    from bounce_watcher.ledger.history.replaying import Simulated
    from bounce_watcher.ledger.privacy.erasure import Erased
    from bounce_watcher.ledger.store import Ledger
    from bounce_watcher.ledger.suppressions.undo import UndoOutcome
    from bounce_watcher.service.operations.reclassifying import ReclassifiedEvent

app = typer.Typer()

_NOTHING = {
    AlertKind.FORGED: "doubtful reports, which count against nobody",
    AlertKind.ENDPOINT: "a webhook, not reports",
    AlertKind.MAILBOX: "a mailbox, not reports",
    AlertKind.QUIET: "a mailbox, not reports",
    AlertKind.TARGET: "notifications, not reports",
}
_UNDONE = ("recipient", "stream", "events", "released", "state", "because")


@app.command(epilog=example("undo --from 2026-11-14T20:00Z --to 2026-11-15T04:00Z --domain example.org --dry-run"))
def undo(  # noqa: PLR0913, PLR0917 - one parameter an option
    since: Annotated[str | None, option("TIME", "Start of the incident.", "--from")] = None,
    until: Annotated[str | None, option("TIME", "End of the incident.", "--to")] = None,
    alert: Annotated[str | None, option(
        "ID", "Instead: what this alert is about, in its period. See alerts list.")] = None,
    domain: Annotated[str | None, option("DOMAIN", "Only recipients of this domain.")] = None,
    provider: Annotated[str | None, option(
        "PROVIDER", "Only mail that this provider handles, for any domain, such as google.com.")] = None,
    reason: OnlyReason = None, dry_run: DryRun = False, as_json: Json = False, config: ConfigFile = None,
) -> None:
    """Discards reports from an incident, releases what rested on them, and notifies the platform.

    Discarded reports never count again, neither alone nor as confirmation. Recipients suppressed for other reasons or
    by hand stay suppressed. Reports that arrive or are imported later need another undo. An outage alert covers the
    hard bounces that it counts, one about blocks covers everything the provider reported, and a flood covers all
    unproven reports, from the beginning of its first day.
    """
    from bounce_watcher.service.operations.bulk import UndoIncident

    narrowed = _narrowed(since, until, alert, provider)
    released = struck = recipients = 0

    def row(undone: UndoOutcome) -> Row:
        nonlocal released, struck, recipients
        recipients += 1
        released += undone.released
        struck += undone.events
        advance(1)
        return {
            "recipient": undone.recipient, "stream": undone.stream, "events": undone.events,
            "released": undone.released, "state": undone.state, **explained(undone.grounds),
        }

    drawn = progress("undoing", "recipients", shown=not sys.stdout.isatty())
    with ledger_of(config) as (settings, ledger), drawn as advance:
        incident = replace(narrowed or _of_alert(ledger, alert or ""), domain=domain, reason=reason)
        operation, by = UndoIncident(settings, ledger, alert or words.scene(incident.scene), incident), at_the_shell()
        outcomes = operation.rehearse(by) if dry_run else operation.carry_out(by)
        listing(map(row, outcomes), _UNDONE, as_json=as_json)
    if as_json:
        return
    say(f"{'would release' if dry_run else 'released'} {released} of {count(recipients, 'recipient')}; "
        f"{count(struck, 'event')} {'would no longer count' if dry_run else 'no longer count'}")


def _narrowed(since: str | None, until: str | None, alert: str | None, provider: str | None) -> Incident | None:
    """Returns the incident as far as the command line describes it; None if an alert does."""
    if alert is not None:
        if (since, until, provider) != (None, None, None):
            raise WrongUsage("--alert sets the period and the provider: omit --from, --to and --provider")
        return None
    begin, end = past(since), past(until)
    if begin is None or end is None:
        raise WrongUsage("no period: name --from and --to, or an --alert (bounce-watcher alerts list)")
    if end < begin:
        raise WrongUsage("--to is before --from")
    return Incident(begin, end, provider=provider and provider_of(provider, provider))


def _of_alert(ledger: Ledger, name: str) -> Incident:
    alert = alert_named(ledger, name)
    incident = Incident.of(alert)
    if incident is None:
        raise WrongUsage(f"alert {name} is about {_NOTHING[alert.kind]}: there is nothing to undo")
    return incident


_SIMULATED = ("day", "reason", "now", "then", "new", "no_more", "took_mail")


@dataclass(slots=True)
class Summary:
    """Counts suppressions by day and reason: bounded, however many recipients there are."""

    counts: defaultdict[tuple[date, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, found: Simulated) -> None:
        measured = found.then or found.now
        if measured is None:
            return
        self.counts[measured.since.date(), measured.reason or ""].update({
            "now": found.now is not None, "then": found.then is not None,
            "new": found.now is None, "no_more": found.then is None,
            "took_mail": found.took_mail_at is not None and found.then is not None,
        })

    def rows(self) -> Iterator[Row]:
        """Yields a row for each day and reason, then the total."""
        def row(day: object, reason: str, counts: Counter[str]) -> Row:
            return {"day": day, "reason": reason, **{name: int(counts[name]) for name in _SIMULATED[2:]}}

        for (day, reason), counts in sorted(self.counts.items()):
            yield row(day, reason, counts)
        yield row("all", "all", sum(self.counts.values(), Counter[str]()))


@app.command(epilog=example("simulate --config stricter.toml --json"))
def simulate(as_json: Json = False, config: ConfigFile = None) -> None:
    """Replays the stored history under the policy of another configuration. Changes nothing.

    Shows by day and reason who is suppressed now, who would be, and who of them later received mail. With --json also
    one line for each recipient whose suppression would begin or end. The other configuration is a copy of yours with a
    different [policy]. Its [policy.guard] is not simulated: recipients the guard released are released here too,
    reports it discarded in an outage never count, and it holds back nobody else.
    """
    from bounce_watcher.ledger.store import Ledger
    from bounce_watcher.service.operations import simulating

    settings = load_settings(config)

    def count_events() -> int:
        with Ledger.connect(settings.database_url.get_secret_value()) as ledger:
            return ledger.history.count_events()

    summary = Summary()
    with progress("simulating", "events", total=count_events) as advance:
        for part in simulating.simulate(settings, utcnow()):
            for found in part.found:
                summary.add(found)
                if as_json:
                    say(json_line(_simulated_row(found)))
            advance(part.events)
    rows = summary.rows()
    if as_json:
        rows = ({"type": "total" if row["day"] == "all" else "day", **row} for row in rows)
    listing(rows, _SIMULATED, as_json=as_json)


def _simulated_row(found: Simulated) -> Row:
    measured = found.then or found.now
    assert measured is not None
    return {
        "type": "recipient", "recipient": found.recipient, "stream": found.stream,
        "now": found.now is not None, "then": found.then is not None,
        "reason": measured.reason, "since": measured.since, "until": measured.until,
        **explained(measured.grounds), "took_mail_at": found.took_mail_at,
    }


_REVISED = ("at", "recipient", "stream", "was", "is", "old_rule", "rule", "old_state", "state")


@app.command("reclassify", epilog=example("reclassify --since 30d --dry-run"))
def reclassify_stored(
    since: Annotated[str | None, option("TIME", "Since 2026-11-01, or 7d for 7 days ago. Default: all.")] = None,
    dry_run: DryRun = False, as_json: Json = False, config: ConfigFile = None,
) -> None:
    """Classifies stored messages and diagnostics by the current rules, and corrects what changed.

    Old verdicts stay visible in `formerly` of each event. The recipients' histories are decided again: suppressions
    without a remaining reason are released, new ones are added, and the platform is notified of both. An interrupted
    run can be started again.
    """
    from bounce_watcher.service.operations.reclassifying import reclassify

    changes = released = 0

    def row(found: ReclassifiedEvent) -> Row:
        nonlocal changes, released
        changes += 1
        released += found.was is State.SUPPRESSED and found.state is not State.SUPPRESSED
        before, after = found.before, found.after
        return {
            "id": after.id, "at": after.at, "recipient": after.recipient, "stream": after.stream,
            "was": _verdict(before) if before else "not understood", "is": _verdict(after),
            "old_rule": before.rule if before else None, "rule": after.rule,
            "old_state": found.was, "state": found.state,
        }

    with ledger_of(config) as (settings, ledger), progress("reclassifying", shown=not sys.stdout.isatty()) as advance:
        found = reclassify(settings, ledger, past(since), dry_run=dry_run, advance=advance)
        listing(map(row, found), _REVISED, as_json=as_json)
    if not as_json:
        did = "would be corrected; suppressions that would end" if dry_run else "corrected; suppressions ended"
        say(f"{count(changes, 'event')} {did}: {released}")


def _verdict(event: BounceEvent) -> str:
    return " ".join(filter(None, (event.bounce_type, event.reason))) or event.action or "no failure"


NoVacuum = Annotated[bool, option(
    "", "Don't clean the files now: the service does it, or `db vacuum` once after many.", "--no-vacuum")]


@app.command(epilog=example("forget user@example.org --dry-run"))
def forget(
    address: Address, dry_run: DryRun = False, no_vacuum: NoVacuum = False, as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Erases what is stored about an address; a suppression stays in force under a keyed hash.

    Messages that name it lose their raw content, its events their words, webhooks their bodies, and all other texts the
    address. `suppressions show` and new reports find it by the hash. The SQLite file is rewritten (VACUUM); for
    PostgreSQL see `db vacuum`. Mail folders, logs, the platform and backups of the database are not changed.
    """
    from bounce_watcher.service.operations.recipients import Forget

    with ledger_of(config) as (settings, ledger), progress("looking through") as advance:
        operation, by = Forget(settings, ledger, address), at_the_shell()
        erased = operation.rehearse(by, advance) if dry_run else operation.carry_out(by, advance)
        left = "left" if dry_run or no_vacuum else operation.clean_files().value
    if as_json:
        counts = {field.name: getattr(erased, field.name) for field in fields(erased)}
        say(json_line({"recipient": address, "dry_run": dry_run, **counts, "files": None if dry_run else left}))
        return
    _tell_erased(address, erased, dry_run=dry_run)
    if not dry_run:
        say(_OF_FILES[left])


_LATER = "run: bounce-watcher db vacuum"
_OF_FILES = {  # by the value of `ledger.files.Files`
    "clean": "the database was rewritten: its files hold nothing that was erased",
    "left": f"the files of the database may still hold what was erased; {_LATER}",
    "busy": "another connection was in the way: the files of the database may still hold what was erased. The "
    f"running service tries again each minute; without one {_LATER}",
    "too_large": "the database is too large to be written anew beside the service, so its file may still hold what "
    f"was erased; at a quiet time {_LATER}",
    "no_room": "the disk has no room for a copy of the database, whose file may still hold what was erased: make "
    f"room, then {_LATER}",
    "dead_rows": f"PostgreSQL keeps what was erased in dead rows of its files; {_LATER}. Its WAL, replicas and "
    "backups keep it until they are gone",
}


def _tell_erased(address: str, erased: Erased, *, dry_run: bool) -> None:
    kinds = (
        (erased.messages, "message"), (erased.events, "event"), (erased.records, "record"), (erased.mails, "sent mail"),
        (erased.webhooks, "webhook"), (erased.protections, "protection"), (erased.opt_outs, "opt-out"),
    )
    listed = ", ".join(count(number, kind) for number, kind in kinds)
    say(f"{'would be erased' if dry_run else 'erased'}: {listed}")
    if erased.suppressions:
        say(f"{clean(address)} stays suppressed in {count(erased.suppressions, 'stream')}, under a keyed hash")
    if erased.mentions:
        say(f"{'would be removed' if dry_run else 'removed'} from the texts of {count(erased.mentions, 'other row')}")
    if erased.due:
        say(f"{count(erased.due, 'webhook')} still due: each keeps the address until it is delivered or discarded")
