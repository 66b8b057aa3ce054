"""`demo`: shows a person the main job on this machine."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher import logs
from bounce_watcher.cli.framework.options import example, flag
from bounce_watcher.cli.framework.output import clean, complain, iso, say, table
from bounce_watcher.extras import missing
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import BounceEvent
from bounce_watcher.words import grounds as words

if TYPE_CHECKING:
    from bounce_watcher.service.demo import DemoOutcome, Stage
    from bounce_watcher.service.demo.servers import Hook
    from bounce_watcher.service.demo.stage import JudgedMessage

app = typer.Typer()


@app.command(epilog=example("demo"))
def demo(
    serve: Annotated[bool, flag(
        "Keep running until Ctrl-C, with the dashboard, and process mail that you put into INBOX.", "--serve")] = False,
) -> None:
    """Runs a local demo of the whole way from a bounce to a signed webhook, in a few seconds.

    It runs an IMAP server with sample bounces, a webhook receiver that checks signatures, a SQLite file, and the real
    service between them. Needs the extra `demo`. Exit status 0 only if every expected webhook arrived with a valid
    signature.
    """
    if lack := missing("demo"):
        raise PermanentFailure(f"the demo {lack}")
    from bounce_watcher.service.demo import outcome, stage
    from bounce_watcher.service.polling import poll_once

    logs.configure("error", "console")
    with stage() as here:
        say(f"IMAP server     127.0.0.1:{here.imap_port}, {len(here.mail)} mails of the last 60 days in INBOX")
        say(f"Platform        {here.webhook_url}, checks signatures with the package `standardwebhooks`")
        say(f"Configuration   {here.config}, with a SQLite ledger beside it")
        say()
        poll_once(here.settings)
        result = outcome(here)
        _tell(result)
        if serve:
            _serve(here)
    if result.problems:
        raise typer.Exit(1)


def _tell(result: DemoOutcome) -> None:
    from bounce_watcher.service.demo.stage import expected_hooks

    table(("day", "recipient", "what it is", "in whose words", "counts", "filed in"), _cells(result.judged),
          title="1. Mail received, and how each was classified")
    say()
    standing = ((
        each.recipient, each.state, each.suppression and (iso(each.suppression.until) or "for good")[:10],
        words.text(each.grounds),
    ) for each in result.standing)
    table(("recipient", "state", "until", "because"), standing, title="2. Recipients with counted bounces")
    say()
    hooks = ((
        each.type, each.data.get("recipient"), each.data.get("sequence"), "valid" if each.verified else "NOT VALID",
        each.data.get("because") or each.data.get("feedback_type"),
    ) for each in result.hooks)
    table(("webhook", "recipient", "sequence", "signature", "because"), hooks,
          title="3. Webhooks received by the platform")
    say()
    for problem in result.problems:
        complain(problem)
    if not result.problems:
        say(f"All {len(expected_hooks())} expected webhooks arrived, each with a valid signature.")


def _cells(judged: Sequence[JudgedMessage]) -> Iterator[Sequence[object]]:
    for mail in judged:
        day, folder = f"{mail.sample.at:%d %b}", mail.folder.rpartition("/")[2]
        if not mail.events:
            yield (day, "", mail.kind, "", "no report of a recipient", folder)
        for event in mail.events:
            yield (day, event.recipient, _what(event), event.quote or event.diagnostic,
                   "yes" if event.exclusion is None else f"no: {words.because(event.exclusion)}", folder)


def _what(event: BounceEvent) -> str:
    """Names a bounce by its type and reason, anything else by its kind."""
    kind = event.bounce_type if event.kind is Kind.BOUNCE else event.kind
    detail = event.reason or event.feedback_type or event.action
    return f"{kind}: {detail}"


def _serve(here: Stage) -> None:
    """Keeps watching until Ctrl-C or SIGTERM."""
    from bounce_watcher.service.app import Service
    from bounce_watcher.service.demo.servers import PASSWORD, USER
    from bounce_watcher.service.opening import open_ledger
    from bounce_watcher.web.server import serving

    say()
    say("Running until Ctrl-C. Open the dashboard in a browser, put mail into INBOX and watch the result:")
    say(f"  dashboard {here.dashboard}")
    say(f"  token     {here.token}   (to sign in there)")
    say(f"  IMAP      127.0.0.1:{here.imap_port}, no TLS, user {USER}, password {PASSWORD}")
    say(f"  webhooks  {here.webhook_url}")
    say(f"  look      bounce-watcher -c {here.config} events list")
    sys.stdout.flush()
    here.receiver.on_arrival = _show_arrival
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    ledger = open_ledger(here.settings)
    with Service(here.settings, ledger) as service, serving(here.settings, ledger, service.stuck, service.state):
        stopped.wait()


def _show_arrival(hook: Hook) -> None:
    say(f"webhook {hook.type} {clean(hook.data.get('recipient'))}, signature "
        f"{'valid' if hook.verified else 'NOT VALID'}: {clean(hook.data.get('because'))}")
    sys.stdout.flush()
