"""Suppressions that begin and end without a report: by a person, an import, the clock, or the undo of an incident."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from bounce_watcher.ledger import protection
from bounce_watcher.ledger.actions import Act, Acting
from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.query import Query
from bounce_watcher.ledger.naming import forget
from bounce_watcher.ledger.recording import alerts
from bounce_watcher.ledger.recording.record import Decide
from bounce_watcher.ledger.suppressions import rulings, standing, undo
from bounce_watcher.ledger.suppressions.adopt import adopt
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import Actor, Announce, Protection, State, Suppression, SuppressionSource
from bounce_watcher.policy.guards.incident import Incident
from bounce_watcher.policy.rulings import Ruling


class Suppressions(Acting):
    """Starts and ends suppressions without a report."""

    def suppress(
        self, recipient: str, stream: str, by: Actor, *, announce: Announce, until: datetime | None = None
    ) -> None:
        """Suppresses a recipient by hand. Changes nothing if an existing suppression lasts as long."""
        tell = forget.telling(announce, recipient)

        def work(connection: Connection) -> None:
            name, note = self._filed(connection, recipient), forget.unnamed(connection, by.note or "")
            standing.suppress(connection, Suppression(
                name, stream, State.SUPPRESSED, None, by.at, ByPerson(note), SuppressionSource.MANUAL, until=until
            ), tell)

        self._act(Act(by, "suppress", recipient=recipient), work, lambda _: 1)

    def release(self, recipient: str, stream: str | None, by: Actor, *, announce: Announce) -> int:
        """Releases the suppressions of a recipient by hand, in all streams if `stream` is None. Returns how many."""
        tell = forget.telling(announce, recipient)

        def work(connection: Connection) -> int:
            name, note = self._filed(connection, recipient), forget.unnamed(connection, by.note or "")
            return standing.release(connection, name, stream, ByPerson(note), by.at, tell)

        return self._act(Act(by, "release", recipient=recipient), work, _if_any)

    def adopt(self, wanted: Iterable[Suppression], now: datetime, announce: Announce) -> int:
        """Enters suppressions from elsewhere unchanged, except those over by `now`. Returns how many changed anything.

        An existing suppression stays unless the new one goes further.
        """
        return adopt(self._engine, wanted, now, announce)

    def expire(self, now: datetime, announce: Announce) -> int:
        """Releases the suppressions whose `until` has passed. Returns how many."""
        return standing.expire(self._engine, now, announce)

    def protect(self, name: str, by: Actor) -> None:
        """Protects an address, or the addresses of a domain ("@" and its name), from suppression by rules. Existing
        suppressions stay.

        Replaces an earlier protection of the same name. Raises ValueError for a forgotten address.
        """
        def work(connection: Connection) -> None:
            if self._filed(connection, name) != name:
                raise ValueError("this address was forgotten: nothing may be stored on it")
            alerts.lock(connection)  # otherwise a page that is being decided on would miss the protection
            actor, note = forget.unnamed(connection, by.name), forget.unnamed(connection, by.note or "")
            protection.put(connection, Protection(name, by.at, actor, note))

        self._act(_on_name(by, "protect", name), work, lambda _: 1)

    def unprotect(self, name: str, by: Actor) -> bool:
        """Ends the protection of that name. Returns False if there is none."""
        return self._act(
            _on_name(by, "unprotect", name), lambda connection: protection.drop(connection, name), _if_any
        )

    def rule(
        self, alert: str, ruling: Ruling, wanted: rulings.BulkRequest, *, dry_run: bool = False
    ) -> Iterator[rulings.Ruled]:
        """Carries out a person's decision on everything that the alert with that id holds; see `rulings.rule`."""
        return rulings.rule(self._engine, self._names, alert, ruling, self._bulk(wanted), dry_run=dry_run)

    def release_all(
        self, shown: Query, wanted: rulings.BulkRequest, *, dry_run: bool = False
    ) -> Iterator[rulings.Ruled]:
        """Releases all recipients that a list shows; see `rulings.release_all`."""
        return rulings.release_all(self._engine, self._names, shown, self._bulk(wanted), dry_run=dry_run)

    def undo(
        self, incident: Incident, decide: Decide, announce: Announce, by: Actor, *, subject: str,
        dry_run: bool = False, step: Callable[[], None] | None = None,
    ) -> Iterator[undo.UndoOutcome]:
        """Strikes out an incident's events for good and releases what rested only on them; see `undo.undo`.

        `subject` is the subject in the log.
        """
        act = Act(by, "undo", subject)
        return undo.undo(
            self._engine, self._names, incident, decide, announce, act, dry_run=dry_run, step=step
        )

    def _bulk(self, wanted: rulings.BulkRequest) -> rulings.BulkRequest:
        """Returns the request with the note as it may be stored with each recipient."""
        with reading(self._engine) as connection:
            return replace(wanted, by=replace(wanted.by, note=forget.unnamed(connection, wanted.by.note or "")))

    def _filed(self, connection: Connection, recipient: str) -> str:
        """Returns the name under which an address is filed: the hash if it is forgotten."""
        return forget.names(connection, {recipient}).get(recipient, recipient)


def _if_any(changed: int) -> int | None:
    return int(changed) or None


def _on_name(by: Actor, action: str, name: str) -> Act:
    """Returns the act on a protected name: an address, or a domain after an "@"."""
    return Act(by, action, name) if name.startswith("@") else Act(by, action, recipient=name)
