"""What the ledger holds, as lists: all that a command needs which only looks.

It is apart, and imports little, because a short command waits for what it imports.
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
    """With the name under which its recipient is filed: the hash where it was forgotten."""
    if wanted.recipient is None:
        return wanted
    from bounce_watcher.ledger.naming import forget

    return replace(wanted, recipient=forget.known_as(engine, wanted.recipient))


class Lists(Capability):
    """Whole lists, and single things of them."""

    def alerts(self, *, under_way: bool = False) -> Iterator[Alert]:
        """Alerts, the newest first; with `under_way` only those that are not cleared."""
        return reads.alerts(self._engine, under_way=under_way)

    def alert(self, name: str) -> Alert | None:
        """The alert of that id."""
        return reads.alert(self._engine, name)

    def protection(self, name: str) -> Protection | None:
        """What protects an address, itself before its domain; or a domain, where the name begins with "@"."""
        return protection.find(self._engine, name)

    def protections(self, limit: int | None = None) -> list[Protection]:
        """All that people have protected, by name."""
        return protection.everything(self._engine, limit)

    def known_as(self, address: str) -> str:
        """The name under which an address is filed: the hash where it was forgotten, else itself."""
        from bounce_watcher.ledger.naming import forget

        return forget.known_as(self._engine, address)

    def pseudonyms(self) -> Callable[[str], str]:
        """What gives an address the name under which it may leave the house; see `pseudonym`."""
        from bounce_watcher.ledger.naming import pseudonym

        return pseudonym.pseudonyms(self._engine)

    def events(self, wanted: EventFilter = _ALL_EVENTS) -> Iterator[BounceEvent]:
        """Events by time. Any number: read in pages, so what is recorded meanwhile may be among them."""
        return reads.events(self._engine, as_known(self._engine, wanted))

    def suppressions(self, wanted: SuppressionFilter = _ALL_SUPPRESSIONS) -> Iterator[Suppression]:
        """Suppressions in force, pending ones too, by address."""
        return reads.suppressions(self._engine, as_known(self._engine, wanted))

    def some_events(self, wanted: EventFilter) -> reads.Portion[BounceEvent, EventPlace]:
        """As many of them as are found at once, and where to go on. Raises TookTooLong."""
        return reads.some_events(self._engine, as_known(self._engine, wanted))

    def some_suppressions(self, wanted: SuppressionFilter) -> reads.Portion[Suppression, SuppressionPlace]:
        """As many of them as are found at once, and where to go on. Raises TookTooLong."""
        return reads.some_suppressions(self._engine, as_known(self._engine, wanted))

    def recipients(self, address: str) -> list[RecipientRecord]:
        """The records of an address in all streams, by stream."""
        return reads.recipients(self._engine, self.known_as(address))

    def outbox(self, wanted: OutboxFilter = _WHOLE_OUTBOX) -> Iterator[OutboxItem]:
        """Outbox rows in the order of writing."""
        return reads.outbox(self._engine, as_known(self._engine, wanted))

    def message(self, digest: str) -> bytes | None:
        """The raw message, None where there is none or it is kept no longer."""
        return reads.message(self._engine, digest)

    def to_do(self) -> reads.ToDo:
        """What waits for a person."""
        return reads.to_do(self._engine)

    def disabled_endpoints(self) -> dict[str, str]:
        """Target names, each with the answer that disabled it."""
        return reads.disabled_endpoints(self._engine)
