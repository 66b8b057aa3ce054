"""The ledger as lists, for commands that only read.

This module imports little, because short commands wait for their imports.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from sqlalchemy import Engine

from bounce_watcher.ledger import protection
from bounce_watcher.ledger.capability import Capability
from bounce_watcher.ledger.db.query import Query
from bounce_watcher.ledger.lists import reads
from bounce_watcher.ledger.lists.filters import (
    EventFilter,
    EventPlace,
    OutboxFilter,
    SuppressionFilter,
    SuppressionPlace,
)
from bounce_watcher.model.ledger import Alert, BounceEvent, OutboxItem, Protection, RecipientRecord, Suppression

_ALL_EVENTS, _ALL_SUPPRESSIONS, _WHOLE_OUTBOX = EventFilter(), SuppressionFilter(), OutboxFilter()

F = TypeVar("F", EventFilter, SuppressionFilter, OutboxFilter, Query)


def as_known(engine: Engine, wanted: F) -> F:
    """Returns `wanted` with the name under which its recipient is stored: the hash if it was forgotten."""
    if wanted.recipient is None:
        return wanted
    from bounce_watcher.ledger.naming import forget

    return replace(wanted, recipient=forget.known_as(engine, wanted.recipient))


class Lists(Capability):
    """Whole lists, and single entries of them."""

    def alerts(self, *, under_way: bool = False) -> Iterator[Alert]:
        """Yields alerts, newest first; with `under_way` only those that are not cleared."""
        return reads.alerts(self._engine, under_way=under_way)

    def alert(self, name: str) -> Alert | None:
        """Returns the alert of that id."""
        return reads.alert(self._engine, name)

    def protection(self, name: str) -> Protection | None:
        """Returns the protection of an address, or of its domain; or of a domain if the name begins with "@"."""
        return protection.find(self._engine, name)

    def protections(self, limit: int | None = None) -> list[Protection]:
        """Returns all protections made by hand, by name."""
        return protection.everything(self._engine, limit)

    def known_as(self, address: str) -> str:
        """Returns the name under which an address is stored: the hash if it was forgotten, else itself."""
        from bounce_watcher.ledger.naming import forget

        return forget.known_as(self._engine, address)

    def pseudonyms(self) -> Callable[[str], str]:
        """Returns a function that maps addresses to the pseudonyms used in exports; see `pseudonym`."""
        from bounce_watcher.ledger.naming import pseudonym

        return pseudonym.pseudonyms(self._engine)

    def events(self, wanted: EventFilter = _ALL_EVENTS) -> Iterator[BounceEvent]:
        """Yields events by time. They are read in pages, so events recorded meanwhile may be among them."""
        return reads.events(self._engine, as_known(self._engine, wanted))

    def suppressions(self, wanted: SuppressionFilter = _ALL_SUPPRESSIONS) -> Iterator[Suppression]:
        """Yields suppressions in force and held ones, by address."""
        return reads.suppressions(self._engine, as_known(self._engine, wanted))

    def some_events(self, wanted: EventFilter) -> reads.Portion[BounceEvent, EventPlace]:
        """Returns as many events as are found at once, and where to go on. Raises TookTooLong."""
        return reads.some_events(self._engine, as_known(self._engine, wanted))

    def some_suppressions(self, wanted: SuppressionFilter) -> reads.Portion[Suppression, SuppressionPlace]:
        """Returns as many suppressions as are found at once, and where to go on. Raises TookTooLong."""
        return reads.some_suppressions(self._engine, as_known(self._engine, wanted))

    def recipients(self, address: str) -> list[RecipientRecord]:
        """Returns the records of an address in all streams, by stream."""
        return reads.recipients(self._engine, self.known_as(address))

    def outbox(self, wanted: OutboxFilter = _WHOLE_OUTBOX) -> Iterator[OutboxItem]:
        """Yields outbox items in the order they were written."""
        return reads.outbox(self._engine, as_known(self._engine, wanted))

    def message(self, digest: str) -> bytes | None:
        """Returns the raw message, None if there is none or it is no longer stored."""
        return reads.message(self._engine, digest)

    def to_do(self) -> reads.ToDo:
        """Counts what a person should look at."""
        return reads.to_do(self._engine)

    def disabled_endpoints(self) -> dict[str, str]:
        """Returns the disabled targets, each with the answer that disabled it."""
        return reads.disabled_endpoints(self._engine)
