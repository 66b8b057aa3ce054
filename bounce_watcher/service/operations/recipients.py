"""What a person does about one address: release, suppress, forget."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bounce_watcher.ledger.db.files import Files
from bounce_watcher.ledger.lists.filters import SuppressionFilter
from bounce_watcher.ledger.privacy.erasure import Erased
from bounce_watcher.model.address import address_key
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import Actor, NoticeType, State, Suppression, SuppressionSource
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.operations.operation import NoticeCounter, Notices, Operation, digest


@dataclass(frozen=True, slots=True)
class StandingOutline:
    """The current suppressions of an address, including pending ones, the notices that would be sent, and a digest."""

    standing: Sequence[Suppression]
    notices: Notices
    seen: str


def outlined(standing: Sequence[Suppression], notices: Notices, *also: object) -> StandingOutline:
    """Makes an outline. `also` is what else a person must have seen."""
    stands = ((each.stream, each.state, each.since, each.until, each.grounds) for each in standing)
    return StandingOutline(standing, notices, digest((*also, *stands)))


@dataclass(frozen=True, slots=True)
class Release(Operation[StandingOutline, int]):
    """Releases an address, in all streams if `stream` is None. Earlier bounces no longer count."""

    address: str
    stream: str | None = None

    def preview(self, by: Actor) -> StandingOutline:
        standing = list(self.ledger.lists.suppressions(SuppressionFilter(self.address, self.stream)))
        counter = NoticeCounter(self.settings, self.ledger)
        counter.hear(NoticeType.RELEASED, self.address, standing)
        return outlined(standing, counter.notices)

    def carry_out(self, by: Actor) -> int:
        """Returns in how many streams it was released; 0 if nothing was suppressed."""
        return self.ledger.suppressions.release(self.address, self.stream, by, announce=announcer(self.settings))


@dataclass(frozen=True, slots=True)
class Suppress(Operation[StandingOutline, Suppression | None]):
    """Suppresses an address by hand in a stream, `until` then (aware) or for good.

    An existing suppression that lasts longer stays.
    """

    address: str
    stream: str
    until: datetime | None = None

    def preview(self, by: Actor) -> StandingOutline:
        standing = list(self.ledger.lists.suppressions(SuppressionFilter(self.address)))
        counter = NoticeCounter(self.settings, self.ledger)
        counter.hear(NoticeType.SUPPRESSED, self.address, [Suppression(
            self.address, self.stream, State.SUPPRESSED, None, by.at, ByPerson(""), SuppressionSource.MANUAL
        )])
        return outlined(standing, counter.notices)

    def carry_out(self, by: Actor) -> Suppression | None:
        """Returns the suppression in the stream afterwards; None if somebody released it at the same time."""
        announce = announcer(self.settings)
        self.ledger.suppressions.suppress(self.address, self.stream, by, announce=announce, until=self.until)
        found = self.ledger.lists.suppressions(SuppressionFilter(self.address, self.stream))
        return next((each for each in found if each.stream == self.stream), None)


@dataclass(frozen=True, slots=True)
class ForgetOutline:
    """What would be erased, found quickly: without mails and texts that name the address only in their words."""

    erased: Erased
    seen: str


@dataclass(frozen=True, slots=True)
class Forget(Operation[ForgetOutline, Erased]):
    """Erases what is stored about an address. If it is suppressed, it stays so under a keyed hash."""

    address: str

    def preview(self, by: Actor) -> ForgetOutline:
        return ForgetOutline(self.ledger.privacy.outline(self.address), digest(("forget", address_key(self.address))))

    def rehearse(self, by: Actor, advance: Callable[[int], None] = lambda _: None) -> Erased:
        """Returns what would be erased, after a search of all texts. Tells `advance` how many more mails are done."""
        return self.ledger.privacy.forget(self.address, by, dry_run=True, advance=advance)

    def carry_out(self, by: Actor, advance: Callable[[int], None] = lambda _: None) -> Erased:
        """Erases it from rows; see `clean_files`. An exception from `advance` stops it between two pages."""
        return self.ledger.privacy.forget(self.address, by, advance=advance)

    def clean_files(self) -> Files:
        """Removes what the database files still hold of erased rows."""
        return self.ledger.privacy.clean_files()
