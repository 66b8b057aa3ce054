"""Compares a platform's own list with the ledger, and fixes the difference."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from time import sleep

from bounce_watcher.config import Settings
from bounce_watcher.ledger.outbox.list_comparison import PAGE, FoundEntry, ListComparison
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.address import parse_entry
from bounce_watcher.model.errors import PermanentFailure, TemporaryFailure
from bounce_watcher.model.grounds import ByPlatform
from bounce_watcher.model.ledger import Announce, State, Suppression, SuppressionSource
from bounce_watcher.model.list_comparison import Side
from bounce_watcher.model.verdict import Reason
from bounce_watcher.outbox.platform import ListPage, Platform, Session
from bounce_watcher.outbox.platform_channel import connect
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.operations.parts import batched

WAITS = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 15, 40))
"""How long to wait after each failed try before asking for a page again: a long list meets rate limits."""

IDLE_PAGES, IDLE_SHARE = 100, 4
"""How many pages may bring nothing new before a list counts as endless.

The limit is IDLE_PAGES, plus IDLE_SHARE times the pages that did bring something. A list that combines several lists
may well repeat entries.
"""


class Drift:
    """A platform's list beside the ledger. Call `read` first. `skipped` counts entries that are no addresses."""

    def __init__(self, settings: Settings, ledger: Ledger, platform: Platform, lists: ListComparison) -> None:
        self._settings, self._ledger, self._platform, self.lists = settings, ledger, platform, lists
        self.skipped = 0

    def read(self, advance: Callable[[int], None]) -> None:
        """Reads both lists, once. Calls `advance` with how many more entries were read on the platform.

        Raises PermanentFailure if the platform's list can't be read or does not end, TemporaryFailure if the platform
        does not answer after several tries.
        """
        with closing(connect(self._platform)) as session:
            for page in _pages(session, self._platform, self._take):
                advance(len(page.entries))
        self.lists.read_here()

    def _take(self, page: ListPage) -> int:
        """Takes a page and returns how many addresses were new. Skips whole domains and hashes, which name nobody."""
        named = [(parse_entry(each.address), each) for each in page.entries]
        found = [FoundEntry(mailbox, each.reason, each.since) for mailbox, each in named if mailbox]
        self.skipped += len(page.entries) - len(found)
        return self.lists.take(found)

    def fix_there(self) -> int:
        """Tells the platform through the outbox. Returns for how many recipients."""
        wanted = (each for each in self.lists.differences() if each.fixed_at is Side.THERE)
        announce = self._announcer(to_it=True)
        return sum(self.lists.fix_there(batch, announce, utcnow()) for batch in batched(wanted, PAGE))

    def fix_here(self, stream: str) -> int:
        """Suppresses in `stream` those that the platform itself suppresses. Tells every target except the platform.

        Returns how many. These suppressions rest on no bounce and never count as one.
        """
        announce, now = self._announcer(to_it=False), utcnow()
        wanted = (
            Suppression(
                each.address, stream, State.SUPPRESSED, Reason.ALREADY_SUPPRESSED.value, min(each.since or now, now),
                ByPlatform(self._platform.name, each.reason), SuppressionSource.PLATFORM,
            )
            for each in self.lists.differences() if each.fixed_at is Side.HERE
        )
        return sum(self._ledger.suppressions.adopt(batch, now, announce) for batch in batched(wanted, PAGE))

    def _announcer(self, *, to_it: bool) -> Announce:
        """Returns what tells the platform alone, or every target except it."""
        announce, name = announcer(self._settings), self._platform.name
        return lambda occurrence: [item for item in announce(occurrence) if (item.target == name) is to_it]


@contextmanager
def drift(settings: Settings, ledger: Ledger, platform: Platform) -> Iterator[Drift]:
    """Opens a list comparison. Raises PermanentFailure if the platform has no list that can be read."""
    if not platform.lists:
        raise PermanentFailure(
            f"a {platform.kind} lets nobody read its list: see what it was told with "
            f"`outbox list --target {platform.name}`", about=platform.about,
        )
    with ledger.outbox.list_comparison(platform.name, platform.streams, utcnow()) as lists:
        yield Drift(settings, ledger, platform, lists)


def _pages(session: Session, platform: Platform, take: Callable[[ListPage], int]) -> Iterator[ListPage]:
    """Yields page after page. `take` is called with each and returns how many of its addresses were new."""
    seen: set[str] = set()
    cursor: str | None = None
    busy = idle = 0
    while True:
        page = _page(session, cursor)
        fresh = take(page)
        yield page
        busy, idle = (busy + 1, idle) if fresh else (busy, idle + 1)
        cursor = page.cursor
        if cursor is None:
            return
        if cursor in seen or idle > IDLE_PAGES + IDLE_SHARE * busy:
            endless = "its list has no end: the same comes again and again"
            raise PermanentFailure(endless, "check url", about=platform.about)
        seen.add(cursor)


def _page(session: Session, cursor: str | None) -> ListPage:
    for wait in WAITS:
        try:
            return session.page(cursor, utcnow())
        except TemporaryFailure:
            sleep(wait.total_seconds())
    return session.page(cursor, utcnow())
