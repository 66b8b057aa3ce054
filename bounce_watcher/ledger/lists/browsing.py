"""Lists with many filters, in pages."""

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property

from bounce_watcher.ledger.capability import Capability
from bounce_watcher.ledger.db.paging import Page, PagePosition
from bounce_watcher.ledger.db.query import Facets, Query
from bounce_watcher.ledger.lists import browse
from bounce_watcher.ledger.lists.incidents import Incidents
from bounce_watcher.ledger.lists.lists import as_known
from bounce_watcher.ledger.naming import forget
from bounce_watcher.model.ledger import Alert, BounceEvent


class Browsing(Capability):
    """Lists with many filters, in pages."""

    def event(self, name: str) -> BounceEvent | None:
        """Returns the event with that id; None if there is none."""
        return browse.event(self._engine, name)

    def event_page(self, wanted: Query, place: PagePosition) -> Page[BounceEvent]:
        """Returns a page of events, newest first. Raises TookTooLong if they are not found in time."""
        return browse.event_page(self._engine, as_known(self._engine, wanted), place)

    def all_events(self, wanted: Query) -> Iterator[BounceEvent]:
        """Yields all matching events, newest first."""
        return browse.all_events(self._engine, as_known(self._engine, wanted))

    def event_facets(self, wanted: Query) -> Facets | None:
        """Returns the number of events by type, reason and so on; None if counting took too long."""
        return browse.event_facets(self._engine, as_known(self._engine, wanted))

    def recipient_page(
        self, wanted: Query, place: PagePosition, now: datetime
    ) -> Page[browse.RecipientStanding]:
        """Returns a page of recipients, the last changed first. Raises TookTooLong."""
        return browse.recipient_page(self._engine, wanted, place, now)

    def all_recipients(self, wanted: Query, now: datetime) -> Iterator[browse.RecipientStanding]:
        """Yields all matching recipients, the last changed first."""
        return browse.all_recipients(self._engine, wanted, now)

    def recipient_facets(self, wanted: Query) -> Facets | None:
        """Returns the number of recipients by state, reason and stream; None if counting took too long."""
        return browse.recipient_facets(self._engine, wanted)

    def holding(self, address: str) -> dict[str, list[Alert]]:
        """Returns, by stream, the alerts that hold a suppression of an address."""
        return browse.holding(self._engine, forget.known_as(self._engine, address))

    @cached_property
    def incidents(self) -> Incidents:
        """Lists of incidents, and of the recipients that one holds."""
        return Incidents(self._engine)
