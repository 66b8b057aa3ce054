"""`classify` and `classify-reply`: what messages and single SMTP replies say."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import starmap
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from bounce_watcher.cli.framework.files import DEFAULT_MESSAGE_BYTES, MessageBytes, Paths, messages
from bounce_watcher.cli.framework.opening import rules_of
from bounce_watcher.cli.framework.options import Json, RulesOf, example, flag
from bounce_watcher.cli.framework.output import clean, complain, listing, progress, say
from bounce_watcher.cli.mail.explain import reply_lines, verdict_lines
from bounce_watcher.words.rows import Row

if TYPE_CHECKING:
    from bounce_watcher.classification.ruleset import Ruleset

app = typer.Typer()

COLUMNS = ("source", "kind", "recipient", "bounce_type", "reason", "status", "rule", "diagnostic")


@app.command(epilog=example("classify --json bounces.mbox | jq ."))
def classify(
    paths: Paths, as_json: Json = False, max_message_bytes: MessageBytes = DEFAULT_MESSAGE_BYTES, config: RulesOf = None
) -> None:
    """Classifies messages: who failed, and why. Needs no configuration and changes nothing.

    Prints one line per recipient, or with --json one object per message, in the order of the input.
    """
    from bounce_watcher.cli.mail.workers import classified

    problems: list[str] = []
    rules = rules_of(config)
    given = messages(paths, max_message_bytes)

    def rows() -> Iterator[Row]:
        for row in classified(given, rules):
            advance(1)
            if "error" in row:
                problems.append(f"{row['source']}: the analysis failed: {row['error']}; please report it")
            recipients = row["recipients"]
            assert isinstance(recipients, list)
            yield from [row] if as_json else [{**row, **each} for each in recipients or [{}]]

    with progress("classifying", shown=not sys.stdout.isatty()) as advance:
        listing(rows(), COLUMNS, as_json=as_json)
    _end(problems)


def _end(problems: list[str]) -> None:
    for problem in problems:
        complain(problem)
    if problems:
        raise typer.Exit(1)


# ── single replies ──────────────────────────────────────────────────────────────────────────────────────────────────

_REPLIES = ("reason", "bounce_type", "rule", "code", "status", "text")


class GivenReply(NamedTuple):
    id: object
    text: str
    remote: str | None = None


@app.command("classify-reply", epilog=example('classify-reply "552 5.2.2 mailbox full"'))
def replies(
    texts: Annotated[list[str] | None, typer.Argument(
        metavar="TEXT", help="Replies or diagnostics. Without any, or with -, reads standard input, one per line."
    )] = None,
    jsonl: Annotated[bool, flag(
        'JSON lines in and out: reads {"id", "text"} and, where known, "remote".', "--jsonl")] = False,
    as_json: Json = False, config: RulesOf = None,
) -> None:
    """Classifies SMTP replies: the reason, the bounce type, and the rule that decides.

    Replies on the command line are explained in words; each line of standard input gets one line.
    """
    from bounce_watcher.classification.ruleset import load_rules

    problems: list[str] = []
    is_piped = texts in (None, [], ["-"])
    given = _from_stdin(jsonl, problems) if is_piped else starmap(GivenReply, enumerate(texts or (), start=1))
    ruleset = load_rules(rules_of(config))
    if not is_piped and not jsonl and not as_json:
        _explain(given, ruleset)
    elif jsonl or as_json:
        listing((_row(each, ruleset) for each in given), _REPLIES, as_json=True)
    else:
        listing(({**_row(each, ruleset), "text": each.text} for each in given), _REPLIES, as_json=False)
    _end(problems)


def _explain(given: Iterable[GivenReply], ruleset: Ruleset) -> None:
    from bounce_watcher.classification.classify import classify_reply

    rules = {rule.id: rule for rule in ruleset.rules}
    for number, reply in enumerate(given):
        verdict = classify_reply(reply.text, ruleset, reply.remote)
        if number:
            say()
        say(clean(reply.text))
        for line in (*verdict_lines(verdict, rules), *reply_lines(reply.text, verdict, None, None)):
            say(line)


def _row(reply: GivenReply, ruleset: Ruleset) -> Row:
    from bounce_watcher.classification.classify import classify_reply

    verdict = classify_reply(reply.text, ruleset, reply.remote)
    return {
        "id": reply.id, "reason": verdict.reason, "bounce_type": verdict.bounce_type, "rule": verdict.rule,
        "code": verdict.code, "status": str(verdict.status) if verdict.status else None,
    }


def _from_stdin(jsonl: bool, problems: list[str]) -> Iterator[GivenReply]:
    """Yields the replies. Skips a line that can't be read, and reports it at the end."""
    for number, line in enumerate(sys.stdin.buffer, start=1):
        text = line.decode("utf-8", "replace").strip()
        if text and not jsonl:
            yield GivenReply(number, text)
        elif text:
            try:
                yield _parsed(text)
            except (ValueError, RecursionError) as error:
                problems.append(f'-: line {number}: {error}; write {{"id": …, "text": "…"}}')


def _parsed(line: str) -> GivenReply:
    try:
        data = json.loads(line)
    except ValueError:
        raise ValueError("is not JSON") from None
    text = data.get("text") if isinstance(data, dict) else None
    if not isinstance(text, str):
        raise ValueError("has no text")
    remote = data.get("remote")
    return GivenReply(data.get("id"), text, remote if isinstance(remote, str) else None)
