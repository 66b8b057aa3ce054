"""Goes through what is stored again, and deletes it once its time is over."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, exists, func, select, tuple_

from bounce_watcher.ledger.actions import Act, Acting
from bounce_watcher.ledger.db.engine import reading, rehearse, write
from bounce_watcher.ledger.db.paging import in_pages
from bounce_watcher.ledger.db.statements import KEYS, chunks
from bounce_watcher.ledger.db.tables import (
    EVENT,
    MESSAGE,
    STATE_CHANGE,
    SUPPRESSION,
    event_from_row,
    state_change_from_row,
)
from bounce_watcher.ledger.db.types import recipient_key
from bounce_watcher.ledger.history import replaying
from bounce_watcher.ledger.history.revise import Revised, Revision, revise
from bounce_watcher.ledger.naming import forget
from bounce_watcher.ledger.outbox import settled, tries
from bounce_watcher.ledger.recording import alerts, quota, report_counts, sent
from bounce_watcher.ledger.recording.record import Decide
from bounce_watcher.ledger.review import groups as review
from bounce_watcher.ledger.review import optouts
from bounce_watcher.model.ledger import Announce, BounceEvent, StateChange
from bounce_watcher.model.message import RawMessage, unpack
from bounce_watcher.policy.settings import PolicySettings

_BY_DEFAULT = PolicySettings()
_KEPT_PAGE = 200
_PURGE_PAGE = 500
"""How many rows one transaction changes, so that nobody waits long for the lock."""
_EVENT_ORDER = (EVENT.c.at, EVENT.c.id)


@dataclass(frozen=True, slots=True)
class Kept:
    """A message whose raw content is kept, and its events."""

    digest: str
    raw: RawMessage
    events: tuple[BounceEvent, ...]


class LedgerHistory(Acting):
    """The capability that goes through what is stored again, and deletes it once its time is over."""

    def course(self, address: str, stream: str) -> list[StateChange]:
        """Returns every step of a recipient in a stream, oldest first, with its cause."""
        key = recipient_key(forget.known_as(self._engine, address))
        chosen = select(STATE_CHANGE).where(STATE_CHANGE.c.recipient_key == key, STATE_CHANGE.c.stream == stream)
        return [state_change_from_row(row) for row in self._rows(chosen.order_by(STATE_CHANGE.c.number))]

    def count_events(self) -> int:
        return self._value(select(func.count()).select_from(EVENT)) or 0

    def stretches(self, size: int) -> Iterator[replaying.Stretch]:
        """Yields all recipients with a history, split into stretches of some `size` events each."""
        chosen = select(EVENT.c.recipient_key).order_by(EVENT.c.recipient_key).offset(size).limit(1)
        after = None
        while True:
            until = self._value(chosen if after is None else chosen.where(EVENT.c.recipient_key > after))
            yield replaying.Stretch(after, until)
            if until is None:
                return
            after = until

    def simulate(
        self, decide: Decide, now: datetime, stretch: replaying.Stretch = replaying.WHOLE
    ) -> Iterator[replaying.Simulated]:
        """Yields what would be decided now on every recipient with a history under another policy. Only reads."""
        return (replaying.simulated(past, decide, now) for past in replaying.pasts(self._engine, stretch))

    def kept(self, since: datetime | None) -> Iterator[list[Kept]]:
        """Yields messages whose raw content is kept, in pages, in the order of time."""
        order = (MESSAGE.c.received_at, MESSAGE.c.digest)
        chosen = select(MESSAGE).where(MESSAGE.c.packed.is_not(None)).order_by(*order).limit(_KEPT_PAGE)
        if since is not None:
            chosen = chosen.where(MESSAGE.c.received_at >= since)
        page = chosen
        while True:
            with reading(self._engine) as connection:  # one snapshot: a message must not lose its events meanwhile
                found = _with_events(connection, connection.execute(page).all())
            if found:
                yield found
            if len(found) < _KEPT_PAGE:
                return
            page = chosen.where(tuple_(*order) > (found[-1].raw.received_at, found[-1].digest))

    def kept_one(self, digest: str) -> Kept | None:
        """Returns the message with that digest; None if its raw content is no longer kept."""
        chosen = select(MESSAGE).where(MESSAGE.c.digest == digest, MESSAGE.c.packed.is_not(None))
        with reading(self._engine) as connection:
            return next(iter(_with_events(connection, connection.execute(chosen).all())), None)

    def bare(self, since: datetime | None) -> Iterator[list[BounceEvent]]:
        """Yields events with a diagnostic whose message is no longer kept, in pages, in the order of time."""
        chosen = select(EVENT).join(MESSAGE, MESSAGE.c.digest == EVENT.c.message_digest).where(
            MESSAGE.c.packed.is_(None), EVENT.c.diagnostic.is_not(None)
        )
        if since is not None:
            chosen = chosen.where(EVENT.c.at >= since)
        for rows in in_pages(self._engine, chosen, _EVENT_ORDER, _KEPT_PAGE):
            yield [event_from_row(row) for row in rows]

    def revise(
        self, revisions: Sequence[Revision], decide: Decide, announce: Announce, now: datetime, *,
        policy: PolicySettings = _BY_DEFAULT, dry_run: bool = False, act: Act | None = None,
    ) -> list[Revised]:
        """Replaces the old verdicts and decides on the recipients' histories again, in one transaction.

        A new suppression on an unproven report is subject to the caps of `policy`, or held. `act` is the entry for the
        log, if a person asked for it.
        """
        work = partial(revise, revisions=revisions, decide=decide, announce=announce, policy=policy, now=now)
        if dry_run:
            return rehearse(self._engine, work)
        return write(self._engine, work) if act is None else self._act(act, work, len)

    def purge_raw(self, raw_before: datetime) -> int:
        """Drops the raw content of messages received before `raw_before`; their events stay. Returns how many."""
        return quota.purge(self._engine, raw_before)

    def trim_raw(self, most: int) -> int:
        """Drops the oldest raw content until the rest fits into `most` bytes. Returns how many messages lost theirs."""
        return quota.trim(self._engine, most)

    def raw_bytes(self) -> int:
        """Returns how many bytes the stored raw content takes up."""
        with reading(self._engine) as connection:
            return quota.raw_bytes(connection)

    def purge_events(self, before: datetime) -> int:
        """Deletes events from before `before`, page by page in the order of time, each in its own transaction. Returns
        how many. Also deletes opt-outs from before then that a person has dealt with.

        This releases or changes no recipient: a recipient's record, its counts and the counts by time do not depend on
        events, and those of recipients with a suppression, in force or held, in their stream stay. A configuration
        that deletes a bounce before it could count is refused.
        """
        is_ground = exists().where(
            SUPPRESSION.c.recipient_key == EVENT.c.recipient_key, SUPPRESSION.c.stream == EVENT.c.stream
        )
        order = _EVENT_ORDER
        pages = select(*order, is_ground, EVENT.c.review_group).where(EVENT.c.at < before).order_by(*order)

        def drop(connection: Connection) -> tuple[int, Sequence[Any]]:
            page = pages if last is None else pages.where(tuple_(*order) > (last.at, last.id))
            rows = connection.execute(page.limit(_PURGE_PAGE)).all()
            old = [name for _, name, is_kept, _ in rows if not is_kept]
            if old:
                connection.execute(delete(EVENT).where(EVENT.c.id.in_(KEYS)), {"keys": old})
                review.recount(connection, {group for _, _, is_kept, group in rows if group and not is_kept})
            return len(old), rows

        last: Any = None
        count, is_over = 0, False
        while not is_over:
            dropped, rows = write(self._engine, drop)
            count, is_over = count + dropped, len(rows) < _PURGE_PAGE
            last = rows[-1] if rows else None
        return count + optouts.purge_done(self._engine, before)

    def purge_bodies(self, before: datetime) -> int:
        """Removes the bodies of items from before `before` that need no further try. Returns how many."""
        return settled.purge_bodies(self._engine, before)

    def purge_sent(self, before: datetime) -> int:
        """Deletes records of mail sent before `before`; its counts stay. Returns how many."""
        return sent.purge_sent(self._engine, before)

    def purge_counts(self, before: datetime) -> int:
        """Deletes hourly counts from before `before`: those of the guards, of reports and of tries. Returns how many
        counts."""
        return write(self._engine, lambda connection: sum(
            each(connection, before) for each in (alerts.forget_counts, report_counts.forget, tries.forget)
        ))


def _with_events(connection: Connection, messages: Sequence[Any]) -> list[Kept]:
    """Returns messages with their events. An event has its message's time, so the index by time finds them."""
    if not messages:
        return []
    first, last = messages[0].received_at, messages[-1].received_at
    chosen = select(EVENT).where(EVENT.c.at >= first, EVENT.c.at <= last, EVENT.c.message_digest.in_(KEYS))
    found: dict[str, list[BounceEvent]] = {}
    for part in chunks([row.digest for row in messages]):
        for row in connection.execute(chosen, {"keys": part}):
            found.setdefault(row.message_digest, []).append(event_from_row(row))
    return [
        Kept(
            row.digest,
            RawMessage(row.source, unpack(row.packed), row.received_at, mailbox=row.mailbox, size=row.size),
            tuple(found.get(row.digest, ())),
        )
        for row in messages
    ]
