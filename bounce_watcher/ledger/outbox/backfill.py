"""Announces states, once, that a target was never sent: they were decided in shadow mode, or before the target was
configured.

What a target knows of a recipient is what its last notice of a state in the outbox says, whatever happened to it:
dead letters are a matter for `outbox retry`.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, select

from bounce_watcher.ledger.db.engine import rehearse, write
from bounce_watcher.ledger.db.paging import in_pages
from bounce_watcher.ledger.db.statements import RecipientKey, by_stream
from bounce_watcher.ledger.db.tables import OUTBOX, RECIPIENT
from bounce_watcher.ledger.recording.batch import STATES_TOLD, RecipientBatch
from bounce_watcher.model.grounds import Grounds
from bounce_watcher.model.ledger import Announce, NoticeType, Occurrence, OutboxItem, RecipientRecord, State
from bounce_watcher.policy import transitions

_BATCH = 500
"""How many recipients one transaction looks at, so that nobody waits long for the lock."""

_TERMS = ("until", "scope")
"""The fields whose change makes a known suppression news for a target."""


@dataclass(frozen=True, slots=True)
class Announced:
    """A state that is announced now, and to which targets."""

    recipient: str
    stream: str
    told: NoticeType
    targets: tuple[str, ...]
    grounds: Grounds | None


@dataclass(frozen=True, slots=True)
class _Notice:
    """The last notice to a target about a recipient's state."""

    type: NoticeType
    data: Mapping[str, Any]


def announce_untold(engine: Engine, announce: Announce, now: datetime, *, dry_run: bool) -> Iterator[Announced]:
    """Announces states batch by batch. Each batch is a transaction, committed before its first outcome is yielded.

    What is announced is known from then on, so a run that broke off is simply started again.
    """
    run = rehearse if dry_run else write
    order = (RECIPIENT.c.recipient_key, RECIPIENT.c.stream)
    for rows in in_pages(engine, select(*order, RECIPIENT.c.recipient), order, _BATCH):
        names = {RecipientKey(row.stream, row.recipient_key): row.recipient for row in rows}
        yield from run(engine, partial(_announce, names=names, announce=announce, now=now))


def _announce(
    connection: Connection, names: Mapping[RecipientKey, str], announce: Announce, now: datetime
) -> list[Announced]:
    news: dict[tuple[str | None, str | None], Sequence[OutboxItem]] = {}
    books = RecipientBatch(connection, names, lambda occurrence: news[occurrence.recipient, occurrence.stream])
    known = _known(connection, sorted(names))
    announced: list[Announced] = []
    for key, record in sorted(books.records.items()):
        change = _standing(record, known[key], now)
        for occurrence in change.occurrences:
            items = [item for item in announce(occurrence) if _is_news(occurrence, known[key].get(item.target))]
            if items:
                news[occurrence.recipient, occurrence.stream] = items
                books.enter(key, change)
                targets = tuple(item.target for item in items)
                announced.append(Announced(record.recipient, key.stream, occurrence.type, targets, record.grounds))
    books.close()
    return announced


def _standing(record: RecipientRecord, known: Mapping[str, _Notice], now: datetime) -> transitions.Transition:
    """Returns what to announce about a recipient's state. Nothing if it is not suppressed and no target believes so."""
    if record.state is State.SUPPRESSED:
        return transitions.tell(record, now)
    told = next((notice for notice in known.values() if notice.type is NoticeType.SUPPRESSED), None)
    return transitions.Transition(record) if told is None else transitions.tell_end(record, now, told.data)


def _is_news(occurrence: Occurrence, known: _Notice | None) -> bool:
    if occurrence.type is NoticeType.RELEASED:
        return known is not None and known.type is NoticeType.SUPPRESSED
    if known is None or known.type is not NoticeType.SUPPRESSED:
        return True
    return any(name in known.data and known.data[name] != occurrence.data[name] for name in _TERMS)


def _known(connection: Connection, keys: Sequence[RecipientKey]) -> defaultdict[RecipientKey, dict[str, _Notice]]:
    """Returns the last notices, by recipient and by the name of the target."""
    found: defaultdict[RecipientKey, dict[str, _Notice]] = defaultdict(dict)
    for part in by_stream(keys):
        rows = connection.execute(
            select(OUTBOX.c.recipient_key, OUTBOX.c.target, OUTBOX.c.type, OUTBOX.c.body)
            .where(
                OUTBOX.c.recipient_key.in_(part["keys"]), OUTBOX.c.stream == part["stream"],
                OUTBOX.c.type.in_(STATES_TOLD),
            )
            .order_by(OUTBOX.c.sequence)
        )
        for address, target, kind, body in rows:
            found[RecipientKey(part["stream"], address)][target] = _Notice(NoticeType(kind), said_of_suppression(body))
    return found


def said_of_suppression(body: str) -> Mapping[str, Any]:
    """Returns what a notice said about the suppression; empty if its body is gone."""
    data = json.loads(body).get("data", {})
    return {name: value for name, value in data.items() if name not in {"recipient", "stream", "sequence"}}
