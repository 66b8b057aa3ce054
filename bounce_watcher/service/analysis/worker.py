"""What runs in a process that analyses mail: shut in (`sandbox`), without keys and network (`questions`).

It imports nothing else: the first one of them waits for that.
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
from datetime import date, datetime
from multiprocessing.connection import Connection
from typing import Any

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import OwnRules, load_rules
from bounce_watcher.model.filing import Destination
from bounce_watcher.model.ledger import MessageRecord
from bounce_watcher.model.message import RawMessage, pack
from bounce_watcher.parsing.message import parse
from bounce_watcher.pipeline import Toolkit, analyse_parsed
from bounce_watcher.service.analysis.judging import destination, message_record
from bounce_watcher.service.analysis.questions import DONE, READY, Questions, asking
from bounce_watcher.service.analysis.sandbox import confine
from bounce_watcher.service.clock import utcnow

GRACE_SECONDS = 5.0
"""A worker that its service can't end any more ends so long after its time by itself."""


@dataclass(frozen=True, slots=True)
class Analysed:
    """What is to be written of one message and where it goes, or the error that our analysis broke with."""

    record: MessageRecord | None
    destination: Destination = Destination.QUARANTINE
    error: str | None = None


Work = Callable[[Sequence[RawMessage]], list[Analysed]]
"""What a worker process does with a page, in its order. A function of a module: it is pickled."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is given first. `settings` hold no keys; `has_keys` says whether there are any to be asked about.
    """

    settings: AttributionSettings
    has_keys: bool
    rules: OwnRules
    work: Work


_toolkit: Toolkit | None = None
"""Each worker's own, built once when it starts."""


def serve(connection: "Connection[bytes, bytes]") -> None:
    """A worker's whole life, until the service is gone."""
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
    """What the service sends is believed."""
    return pickle.loads(connection.recv_bytes())  # noqa: S301


def start(setup: Setup, questions: Questions) -> None:
    global _toolkit  # noqa: PLW0603 - what `work` is given is a page and no more
    gc.set_threshold(50_000)  # a page makes about as many objects, and all of them go without a collection
    settings, key_of = asking(setup.settings, questions, has_keys=setup.has_keys)
    _toolkit = Toolkit(load_rules(setup.rules), settings, key_of)


def _as_json(page: list[Analysed]) -> bytes:
    """As text, which the service checks: a worker that a mail has taken over can't make it do anything by that.

    A pickle could. pydantic writes the same, and would double the time that a worker needs to start.
    """
    return json.dumps(page, default=_plain, separators=(",", ":")).encode("ascii")


def _plain(value: Any) -> object:
    match value:
        case date():  # and datetime, which is one
            return value.isoformat()
        case bytes():
            return urlsafe_b64encode(value).decode("ascii")
        case _:
            return {name: getattr(value, name) for name in value.__slots__}


def analyse_all(page: Sequence[RawMessage]) -> list[Analysed]:
    assert _toolkit is not None
    now = utcnow()
    return [analyse_one(_not_after(raw, now), _toolkit) for raw in page]


def _not_after(raw: RawMessage, now: datetime) -> RawMessage:
    """A forged Date or a server's wrong clock must not put a bounce, and its webhook, into the future."""
    return raw if raw.received_at <= now else replace(raw, received_at=now)


def analyse_one(raw: RawMessage, toolkit: Toolkit) -> Analysed:
    """`pipeline.analyse` shielded: an exception is a bug of ours and must not stop the mail behind it."""
    try:
        message = parse(raw.content)
        analysis = analyse_parsed(message, toolkit, raw.received_at, raw.mailbox)
        return Analysed(message_record(raw, analysis, pack(raw.content), message), destination(analysis))
    except Exception as bug:
        return Analysed(None, error=_described(bug))


def _described(bug: Exception) -> str:
    """Kind and place of an exception; its words may quote the mail, which must not get into a log."""
    where = traceback.extract_tb(bug.__traceback__)[-1]
    return f"{type(bug).__name__} in {where.name}, {where.filename.rpartition('/')[2]} line {where.lineno}"
