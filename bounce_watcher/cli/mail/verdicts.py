"""Writes a verdict as text: what a failure means, by which rule, and how a reply was read."""

import shutil
import textwrap
from collections.abc import Iterator, Mapping

from bounce_watcher.classification.rule import Rule
from bounce_watcher.cli.framework.output import clean
from bounce_watcher.model.verdict import Reason, Verdict

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
    Reason.RECIPIENT_FILTERED: "no status, no command and no known system supports the words",
    Reason.MESSAGE_EXPIRED: "the retries ran out without another reason",
}
"""Why a verdict differs from its rule's if no stage made it differ, by its new reason."""


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
