"""What runs in an analysing process: confined (`sandbox`), without keys and network (`questions`).

It imports nothing else, as the first worker waits for the imports.
"""

import gc
import json
import pickle
import signal
import traceback
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date
from multiprocessing.connection import Connection
from typing import Any

from bounce_watcher.attribution.attribute import no_key
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import OwnRules, load_rules
from bounce_watcher.model.ledger import MessageRecord
from bounce_watcher.model.message import Destination, RawMessage, pack
from bounce_watcher.parsing.message import parse
from bounce_watcher.pipeline import Toolkit, analyse_parsed
from bounce_watcher.service.analysis.judging import destination, message_record
from bounce_watcher.service.analysis.questions import DONE, READY, Questions
from bounce_watcher.service.analysis.sandbox import confine
from bounce_watcher.service.clock import utcnow

GRACE_SECONDS = 5.0
"""How long after its time limit a worker ends by itself, if its service can no longer end it."""


@dataclass(frozen=True, slots=True)
class Analysed:
    """What to record of one message and where to file it, or the error that broke our analysis."""

    record: MessageRecord | None
    destination: Destination = Destination.QUARANTINE
    error: str | None = None


Work = Callable[[Sequence[RawMessage]], list[Analysed]]
"""What a worker process does with a page, in order. A module-level function, as it is pickled."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is given first. `settings` hold no keys; `has_keys` says whether there are keys to ask about."""

    settings: AttributionSettings
    has_keys: bool
    rules: OwnRules
    work: Work


_toolkit: Toolkit | None = None
"""Each worker's own toolkit, built once when it starts."""


def serve(connection: "Connection[bytes, bytes]") -> None:
    """Runs a worker until the service is gone."""
    with suppress(EOFError, OSError):
        setup: Setup = _received(connection)
        questions = Questions(connection)
        start(setup, questions)
        connection.send_bytes(READY + json.dumps(asdict(confine())).encode())
        while True:
            page, seconds = _received(connection)
            signal.setitimer(signal.ITIMER_REAL, seconds + GRACE_SECONDS)
            if setup.has_keys:
                questions.ask_ahead(raw.content for raw in page)
            connection.send_bytes(DONE + _as_json(setup.work(page)))
            signal.setitimer(signal.ITIMER_REAL, 0)


def _received(connection: "Connection[bytes, bytes]") -> Any:
    """Receives a pickle from the service, which is trusted."""
    return pickle.loads(connection.recv_bytes())  # noqa: S301


def start(setup: Setup, questions: Questions) -> None:
    global _toolkit  # noqa: PLW0603 - what `work` is given is a page and no more
    gc.set_threshold(50_000)  # a page makes about as many objects, so it is done without a collection
    settings = replace(setup.settings, key_holder=questions if setup.has_keys else None)  # as if keys were at hand
    looks_up = settings.dkim_dns and settings.own_domains
    _toolkit = Toolkit(load_rules(setup.rules), settings, questions.dkim_key if looks_up else no_key)


def _as_json(page: list[Analysed]) -> bytes:
    """Writes the page as text, which the service checks: a worker that hostile mail has taken over can't abuse it.

    A pickle could be abused. pydantic writes the same, and would double a worker's start time.
    """
    return json.dumps(page, default=_plain, separators=(",", ":")).encode("ascii")


def _plain(value: Any) -> object:
    match value:
        case date():  # includes datetime
            return value.isoformat()
        case bytes():
            return urlsafe_b64encode(value).decode("ascii")
        case _:
            return {name: getattr(value, name) for name in value.__slots__}


def analyse_all(page: Sequence[RawMessage]) -> list[Analysed]:
    assert _toolkit is not None
    now = utcnow()  # a forged Date or wrong clock must not put a bounce or webhook into the future
    return [analyse_one(raw if raw.received_at <= now else replace(raw, received_at=now), _toolkit) for raw in page]


def analyse_one(raw: RawMessage, toolkit: Toolkit) -> Analysed:
    """Analyses one message. Catches any exception: it is a bug of ours and must not stop the mail behind it."""
    try:
        message = parse(raw.content)
        analysis = analyse_parsed(message, toolkit, raw.received_at, raw.mailbox)
        return Analysed(message_record(raw, analysis, pack(raw.content), message), destination(analysis))
    except Exception as bug:
        return Analysed(None, error=_described(bug))


def _described(bug: Exception) -> str:
    """Names the kind and place of an exception. Its text may quote the mail, which must not be logged."""
    where = traceback.extract_tb(bug.__traceback__)[-1]
    return f"{type(bug).__name__} in {where.name}, {where.filename.rpartition('/')[2]} line {where.lineno}"
