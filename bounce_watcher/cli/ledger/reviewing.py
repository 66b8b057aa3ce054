"""`review`: unrecognised mail by its wording, a rule for it, tried on all that is stored; and opt-outs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher.cli.framework.opening import at_the_shell, ledger_of
from bounce_watcher.cli.framework.options import ConfigFile, Json, Limit, example, flag, option
from bounce_watcher.cli.framework.output import WrongUsage, clean, count, fields, json_line, listing, progress, say
from bounce_watcher.extras import missing
from bounce_watcher.model.ledger import FAILED_RECIPIENTS, Misread
from bounce_watcher.model.optout import KeptOptOut
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.service.clock import utcnow
from bounce_watcher.words.rows import OPT_OUT_COLUMNS, Row, opt_out_row

if TYPE_CHECKING:
    from bounce_watcher.ledger.review.groups import ReviewGroup
    from bounce_watcher.ledger.store import Ledger
    from bounce_watcher.service.operations.drafting import Trial

app = typer.Typer()
commands = typer.Typer(help="Shows unrecognised mail by wording; drafts a rule and tries it on stored mail.")
app.add_typer(commands, name="review")

Group = Annotated[str, typer.Argument(metavar="GROUP", help="Id of a group, or its first characters.")]
COLUMNS = ("id", "kind", "language", "state", "mails", "recipients", "first_at", "last_at", "codes", "wording")
SAMPLES, LONGEST = 5, 600
"""How many of a group's newest mails are shown, and how many characters of each."""
NO_RULE = "no rule can recognise it: a rule says what the failure of a recipient means, and this names none"
TO_BE_DONE = "an opt-out suppresses nobody: take them off your lists, then mark it with `review done`"
WITHIN = 600.0
"""How many seconds a trial at the shell may take."""
_REASONS = {each.value: each for each in Reason if each.bounce_type is not BounceType.UNDETERMINED}


@commands.command("list", epilog=example("review list"))
def list_groups(
    everything: Annotated[bool, flag("Also those that were set aside or have a rule.", "--all")] = False,
    language: Annotated[str | None, option("CODE", "Only this language, such as de, or unknown.", "--language")] = None,
    limit: Limit = None, as_json: Json = False, config: ConfigFile = None,
) -> None:
    """Lists unrecognised mail grouped by wording: returned groups first, then those with most recipients.

    Addresses, hosts, dates, ids and numbers are masked. None of it changed anything for an address. Kinds: failure (a
    recipient failed, but the words give no reason), notice (looks like a mail system's, but names nobody), letter (does
    not look like a report), opt_out (all requests for no more mail, until each is marked with `review done`).
    """
    from bounce_watcher.ledger.db.query import Choice, FilterField, Query
    from bounce_watcher.ledger.review.groups import OPEN
    from bounce_watcher.policy.language import NAMES, UNKNOWN

    if language not in {None, UNKNOWN} and (lack := missing("languages")):
        raise WrongUsage(f"--language {lack}")
    if language not in {None, UNKNOWN, *NAMES}:
        raise WrongUsage(f"--language {language!r} is not a known ISO 639 code: use one such as de, or unknown")
    states = () if everything else tuple(each.value for each in OPEN)
    wanted = Query({FilterField.STATE: Choice(states), FilterField.LANGUAGE: Choice((language,) if language else ())})
    with ledger_of(config) as (_, ledger):
        listing(map(_row, islice(ledger.review.groups(wanted), limit)), COLUMNS, as_json=as_json)


@commands.command(epilog=example("review show 3f2a"))
def show(group: Group, as_json: Json = False, config: ConfigFile = None) -> None:
    """Shows a group: how many came when, and its newest mail. For opt-outs it shows all that are open."""
    from bounce_watcher.ledger.db.query import Query

    with ledger_of(config) as (_, ledger):
        named = _named(ledger.review.groups(Query()), group)
        found = ledger.review.group(named.gid, utcnow()) or named
        samples = list(_samples(ledger, found))
        waiting = [opt_out_row(each) for each in ledger.review.opt_outs()] if found.kind is Misread.OPT_OUT else []
    if as_json:
        mail = {"opt_outs": waiting} if waiting else {"samples": samples}
        say(json_line({**_row(found), "days": found.days, **mail}))
        return
    if waiting:
        fields(_row(found), 12)
        say()
        listing(waiting, OPT_OUT_COLUMNS[:-2], as_json=False)
        say(TO_BE_DONE)
        return
    days = f"{' '.join(map(str, found.days))} (today's last)" if found.days else None
    providers = ", ".join(f"{name} {number}" for name, number in found.providers.items())
    fields({**_row(found), "providers": providers, "days": days}, 12)
    for sample in samples:
        say()
        fields(sample, 12)
    if found.kind not in FAILED_RECIPIENTS:
        say()
        say(NO_RULE)


def _samples(ledger: Ledger, found: ReviewGroup) -> Iterator[Row]:
    from bounce_watcher.parsing.message import parse
    from bounce_watcher.parsing.smtp_reply import one_line

    for event in ledger.review.events(found.gid, SAMPLES):
        yield {
            "at": event.at, "recipient": event.recipient, "mailbox": event.mailbox,
            "text": one_line(event.diagnostic or event.quote or "")[:LONGEST], "message": event.message_digest,
        }
    for each in ledger.review.mails(found.gid, SAMPLES):
        mail = parse(ledger.lists.message(each.digest) or b"")
        yield {
            "at": each.received_at, "from": mail.headers.get("from"), "mailbox": each.mailbox,
            "subject": mail.headers.get("subject"), "text": one_line(mail.text[:LONGEST * 4])[:LONGEST],
            "message": each.digest,
        }


@commands.command(epilog=example('review draft-rule 3f2a --reason mailbox_full --text "out of * space"'))
def draft_rule(
    group: Group,
    reason: Annotated[str, option("REASON", "Reason that the rule gives, such as mailbox_full.", "--reason")],
    text: Annotated[str | None, option(
        "WORDS", "Words to match, * for what varies. Default: the longest that all have in common.", "--text")] = None,
    code: Annotated[str, option("CODES", "Only with these codes: 5.7.x or 55x.", "--code", show_default=False)] = "",
    remote: Annotated[str, option(
        "HOSTS", "Only from this server, or a domain above it.", "--remote", show_default=False)] = "",
    name: Annotated[str | None, option("ID", "Name of the rule: own.over-quota.", "--id")] = None,
    as_json: Json = False, config: ConfigFile = None,
) -> None:
    """Drafts a rule for a group and tries it on what was stored in the last 90 days. Changes nothing.

    Reports without a server's reply are matched by code and server, unless the reason is hard.

    Shows what the rule matches, what it takes from other rules and who would be suppressed, and prints it as TOML for a
    file in rules_dir. After saving it, reload the service and run reclassify.
    """
    from bounce_watcher.ledger.db.query import Query
    from bounce_watcher.service.operations.drafting import samples_of, suggested, tried

    if reason not in _REASONS:
        raise WrongUsage(f"--reason {reason!r} is none of: {', '.join(_REASONS)}")
    with ledger_of(config) as (settings, ledger):
        found = _named(ledger.review.groups(Query()), group)
        if found.kind not in FAILED_RECIPIENTS:
            raise WrongUsage(f"GROUP {group!r}: {NO_RULE}", "`review show` shows its mail")
        samples = samples_of(ledger, found.gid)
        draft = suggested(found, samples, reason, words=text, code=code, remote=remote, name=name)
        with progress("trying", "reports") as advance:
            outcome = tried(settings, ledger, found, draft, utcnow(), within=WITHIN, advance=advance)
    if as_json:
        say(json_line(_trial_row(found, outcome)))
    else:
        _tell(outcome)
    if outcome.problems:
        raise typer.Exit(1)


def _named(groups: Iterator[ReviewGroup], beginning: str) -> ReviewGroup:
    found = [each for each in groups if each.gid.startswith(beginning.lower())] if beginning else []
    if len(found) != 1:
        told = "several groups begin like this" if found else "no such group"
        raise WrongUsage(f"GROUP {beginning!r}: {told}", "`review list --all` names them")
    return found[0]


def _row(group: ReviewGroup) -> Row:
    return {
        "id": group.gid, "kind": group.kind, "language": group.language, "state": group.state, "mails": group.mails,
        "recipients": group.recipients, "providers": group.providers, "codes": ", ".join(group.codes),
        "first_at": group.first_at, "last_at": group.last_at, "because": group.because, "wording": group.wording,
    }


def _trial_row(group: ReviewGroup, outcome: Trial) -> Row:
    after = outcome.consequence
    return {
        "id": group.gid, "rule": outcome.toml, "problems": outcome.problems, "warnings": outcome.warnings,
        "matched": outcome.matched, "tried": outcome.tried, "kept_matched": outcome.kept_matched, "kept": outcome.kept,
        "others": outcome.others,
        "taken": [{"rule": rule, "reason": was, "number": number} for (rule, was), number in outcome.taken.items()],
        "passing": outcome.passing, "looked_at": outcome.looked_at, "looked_back_to": outcome.looked_back_to,
        "suppressed": after.suppressed, "took_mail": after.took_mail, "released": after.released,
        "decided": after.decided, "of": after.of,
    }


def _tell(outcome: Trial) -> None:
    if outcome.problems:
        say("this is not a valid rule yet:")
        for problem in outcome.problems:
            say(f"  {clean(problem)}")
    else:
        _tell_effects(outcome)
    say()
    say(outcome.toml.rstrip())


def _tell_effects(outcome: Trial) -> None:
    after = outcome.consequence
    say(f"{count(outcome.looked_at, 'stored report')} of 90 days; nothing was changed")
    say(f"matches {outcome.matched} of {outcome.tried} reports of this wording, and {outcome.kept_matched} of "
        f"{outcome.kept} of its kept mails read as a whole")
    say(f"matches {sum(outcome.others.values())} others that are not recognised")
    say(f"takes {sum(outcome.taken.values())} away from other rules")
    if outcome.taken:
        taken = ({"number": number, "rule": rule, "reason": was} for (rule, was), number in outcome.taken.items())
        listing(taken, ("number", "rule", "reason"), as_json=False)
    if outcome.passing:
        say(f"contradiction: {outcome.passing} carry a code 4.x.x, which is temporary, but the reason is hard")
    say(f"effect over 90 days: {after.suppressed} more suppressed, {after.took_mail} of which took mail later; "
        f"{after.released} fewer")
    if after.decided < after.of:
        say(f"decided for the newest {after.decided} of {after.of} reports")
    for warning in outcome.warnings:
        say(clean(warning))


@commands.command(epilog=example('review done 3f2a91 --because "taken off by hand"'))
def done(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Ids of opt-outs, or their first characters.")
    ] = None,
    everything: Annotated[bool, flag("All open opt-outs.", "--all")] = False,
    because: Annotated[str | None, option("TEXT", "A note; kept with them and in the log.", "--because")] = None,
    config: ConfigFile = None,
) -> None:
    """Marks opt-outs as done: they leave the review list and stay with their recipients. `review show opt-outs` lists
    them.

    It sends nothing and suppresses nobody: take the people off your lists first.
    """
    from bounce_watcher.service.operations.reviewing import SettleOptOuts

    if bool(ids) is everything:
        raise WrongUsage("name the ids of opt-outs, or use --all")
    with ledger_of(config) as (settings, ledger):
        waiting = list(ledger.review.opt_outs())
        chosen = waiting if everything else [_opt_out(waiting, each) for each in ids or ()]
        number = SettleOptOuts(settings, ledger, chosen).carry_out(at_the_shell(because))
    say(f"marked as done: {count(number, 'opt-out')}")


def _opt_out(waiting: Sequence[KeptOptOut], beginning: str) -> KeptOptOut:
    from bounce_watcher.ledger.review.optouts import GID

    found = [each for each in waiting if beginning and each.id.startswith(beginning.lower())]
    if len(found) != 1:
        told = "several opt-outs begin like this" if found else "no open opt-out has this id"
        raise WrongUsage(f"ID {beginning!r}: {told}", f"`review show {GID}` lists them")
    return found[0]
