"""Lists by many filters at once, in pages; and counts of everything."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from functools import cached_property

from bounce_watcher.ledger.capability import Capability
from bounce_watcher.ledger.db.paging import Page, PagePosition
from bounce_watcher.ledger.db.query import Facets, Query
from bounce_watcher.ledger.lists import browse, parts, stock
from bounce_watcher.ledger.lists.figures import Figures
from bounce_watcher.ledger.lists.filters import EventFilter, EventPlace, GroupBy, SuppressionFilter, SuppressionPlace
from bounce_watcher.ledger.lists.incidents import Incidents
from bounce_watcher.ledger.lists.lists import as_known
from bounce_watcher.ledger.lists.stats import Stats, stats
from bounce_watcher.ledger.lists.stock import Queue, Stock
from bounce_watcher.ledger.naming import forget
from bounce_watcher.ledger.recording import report_counts, sent
from bounce_watcher.model.ledger import Alert, BounceEvent, Suppression


class Browsing(Capability):
    """Lists by many filters at once, in pages; and counts of everything."""

    def event(self, name: str) -> BounceEvent | None:
        """The event of that id."""
        return browse.event(self._engine, name)

    def event_page(self, wanted: Query, place: PagePosition) -> Page[BounceEvent]:
        """Some events for a person, the newest first. Raises TookTooLong where they are not found in time."""
        return browse.event_page(self._engine, as_known(self._engine, wanted), place)

    def all_events(self, wanted: Query) -> Iterator[BounceEvent]:
        """Any number, the newest first."""
        return browse.all_events(self._engine, as_known(self._engine, wanted))

    def event_facets(self, wanted: Query) -> Facets | None:
        """How many by type, reason and so on; None where counting took too long."""
        return browse.event_facets(self._engine, as_known(self._engine, wanted))

    def recipient_page(
        self, wanted: Query, place: PagePosition, now: datetime
    ) -> Page[browse.RecipientStanding]:
        """Some recipients for a person, the last changed first. Raises TookTooLong."""
        return browse.recipient_page(self._engine, wanted, place, now)

    def all_recipients(self, wanted: Query, now: datetime) -> Iterator[browse.RecipientStanding]:
        """Any number, the last changed first."""
        return browse.all_recipients(self._engine, wanted, now)

    def recipient_facets(self, wanted: Query) -> Facets | None:
        """How many by state, reason and stream; None where counting took too long."""
        return browse.recipient_facets(self._engine, wanted)

    def holding(self, address: str) -> dict[str, list[Alert]]:
        """By stream the alerts that hold a suppression of an address back."""
        return browse.holding(self._engine, forget.known_as(self._engine, address))

    def some_events(self, wanted: EventFilter) -> parts.Portion[BounceEvent, EventPlace]:
        """As many of them as are found at once, and where to go on. Raises TookTooLong."""
        return parts.events(self._engine, as_known(self._engine, wanted))

    def some_suppressions(self, wanted: SuppressionFilter) -> parts.Portion[Suppression, SuppressionPlace]:
        """As many of them as are found at once, and where to go on. Raises TookTooLong."""
        return parts.suppressions(self._engine, as_known(self._engine, wanted))

    def stock(self) -> Stock:
        """How much of what stands here just now: cheap however large the ledger is."""
        return stock.stock(self._engine)

    def queues(self) -> dict[str, Queue]:
        """What each target is still to be told."""
        return stock.queues(self._engine)

    def count_reports(self, asked: report_counts.Asked, *by: report_counts.CountBy) -> dict[tuple[str | int, ...], int]:
        """How many reports there were, by the values of `by`: months are answered without reading their events."""
        return report_counts.count(self._engine, asked, *by)

    def sent_by_day(self, since: date, until: date, stream: str | None = None) -> dict[tuple[date, str], int]:
        """How many mails went to each receiving domain on each day (UTC), `since` <= day < `until`."""
        return sent.sent_by_day(self._engine, since, until, stream)

    def stats(
        self, since: datetime, until: datetime, by: Sequence[GroupBy], stream: str | None = None
    ) -> Stats:
        """How many reports there were in these days; see `stats.stats`. Raises ValueError."""
        return stats(self._engine, since, until, by, stream)

    @cached_property
    def figures(self) -> Figures:
        """What pages show of bounces, addresses and sent mail, by time."""
        return Figures(self._engine)

    @cached_property
    def incidents(self) -> Incidents:
        """Alerts as a person looks through them, and whom one holds."""
        return Incidents(self._engine)
