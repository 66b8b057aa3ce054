"""What runs in a process that analyses. It imports nothing else: each one of them waits for that when it starts."""

import copyreg
import gc
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing.connection import wait
from operator import attrgetter

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import OwnRules, load_rules
from bounce_watcher.intake.mailbox import Destination
from bounce_watcher.model.ledger import BounceEvent, MessageRecord, Unread
from bounce_watcher.model.message import RawMessage, pack
from bounce_watcher.parsing.message import parse
from bounce_watcher.pipeline import Toolkit, analyse_parsed
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.dkim_keys import key_lookup
from bounce_watcher.service.process import destination, message_record


@dataclass(frozen=True, slots=True)
class Analysed:
    """What is to be written of one message and where it goes, or the error that our analysis broke with."""

    record: MessageRecord | None
    destination: Destination = Destination.QUARANTINE
    error: str | None = None


def _sent_as_its_values(kind: type) -> None:
    """Instances go from process to process at half the price: left alone, a dataclass asks for each field by name."""
    values = attrgetter(*kind.__slots__)  # type: ignore[attr-defined]
    copyreg.pickle(kind, lambda instance: (kind, values(instance)))


for _kind in (RawMessage, BounceEvent, Unread, MessageRecord, Analysed):
    _sent_as_its_values(_kind)


_toolkit: Toolkit | None = None
"""Each worker's own, built once when it starts."""


def start(settings: AttributionSettings, rules: OwnRules) -> None:
    global _toolkit  # noqa: PLW0603 - an executor's initializer has no other way to hand something to its tasks
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C and systemd's SIGTERM are the parent's to handle
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    gc.set_threshold(50_000)  # a page makes about as many objects, and all of them go without a collection
    _toolkit = Toolkit(load_rules(rules), settings, key_lookup(settings))


def _die_with_parent() -> None:
    """A pool's worker outlives a parent that was killed: it waits for work on a pipe that it holds open itself."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


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
