"""`explain`: explains messages to a person, and what a reply or diagnostic means."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher.classification.rule import Rule
from bounce_watcher.cli.framework.files import DEFAULT_MESSAGE_BYTES, MessageBytes, messages
from bounce_watcher.cli.framework.opening import config_path, load_settings, stream_for
from bounce_watcher.cli.framework.options import CONFIG_VARIABLE, ConfigFile, IntoStream, example
from bounce_watcher.cli.framework.output import clean, complain, iso, say
from bounce_watcher.ledger.lists.filters import EventFilter
from bounce_watcher.model.errors import BounceWatcherError, PermanentFailure
from bounce_watcher.model.finding import Analysis, Evidence, Kind, RecipientVerdict
from bounce_watcher.model.ledger import BounceEvent, CountedBounce, Decision, History, RecipientRecord, Scope, Step
from bounce_watcher.model.message import RawMessage
from bounce_watcher.model.verdict import Reason, Verdict
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.words import grounds as words
from bounce_watcher.words.explanations import CONFIDENCE
from bounce_watcher.words.rows import doubt_text

if TYPE_CHECKING:
    from bounce_watcher.config import Settings
    from bounce_watcher.ledger.store import Ledger

app = typer.Typer()

WIDEST = 110
"""The most characters in a line, however wide the terminal is."""

STAGES: Mapping[str, str] = {
    "CONNECT": "on connecting, before any recipient was named",
    "EHLO": "in answer to EHLO, before any recipient was named",
    "STARTTLS": "in answer to STARTTLS, before any recipient was named",
    "AUTH": "in answer to AUTH, before any recipient was named",
    "MAIL": "in answer to MAIL FROM, before any recipient was named",
    "RCPT": "in answer to RCPT TO, which names the recipient",
    "DATA": "in answer to DATA, when the recipient had been accepted",
    "DOT": "after the data, when the recipient had been accepted",
}

WITHOUT_A_STAGE: Mapping[Reason, str] = {
    Reason.MESSAGE_EXPIRED: "the retries ran out without another reason",
}
"""Why a verdict differs from its rule's if no stage made it differ, by its new reason."""

KINDS: Mapping[Kind, str] = {
    Kind.BOUNCE: "a report that at least one recipient failed",
    Kind.DELAY: "a report that delivery is delayed and still being tried",
    Kind.COMPLAINT: "a complaint of a recipient, passed on by its provider",
    Kind.AUTO_REPLY: "an automatic answer; it says nothing about delivery",
    Kind.CHALLENGE: "a request to prove that a person sent the mail",
    Kind.DELIVERED: "a report that the mail was delivered or passed on",
    Kind.DISPOSITION: "a receipt that the mail was shown or deleted",
    Kind.UNSUBSCRIBE: "a request to be taken off the list",
    Kind.OTHER: "not a report",
}

GRADES: Mapping[Evidence, str] = {
    Evidence.TOKEN: "the report came to a return path that we signed for this recipient",
    Evidence.SIGNATURE: "the returned original carries our signature",
    Evidence.KNOWN_MESSAGE: "the returned original has the Message-ID of a mail that was sent",
    Evidence.VERP: "the report came to a return path that names this recipient, unsigned",
    Evidence.REPORT: "the address stands in the report's own fields",
    Evidence.PROSE: "the address was found in prose",
}

STEPS: Mapping[Step, str] = {
    Step.NOTE: "only record it",
    Step.WATCH: "count it; not enough to suppress",
    Step.PEND: "suppress, but held back",
    Step.SUPPRESS: "suppress the recipient",
    Step.RELEASE: "release the recipient",
}


@app.command(epilog=example("explain bounce.eml"))
def explain(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A message (.eml), an mbox, a folder, or - for standard input.")
    ],
    stream: IntoStream = None, max_message_bytes: MessageBytes = DEFAULT_MESSAGE_BYTES, config: ConfigFile = None,
) -> None:
    """Explains a verdict: who failed, which words and which rule say so, how well it is proven, and what follows.

    With a configuration it uses that file's rules, policy, keys and ledger; without one, the defaults and an empty
    history.
    """
    from bounce_watcher.classification.ruleset import load_builtin, load_rules
    from bounce_watcher.pipeline import Toolkit, analyse

    found, number = messages([file], max_message_bytes), 0
    with ExitStack() as stack:
        settings, ledger = _surroundings(config, stack)
        toolkit = Toolkit(load_rules(settings.rules), settings.attribution) if settings else Toolkit(load_builtin())
        policy = settings.policy if settings else PolicySettings()
        into = stream_for(settings, stream) if settings else stream
        rules = {rule.id: rule for rule in toolkit.ruleset.rules}
        for number, given in enumerate(found, start=1):
            if number > 1:
                say()
            raw = replace(given, stream=into)
            analysis = analyse(raw.content, toolkit, raw.received_at, raw.mailbox)
            for line in _explained(raw, analysis, _judged(raw, analysis, policy, ledger), rules):
                say(line)
    if not number:
        raise PermanentFailure(f"{file}: contains no message")


def _surroundings(config: Path | None, stack: ExitStack) -> tuple[Settings | None, Ledger | None]:
    """Returns settings and ledger, None where there is none. Only a configuration that was asked for must be valid."""
    from bounce_watcher.ledger.store import Ledger

    asked = config is not None or CONFIG_VARIABLE in os.environ
    if not asked and not config_path(config).exists():
        return None, None
    settings = load_settings(config)
    try:
        ledger = stack.enter_context(Ledger.connect(settings.database_url.get_secret_value()))
        ledger.check()
    except BounceWatcherError as failure:
        complain(f"explained with an empty history: {failure}")
        return settings, None
    return settings, ledger


_Judged = tuple[RecipientVerdict, Decision | None]


def _judged(raw: RawMessage, analysis: Analysis, policy: PolicySettings, ledger: Ledger | None) -> list[_Judged]:
    """Returns each recipient as the ledger would enter it, with the policy's decision; None if it is not entered."""
    from bounce_watcher.policy.decide import decide
    from bounce_watcher.service.analysis.judging import message_record, nobody

    record = message_record(raw, analysis, None)
    if not record.events:
        return [(each, None) for each in analysis.recipients]
    events = ledger.recording.as_proven(record) if ledger else record.events
    entered = {event.id: event for event in events if event.recipient}
    found: list[_Judged] = []
    for each, read in zip(analysis.recipients or [nobody(analysis)], record.events, strict=True):
        event = entered.get(read.id)
        if event is not None:
            found.append((_as_entered(each, read, event), decide(event, _history(event, ledger), policy)))
        elif analysis.recipients:
            found.append((each, None))
    return found


def _as_entered(each: RecipientVerdict, read: BounceEvent, event: BounceEvent) -> RecipientVerdict:
    """Adds what the platform's list of sent mail says beyond what was `read`."""
    if event == read:
        return each
    attribution = replace(
        each.attribution, recipient=event.recipient, evidence=event.evidence, stream=event.stream, sending=event.sending
    )
    return replace(each, attribution=attribution)


def _history(event: BounceEvent, ledger: Ledger | None) -> History:
    """Returns what the ledger knew of the recipient when the report came."""
    records = ledger.lists.recipients(event.recipient) if ledger else []
    record = next((each for each in records if each.stream == event.stream), None)
    if ledger is None or record is None:
        return History(RecipientRecord(event.recipient, event.stream))
    earlier = ledger.lists.events(EventFilter(event.recipient, event.stream, until=event.at))
    counted = tuple(
        CountedBounce.of(each) for each in earlier if each.exclusion is None
    )
    return History(record, counted)


# ── in words ────────────────────────────────────────────────────────────────────────────────────────────────────────

def _explained(raw: RawMessage, analysis: Analysis, judged: list[_Judged], rules: Mapping[str, Rule]) -> Iterator[str]:
    from bounce_watcher.parsing.message import parse
    from bounce_watcher.recognition import answered_by

    yield f"{clean(raw.source)}: {analysis.kind}, {KINDS[analysis.kind]}"
    yield from field("known by", answered_by(parse(raw.content)))
    yield from field("received", iso(raw.received_at))
    yield from field("type", analysis.feedback_type)
    found = analysis.authenticity
    genuine = f"no: {words.doubt(found.failure)}" if found.failure else "; ".join(map(words.passed, found.passes))
    yield from field("genuine", genuine)
    for value in analysis.unreadable:
        yield from field("unreadable", f"{value} (not a mail address by RFC 5321: it names nobody, and goes to review)")
    sent = analysis.sent
    told = (("Subject", sent.subject), ("From", sent.sender), ("Message-ID", sent.message_id),
            ("List-ID", sent.list_id), ("Feedback-ID", sent.feedback_id))
    yield from field("sent mail", "; ".join(f"{name}: {value}" for name, value in told if value))
    yield from _asked(analysis)
    if raw.is_truncated:
        yield from field("note", f"{len(raw.content)} of {raw.size} bytes read")
    for each, decision in judged:
        yield ""
        yield clean(each.attribution.recipient) or "(a recipient that the report does not name)"
        yield from _recipient(each, rules)
        if decision is not None:
            yield from _policy(decision)


def _asked(analysis: Analysis) -> Iterator[str]:
    """Yields lines on who asks by mail for no more mail."""
    found = analysis.opt_out
    if found is None:
        return
    yield from field("asked from", analysis.sender or "no single address")
    yield from field("recipient", found.recipient or "not named, neither by our return path nor by a field of ours")
    yield from field("evidence", f"{found.evidence}: {GRADES[found.evidence]}" if found.recipient else None)
    yield from field("stream", found.stream)
    yield from field("campaign", found.sending)
    yield from field("doubt", doubt_text(found.doubt))


def _recipient(each: RecipientVerdict, rules: Mapping[str, Rule]) -> Iterator[str]:
    report, verdict, finding = each.finding.report, each.verdict, each.finding
    yield from field("action", report.action)
    yield from field("final address", report.final_recipient if report.final_recipient != report.recipient else None)
    if each.attribution.forwarded:
        yield from field("forwarded", f"the mail went on to {report.final_recipient}, which failed")
    diagnostic = report.diagnostic_code or ""
    if verdict is not None:
        yield from verdict_lines(verdict, rules)
        yield from field("diagnostic", diagnostic)
        yield from reply_lines(diagnostic, verdict, report.stage, report.remote_mta)
        if report.status not in (None, verdict.status):
            yield from field("status field", f"{report.status}: too general beside what was said")
    else:
        yield from field("diagnostic", diagnostic)
        yield from field("said by", report.remote_mta)
    yield from field("reported by", finding.reporting_mta)
    provenance = finding.provenance
    where = f"part {provenance.part}" if provenance.part else "the header"
    quoted = "the diagnostic" if provenance.quote == diagnostic else f"“{provenance.quote}”"
    yield from field("found by", f"{provenance.recognizer}, in {where}: {quoted}")
    grade = each.attribution.evidence
    yield from field("evidence", f"{grade}: {GRADES[grade]}")
    yield from field("stream", each.attribution.stream)
    yield from field("campaign", each.attribution.sending)
    yield from field("doubt", doubt_text(each.attribution.doubt))


def _policy(decision: Decision) -> Iterator[str]:
    yield from field("policy would", STEPS[decision.step])
    yield from field("because", words.because(decision.grounds))
    if decision.step is Step.SUPPRESS:
        yield from field("until", iso(decision.until) or "for good")
        yield from field("reaches", "all streams" if decision.scope is Scope.GLOBAL else None)


# ── a verdict ───────────────────────────────────────────────────────────────────────────────────────────────────────

def field(name: str, value: object) -> Iterator[str]:
    """Yields a labelled value, wrapped below itself; nothing if there is no value."""
    text = clean(value)
    if not text:
        return
    lead, width = f"  {name + ':':<15}", min(WIDEST, shutil.get_terminal_size().columns)
    yield from textwrap.wrap(
        text, width, initial_indent=lead, subsequent_indent=" " * len(lead), break_on_hyphens=False
    )


def verdict_lines(verdict: Verdict, rules: Mapping[str, Rule]) -> Iterator[str]:
    """Yields what the verdict is and what it rests on. `rules` are those that it may name, by their ids."""
    yield from field("verdict", _meaning(verdict.reason))
    yield from field("words", verdict.quote and f"“{verdict.quote}”")
    yield from field("confidence", f"{verdict.confidence}: {CONFIDENCE[verdict.confidence]}")
    yield from field("rule", _origin(verdict.rule, rules))
    yield from field("its source", verdict.source)
    if verdict.said is not None:
        yield from field("it says", f"{_meaning(verdict.said)}; but {_because(verdict)}")


def reply_lines(diagnostic: str, verdict: Verdict, stage: str | None, remote: str | None) -> Iterator[str]:
    """Yields what was read from `diagnostic`. `stage` and `remote` are what the report says besides."""
    from bounce_watcher.parsing.smtp_reply import one_line, read_reply

    reply = read_reply(diagnostic)
    if reply.text != one_line(diagnostic):
        yield from field("last reply", reply.text)
    yield from field("code, status", f"{verdict.code or '-'}, {verdict.status or '-'}")
    at = reply.stage or stage
    yield from field("said", at and STAGES.get(at, at))
    yield from field("refused by", remote or reply.host)


def _meaning(reason: Reason) -> str:
    return f"{reason.bounce_type}: {reason.value}, {reason.means}"


def _origin(rule: str, rules: Mapping[str, Rule]) -> str:
    """Returns a rule's name and whether it is built in."""
    from bounce_watcher.classification.ruleset import builtin_files

    if rule in rules:
        file = rules[rule].file
        return f"{rule}, built in" if file in builtin_files() else f"{rule}, yours, in {file}"
    return "no rule matches these words" if rule == "unknown" else f"{rule}: no rule matches; the code decides"


def _because(verdict: Verdict) -> str:
    if verdict.stage is not None:
        return f"it was said {STAGES.get(verdict.stage, verdict.stage)}"
    return WITHOUT_A_STAGE.get(verdict.reason, "the report around it says otherwise")
