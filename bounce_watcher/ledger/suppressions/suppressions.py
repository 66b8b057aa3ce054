"""Suppressions that begin and end without a report: by a person, an import, the clock, or the undo of an incident.

A change of many recipients works batch by batch. What is already done is not found again, so a change that broke off
is simply started again, and doing it twice has the same result as once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, delete, select

from bounce_watcher.ledger import actions
from bounce_watcher.ledger.actions import Act, Acting, LogEntry
from bounce_watcher.ledger.db.engine import reading, rehearse, write
from bounce_watcher.ledger.db.query import Choice, FilterField, Query
from bounce_watcher.ledger.db.statements import CHUNK, Conflict, Insertion, RecipientKey, columns_of, key_of
from bounce_watcher.ledger.db.tables import HELD, PROTECTED, SUPPRESSION
from bounce_watcher.ledger.db.types import recipient_key, storable
from bounce_watcher.ledger.lists.browse import Browsing
from bounce_watcher.ledger.lists.incidents import is_asked_for
from bounce_watcher.ledger.naming import forget
from bounce_watcher.ledger.recording import alerts
from bounce_watcher.ledger.recording.batch import RecipientBatch
from bounce_watcher.ledger.recording.record import Decide
from bounce_watcher.ledger.suppressions import rulings, undo
from bounce_watcher.ledger.suppressions.rulings import BulkRequest, Ruled
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import Actor, Announce, ChangedBy, State, Suppression, SuppressionSource
from bounce_watcher.policy import transitions
from bounce_watcher.policy.guards.incident import Incident
from bounce_watcher.policy.rulings import Ruling

T = TypeVar("T")

_BATCH, _UNDO_BATCH = 500, 200
"""How many recipients one transaction changes, so that nobody waits long for the lock."""
_NO_STATE = "none"
_PROTECT = Insertion(PROTECTED, columns_of(PROTECTED), Conflict.OVERWRITE)


class Suppressions(Acting):
    """Starts and ends suppressions without a report."""

    def suppress(
        self, recipient: str, stream: str, by: Actor, *, announce: Announce, until: datetime | None = None
    ) -> None:
        """Suppresses a recipient by hand. Changes nothing if an existing suppression lasts as long."""
        def work(connection: Connection) -> None:
            name, note = _filed(connection, recipient), forget.unnamed(connection, by.note or "")
            alerts.lock(connection)  # before the locks on recipients: the end of a hold is counted with its alert
            key, tell = key_of(name, stream), forget.telling(announce, recipient)
            books = RecipientBatch(connection, {key: name}, tell, ChangedBy.PERSON)
            _suppress(books, key, by.at, Suppression(
                name, stream, State.SUPPRESSED, None, by.at, ByPerson(note), SuppressionSource.MANUAL, until=until
            ))
            books.close()

        self._act(Act(by, "suppress", recipient=recipient), work, lambda _: 1)

    def release(self, recipient: str, stream: str | None, by: Actor, *, announce: Announce) -> int:
        """Releases the suppressions of a recipient by hand, in all streams if `stream` is None. Returns how many."""
        work = partial(_release, recipient=recipient, stream=stream, by=by, announce=announce)
        return self._act(Act(by, "release", recipient=recipient), work, _if_any)

    def adopt(self, wanted: Iterable[Suppression], now: datetime, announce: Announce) -> int:
        """Enters suppressions from another ledger or a platform unchanged, in batches, each in its own transaction.
        Returns how many changed anything.

        A suppression that is over by `now`, or that goes no further than an existing one, changes nothing.
        """
        def enter(connection: Connection) -> int:
            alerts.lock(connection)
            known, tell = forget.unnamed_suppressions(connection, batch, announce)
            keyed = [(key_of(each.recipient, each.stream), each) for each in known]
            books = RecipientBatch(connection, {key: each.recipient for key, each in keyed}, tell, ChangedBy.PERSON)
            changed = sum(_suppress(books, key, now, each) for key, each in keyed)
            books.close()
            return changed

        lasting = (each for each in wanted if each.until is None or each.until > now)
        changed = 0
        while batch := list(islice(lasting, CHUNK)):
            changed += write(self._engine, enter)
        return changed

    def expire(self, now: datetime, announce: Announce) -> int:
        """Releases suppressions that have expired by `now`, in batches, each in its own transaction. Returns how many.
        """
        over = select(SUPPRESSION).where(SUPPRESSION.c.until <= now).limit(_BATCH)

        def end(connection: Connection) -> int:
            alerts.lock(connection)
            books = _opened(connection, over, announce, ChangedBy.CLOCK)
            changes = {key: transitions.release_expired(record, now) for key, record in books.records.items()}
            released = {key: change for key, change in changes.items() if change.record is not books.records[key]}
            for key, change in released.items():
                books.enter(key, change)
            books.close()
            return len(released)

        return sum(iter(lambda: write(self._engine, end), 0))

    def protect(
        self, name: str, by: Actor, *, releasing: str | None = None, announce: Announce = lambda _: ()
    ) -> None:
        """Protects an address, or the addresses of a domain ("@" and its name), from suppression by rules. Existing
        suppressions stay, but for those of the address `releasing`, which are released in the same transaction.

        Replaces an earlier protection of the same name. Raises ValueError for a forgotten address.
        """
        names = self._names  # made before the transaction: it may write a key of its own

        def work(connection: Connection) -> None:
            if _filed(connection, name) != name:
                raise ValueError("this address was forgotten: nothing may be stored on it")
            alerts.lock(connection)  # otherwise a page that is being decided on would miss the protection
            actor, note = forget.unnamed(connection, by.name), forget.unnamed(connection, by.note or "")
            _PROTECT.execute(connection, [(recipient_key(name), name, by.at, actor, note)])
            actions.enter(connection, names, _on_name(by, "protect", name))
            if releasing and (count := _release(connection, releasing, None, by, announce)):
                actions.enter(connection, names, Act(by, "release", recipient=releasing), count)

        write(self._engine, work)

    def unprotect(self, name: str, by: Actor) -> bool:
        """Ends the protection of that name. Returns False if there is none."""
        dropped = delete(PROTECTED).where(PROTECTED.c.key == recipient_key(name))
        return self._act(
            _on_name(by, "unprotect", name), lambda connection: connection.execute(dropped).rowcount, _if_any
        ) > 0

    def rule(self, alert: str, ruling: Ruling, wanted: BulkRequest, *, dry_run: bool = False) -> Iterator[Ruled]:
        """Releases or puts in force everything that the alert with that id holds now, whatever else holds it too.

        A suppression that is put in force this way is a person's decision: neither the guard nor an undo takes it
        back. Protected recipients are never put in force.
        """
        with reading(self._engine) as connection:
            chosen = select(HELD.c.stream, HELD.c.recipient_key).where(HELD.c.alert == storable(alert))
            keys = sorted(RecipientKey(*row) for row in connection.execute(chosen))
        work = partial(rulings.rule, alert=alert, ruling=ruling, wanted=self._bulk(wanted))
        act = Act(wanted.by, ruling.value, wanted.subject)
        yield from self._in_batches(keys, _BATCH, work, _ruled, act, wanted.step, dry_run=dry_run)

    def release_all(self, shown: Query, wanted: BulkRequest, *, dry_run: bool = False) -> Iterator[Ruled]:
        """Releases all suppressions that a list of recipients shows under a filter, including held ones.

        Skips recipients who complained, whom a person suppressed, or who are protected, unless `included`.
        """
        found = Browsing(self._engine).all_recipients(_standing(shown), wanted.by.at)
        keys = sorted(key_of(each.recipient, each.stream) for each in found)
        work = partial(rulings.release_all, wanted=self._bulk(wanted))
        act = Act(wanted.by, "release", wanted.subject)
        yield from self._in_batches(keys, _BATCH, work, _ruled, act, wanted.step, dry_run=dry_run)

    def undo(
        self, incident: Incident, decide: Decide, announce: Announce, by: Actor, *, subject: str,
        dry_run: bool = False, step: Callable[[], None] | None = None,
    ) -> Iterator[undo.UndoOutcome]:
        """Strikes out an incident's events for good and releases what rested only on them.

        `subject` is the subject in the log, which counts the suppressions that ended. `step` is called before each
        batch: an exception from it ends the undo there.
        """
        keys = list(dict.fromkeys(undo.keys_of(self._engine, incident)))
        work = partial(undo.undo, incident=incident, decide=decide, announce=announce, now=by.at)
        act = Act(by, "undo", subject)
        yield from self._in_batches(keys, _UNDO_BATCH, work, _undone, act, step, dry_run=dry_run)

    def _bulk(self, wanted: BulkRequest) -> BulkRequest:
        """Returns the request with the note as it may be stored with each recipient."""
        with reading(self._engine) as connection:
            return replace(wanted, by=replace(wanted.by, note=forget.unnamed(connection, wanted.by.note or "")))

    def _in_batches(
        self, keys: Sequence[RecipientKey], size: int, work: Callable[[Sequence[RecipientKey], Connection], list[T]],
        counted: Callable[[Sequence[T]], int | None], act: Act, step: Callable[[], None] | None, *, dry_run: bool,
    ) -> Iterator[T]:
        """Does the work batch by batch. Each batch is a transaction, committed before its first outcome is yielded."""
        row = None if dry_run else LogEntry(self._names, act)
        for start in range(0, len(keys), size):
            if step is not None:
                step()
            batch = partial(work, keys[start : start + size])
            yield from rehearse(self._engine, batch) if row is None else row.write(self._engine, batch, counted)


def _filed(connection: Connection, recipient: str) -> str:
    """Returns the name under which an address is filed: the hash if it is forgotten."""
    return forget.names(connection, {recipient}).get(recipient, recipient)


def _release(connection: Connection, recipient: str, stream: str | None, by: Actor, announce: Announce) -> int:
    """Releases a recipient, in all streams if `stream` is None. Returns in how many it was suppressed."""
    name, grounds = _filed(connection, recipient), ByPerson(forget.unnamed(connection, by.note or ""))
    chosen = select(SUPPRESSION).where(SUPPRESSION.c.recipient_key == recipient_key(name))
    if stream is not None:
        chosen = chosen.where(SUPPRESSION.c.stream == storable(stream))
    alerts.lock(connection)
    books = _opened(connection, chosen, forget.telling(announce, recipient), ChangedBy.PERSON)
    standing = [key for key, record in books.records.items() if record.suppression]
    for key in standing:
        books.enter(key, transitions.release(books.records[key], by.at, grounds))
    books.close()
    return len(standing)


def _opened(connection: Connection, chosen: Select[Any], announce: Announce, by: ChangedBy) -> RecipientBatch:
    found = {RecipientKey(row.stream, row.recipient_key): row.recipient for row in connection.execute(chosen)}
    return RecipientBatch(connection, found, announce, by)


def _suppress(books: RecipientBatch, key: RecipientKey, now: datetime, wanted: Suppression) -> bool:
    """Enters a suppression. Returns whether it changed anything."""
    books.enter(key, transitions.release_expired(books.records[key], now))
    change = transitions.suppress(books.records[key], wanted)
    is_news = change.record is not books.records[key]
    books.enter(key, change, ChangedBy.PLATFORM if wanted.source is SuppressionSource.PLATFORM else None)
    return is_news


def _standing(shown: Query) -> Query:
    """Narrows the filter of a list to recipients with a suppression, in force or held."""
    asked = shown.choices.get(FilterField.STATE, Choice())
    states = tuple(state for state in (State.SUPPRESSED.value, State.PENDING.value) if is_asked_for(state, asked))
    return replace(shown, choices={**shown.choices, FilterField.STATE: Choice(states or (_NO_STATE,))})


def _ruled(outcomes: Sequence[Ruled]) -> int | None:
    return sum(each.left is None for each in outcomes) or None


def _undone(outcomes: Sequence[undo.UndoOutcome]) -> int | None:
    return sum(each.released for each in outcomes) if outcomes else None


def _if_any(changed: int) -> int | None:
    return changed or None


def _on_name(by: Actor, action: str, name: str) -> Act:
    """Returns the act on a protected name: an address, or a domain after an "@"."""
    return Act(by, action, name) if name.startswith("@") else Act(by, action, recipient=name)
