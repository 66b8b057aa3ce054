"""Lists of what the ledger holds: everything that a read-only command needs.

It is a separate module with few imports, because a short command waits for what it imports.
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
    """Returns the filter with the name under which its recipient is filed: the hash if the recipient is forgotten."""
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
        """Returns the alert with that id; None if there is none."""
        return reads.alert(self._engine, name)

    def protection(self, name: str) -> Protection | None:
        """Returns the protection of an address, its own before its domain's; or of a domain if the name begins with
        "@". None if there is none."""
        return protection.find(self._engine, name)

    def protections(self, limit: int | None = None) -> list[Protection]:
        """Returns all protections, by name."""
        return protection.everything(self._engine, limit)

    def known_as(self, address: str) -> str:
        """Returns the name under which an address is filed: the hash if it is forgotten, else the address itself."""
        from bounce_watcher.ledger.naming import forget

        return forget.known_as(self._engine, address)

    def pseudonyms(self) -> Callable[[str], str]:
        """Returns a function that gives an address its pseudonym for use outside; see `pseudonym`."""
        from bounce_watcher.ledger.naming import pseudonym

        return pseudonym.pseudonyms(self._engine)

    def events(self, wanted: EventFilter = _ALL_EVENTS) -> Iterator[BounceEvent]:
        """Yields events by time. Reads them in pages, so events recorded meanwhile may be among them."""
        return reads.events(self._engine, as_known(self._engine, wanted))

    def suppressions(self, wanted: SuppressionFilter = _ALL_SUPPRESSIONS) -> Iterator[Suppression]:
        """Yields suppressions in force and pending, by address."""
        return reads.suppressions(self._engine, as_known(self._engine, wanted))

    def some_events(self, wanted: EventFilter) -> reads.Portion[BounceEvent, EventPlace]:
        """Returns the events found in one search, and where to continue. Raises TookTooLong."""
        return reads.some_events(self._engine, as_known(self._engine, wanted))

    def some_suppressions(self, wanted: SuppressionFilter) -> reads.Portion[Suppression, SuppressionPlace]:
        """Returns the suppressions found in one search, and where to continue. Raises TookTooLong."""
        return reads.some_suppressions(self._engine, as_known(self._engine, wanted))

    def recipients(self, address: str) -> list[RecipientRecord]:
        """Returns the records of an address in all streams, by stream."""
        return reads.recipients(self._engine, self.known_as(address))

    def outbox(self, wanted: OutboxFilter = _WHOLE_OUTBOX) -> Iterator[OutboxItem]:
        """Yields outbox items in the order of writing."""
        return reads.outbox(self._engine, as_known(self._engine, wanted))

    def message(self, digest: str) -> bytes | None:
        """Returns the raw message; None if there is none or it is no longer kept."""
        return reads.message(self._engine, digest)

    def to_do(self) -> reads.ToDo:
        """Returns how much work waits for a person."""
        return reads.to_do(self._engine)

    def disabled_endpoints(self) -> dict[str, str]:
        """Returns the names of disabled targets, each with the answer that disabled it."""
        return reads.disabled_endpoints(self._engine)
