"""Records a page of messages in the ledger: finds what is new, decides on it, and announces it."""

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, bindparam, func, select, update

from bounce_watcher.ledger.db.statements import (
    KEYS,
    Conflict,
    Insertion,
    RecipientKey,
    Row,
    by_stream,
    chunks,
    columns_of,
    key_of,
)
from bounce_watcher.ledger.db.tables import EVENT, MESSAGE, RECIPIENT, confidence_named, reason_named
from bounce_watcher.ledger.naming.forget import without_forgotten
from bounce_watcher.ledger.recording import alerts, report_counts
from bounce_watcher.ledger.recording.batch import RecipientBatch
from bounce_watcher.ledger.recording.flood import Gate
from bounce_watcher.ledger.recording.guard import NOTHING, Holding, Watched, watch
from bounce_watcher.ledger.recording.sent import with_known_messages, with_recipients
from bounce_watcher.ledger.review import groups as review
from bounce_watcher.ledger.review import optouts
from bounce_watcher.model.ledger import (
    Announce,
    BounceEvent,
    CountedBounce,
    Decision,
    History,
    MessageRecord,
    NoticeType,
    PageOutcome,
    RecipientRecord,
    verdict_of,
)
from bounce_watcher.policy.counting import speaks_of_recipient
from bounce_watcher.policy.guards.limits import FloodSettings
from bounce_watcher.policy.guards.outages import provider
from bounce_watcher.policy.replay import LONGEST_HISTORY, history_at
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.policy.transitions import apply_event, release_expired

T = TypeVar("T")
Decide = Callable[[BounceEvent, History], Decision]

_ADD_MESSAGE = Insertion(MESSAGE, columns_of(MESSAGE), Conflict.IGNORE)
_ADD_EVENT = Insertion(EVENT, columns_of(EVENT))
_of_message = attrgetter(*_ADD_MESSAGE.columns[:-1])  # the last one is its group
_of_event = attrgetter(*_ADD_EVENT.columns[6:])  # the columns after those that `judge` fills in
_NO_POLICY = PolicySettings(flood=FloodSettings(enabled=False))
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
_digest, _id, _at = attrgetter("digest"), attrgetter("id"), attrgetter("at")

_MESSAGES = select(MESSAGE.c.digest).where(MESSAGE.c.digest.in_(KEYS))
_EVENTS = select(EVENT.c.id).where(EVENT.c.id.in_(KEYS))
_COUNTED = (
    select(EVENT.c.recipient_key, EVENT.c.id, EVENT.c.at, EVENT.c.reason, EVENT.c.sent_message_id, EVENT.c.confidence,
           EVENT.c.forwarded)
    .join(RECIPIENT, (RECIPIENT.c.recipient_key == EVENT.c.recipient_key) & (RECIPIENT.c.stream == EVENT.c.stream))
    .where(
        RECIPIENT.c.stream == bindparam("stream"),
        RECIPIENT.c.recipient_key.in_(KEYS),
        EVENT.c.excluded_kind.is_(None),
        EVENT.c.at > func.coalesce(RECIPIENT.c.released_at, _LONG_AGO),
        EVENT.c.at >= func.coalesce(RECIPIENT.c.history_from, _LONG_AGO),
    )
    .order_by(EVENT.c.at, EVENT.c.id)
)
_START_HISTORY = update(RECIPIENT).where(
    RECIPIENT.c.recipient_key == bindparam("of_address"), RECIPIENT.c.stream == bindparam("of_stream")
).values(history_from=bindparam("oldest"))


def record_page(
    connection: Connection, page: Sequence[MessageRecord], decide: Decide, announce: Announce,
    policy: PolicySettings | None,
) -> PageOutcome:
    """Writes what is new in `page`, in the caller's transaction. Known messages and events change nothing.

    With a `policy`, its guards and its alerts apply.
    Events are decided on by time; events of the same time in the order of the page.
    Rows are inserted in the order of their keys, so two writers with the same keys wait but never deadlock.
    """
    nameless = {message.digest for message in page if not all(event.recipient for event in message.events)}
    page = without_forgotten(connection, with_recipients(connection, page))
    named = frozenset(message.digest for message in page if message.digest in nameless and message.events)
    messages = _unknown(connection, _MESSAGES, _distinct(page, _digest))
    _ADD_MESSAGE.execute(connection, [
        (*_of_message(messages[digest]), review.group_of_mail(messages[digest])) for digest in sorted(messages)
    ])
    review.add_mail(connection, messages.values())
    alerts.add_arrivals(connection, messages.values())
    opt_outs = optouts.add(connection, page, partial(with_known_messages, connection))
    kinds = Counter(message.kind for message in messages.values())
    fresh = sorted(_new_events(connection, page, messages), key=_at)
    events = with_known_messages(connection, fresh)
    if not events:
        return PageOutcome(messages=len(messages), named=named, kinds=kinds, opt_outs=opt_outs)
    review.take_out(connection, [event.message_digest for event in events if event.message_digest not in messages])
    keys = [key_of(event.recipient, event.stream) for event in events]
    keyed = list(zip(keys, events, strict=True))
    watched = watch(connection, keyed, policy, announce) if policy else NOTHING
    gate = Gate(connection, policy or _NO_POLICY, announce, events)
    desk = _PageRecorder(connection, keyed, announce, watched, gate)
    judged = [desk.judge(key, event, decide) for key, event in keyed]
    _ADD_EVENT.execute(connection, sorted(judged, key=itemgetter(_ADD_EVENT.columns.index("id"))))
    report_counts.add(connection, events)
    review.add(connection, events, {message.digest: message.language for message in page})
    notices = desk.close()
    told = desk.books.told
    return PageOutcome(
        len(messages), len(events), told[NoticeType.SUPPRESSED], told[NoticeType.RELEASED], notices, named, kinds,
        Counter(map(verdict_of, events)), opt_outs,
    )


def _new_events(
    connection: Connection, page: Sequence[MessageRecord], new: Mapping[str, MessageRecord]
) -> Iterable[BounceEvent]:
    """Returns the events that are new. Only a known message can have known events: the id of an event is a digest of
    its message and its recipient."""
    old = _distinct((event for message in page if message.digest not in new for event in message.events), _id)
    fresh = _distinct((event for message in page if message.digest in new for event in message.events), _id)
    return chain(fresh.values(), _unknown(connection, _EVENTS, old).values())


class _PageRecorder:
    """Decides on the new events of one page, one after the other, each with its recipient's record and history."""

    def __init__(
        self, connection: Connection, events: Iterable[tuple[RecipientKey, BounceEvent]], announce: Announce,
        watched: Watched, gate: Gate,
    ) -> None:
        self._connection = connection
        self._cut: dict[RecipientKey, datetime] = {}
        names = {key: recipient for key, (recipient, _) in watched.before.items()}
        for key, event in events:
            names.setdefault(key, event.recipient)
        self.books = RecipientBatch(connection, names, announce)
        self._holding = Holding(connection, watched, self.books, gate)
        self._counted = load_counted(connection, self.books.records)
        self._holding.end_watches(lambda key, at: bool(self._history(key, at).counted))

    def judge(self, key: RecipientKey, event: BounceEvent, decide: Decide) -> Row:
        """Decides on one event, enters what follows, and returns the event's row."""
        if self.books.records[key].suppression is not None and speaks_of_recipient(event):
            self._holding.end_wait(key, event.at)
            self.books.enter(key, release_expired(self.books.records[key], event.at))
            self._holding.settle(key, event.at, self._history(key, event.at).counted)
        decision = self._holding.adjust(key, event, decide(event, self._history(key, event.at)))
        excluded = decision.exclusion
        if excluded is None:
            self._count(key, event)
        self.books.enter(key, apply_event(self.books.records[key], event, decision))
        return (
            key.address, excluded and excluded.why, excluded, provider(event), event.type, review.group_of(event),
            *_of_event(event),
        )

    def close(self) -> int:
        """Writes all changes. Returns how many outbox rows were added."""
        notices = self.books.close()
        self._holding.close()
        if self._cut:
            self._connection.execute(_START_HISTORY, [
                {"of_address": key.address, "of_stream": key.stream, "oldest": oldest}
                for key, oldest in sorted(self._cut.items())
            ])
        return notices

    def _history(self, key: RecipientKey, at: datetime) -> History:
        record = self.books.records[key]
        if self._holding.in_flood(key):
            record = replace(record, suppression=None)
        return history_at(record, self._counted[key], at)

    def _count(self, key: RecipientKey, event: BounceEvent) -> None:
        counted = self._counted[key]
        insort(counted, CountedBounce.of(event), key=_at)
        if len(counted) > LONGEST_HISTORY:
            del counted[0]
            self._cut[key] = counted[0].at


def load_counted(
    connection: Connection, records: Mapping[RecipientKey, RecipientRecord]
) -> defaultdict[RecipientKey, list[CountedBounce]]:
    """Returns what counts against these records, oldest first."""
    counted: defaultdict[RecipientKey, list[CountedBounce]] = defaultdict(list)
    for part in by_stream(sorted(key for key, record in records.items() if record.first_event_at)):
        for address, event_id, at, reason, sent, confidence, forwarded in connection.execute(_COUNTED, part):
            bounce = CountedBounce(event_id, at, reason_named(reason), sent, confidence_named(confidence), forwarded)
            counted[RecipientKey(part["stream"], address)].append(bounce)
    return counted


def _unknown(connection: Connection, of_these: Select[Any], candidates: Mapping[str, T]) -> dict[str, T]:
    """Returns the `candidates` whose keys the ledger does not hold yet, in their order."""
    known: set[str] = set()
    for part in chunks(list(candidates)):
        known.update(connection.scalars(of_these, {"keys": part}))
    return {key: value for key, value in candidates.items() if key not in known}


def _distinct(values: Iterable[T], key: Callable[[T], str]) -> dict[str, T]:
    """Returns the first value of each key, in their order."""
    found: dict[str, T] = {}
    for value in values:
        found.setdefault(key(value), value)
    return found
