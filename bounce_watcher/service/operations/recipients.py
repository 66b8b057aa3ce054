"""What a person does about one address: release, suppress, forget, and protect it from all rules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bounce_watcher.config import Settings
from bounce_watcher.config.values import text_of
from bounce_watcher.ledger.db.files import Files
from bounce_watcher.ledger.lists.filters import SuppressionFilter
from bounce_watcher.ledger.privacy.erasure import Erased
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.address import address_key
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.keys import ValueKind
from bounce_watcher.model.ledger import Actor, NoticeType, Protection, State, Suppression, SuppressionSource
from bounce_watcher.policy.exclusion import protected_by
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.operations.operation import NoticeCounter, Notices, Operation, Outline, digest
from bounce_watcher.words.rows import Row

CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True)
class StandingOutline:
    """The current suppressions of an address, including pending ones, the notices that would be sent, and a digest."""

    standing: Sequence[Suppression]
    notices: Notices
    seen: str


def _outlined(standing: Sequence[Suppression], notices: Notices) -> StandingOutline:
    stands = ((each.stream, each.state, each.since, each.until, each.grounds) for each in standing)
    return StandingOutline(standing, notices, digest(stands))


@dataclass(frozen=True, slots=True)
class Release(Operation[StandingOutline, int]):
    """Releases an address, in all streams if `stream` is None. Earlier bounces no longer count."""

    address: str
    stream: str | None = None

    def preview(self, by: Actor) -> StandingOutline:
        standing = list(self.ledger.lists.suppressions(SuppressionFilter(self.address, self.stream)))
        counter = NoticeCounter(self.settings, self.ledger)
        counter.hear(NoticeType.RELEASED, self.address, standing)
        return _outlined(standing, counter.notices)

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
        return _outlined(standing, counter.notices)

    def carry_out(self, by: Actor) -> Suppression | None:
        """Returns the suppression in the stream afterwards; None if somebody released it at the same time."""
        announce = announcer(self.settings)
        self.ledger.suppressions.suppress(self.address, self.stream, by, announce=announce, until=self.until)
        found = self.ledger.lists.suppressions(SuppressionFilter(self.address, self.stream))
        return next((each for each in found if each.stream == self.stream), None)


@dataclass(frozen=True, slots=True)
class Forget(Operation[Outline[Erased], Erased]):
    """Erases what is stored about an address. If it is suppressed, it stays so under a keyed hash."""

    address: str

    def preview(self, by: Actor) -> Outline[Erased]:
        """Finds quickly what would be erased: without mails and texts that name the address only in their words."""
        return Outline(self.ledger.privacy.outline(self.address), digest(("forget", address_key(self.address))))

    def rehearse(self, by: Actor, advance: Callable[[int], None] = lambda _: None) -> Erased:
        """Returns what would be erased, after a search of all texts. Tells `advance` how many more mails are done."""
        return self.ledger.privacy.forget(self.address, by, dry_run=True, advance=advance)

    def carry_out(self, by: Actor, advance: Callable[[int], None] = lambda _: None) -> Erased:
        """Erases it from rows; see `clean_files`. An exception from `advance` stops it between two pages."""
        return self.ledger.privacy.forget(self.address, by, advance=advance)

    def clean_files(self) -> Files:
        """Removes what the database files still hold of erased rows."""
        return self.ledger.privacy.clean_files()


# ── protected ───────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Protector:
    """What protects an address. `name` is the address or "@" and its domain, `by` is a person or the configuration.

    `at` and `because` are None if the configuration protects it.
    """

    name: str
    by: str
    at: datetime | None = None
    because: str | None = None

    @property
    def row(self) -> Row:
        return {"name": self.name, "by": self.by, "at": self.at, "because": self.because}


def name_of(text: str) -> str:
    """Normalises an address, or "@" and a domain, for comparison. Raises ValueError, in words, for anything else."""
    return str(text_of(ValueKind.PROTECTED, text.strip()))


def protector(settings: Settings, ledger: Ledger, address: str) -> Protector | None:
    """Returns who protects an address, None if nobody. A person comes before the configuration and gives a reason."""
    found = ledger.lists.protection(address)
    if found is not None:
        return Protector(found.name, found.actor, found.at, found.because)
    name = protected_by(address, settings.policy)
    return Protector(name, CONFIGURATION) if name else None


@dataclass(frozen=True, slots=True)
class ProtectOutline(StandingOutline):
    """Who protects an address by hand now, and its suppressions. `notices` are those of their release."""

    before: Protection | None


@dataclass(frozen=True, slots=True)
class Protect(Operation[ProtectOutline, None]):
    """Protects an address, or a domain ("@" and its name), as `name_of` returns it: no rule suppresses it from now on.

    Existing suppressions stay, unless `release` is set, which releases those of the address `of`.
    """

    name: str
    of: str | None = None
    release: bool = False

    def preview(self, by: Actor) -> ProtectOutline:
        standing = list(self.ledger.lists.suppressions(SuppressionFilter(self.of))) if self.of else []
        counter = NoticeCounter(self.settings, self.ledger)
        counter.hear(NoticeType.RELEASED, self.of or "", standing)
        before = self.ledger.lists.protection(self.of or self.name)
        stands = tuple((each.stream, each.state, each.since, each.grounds) for each in standing)
        seen = digest(("protect", address_key(self.of or self.name), before, stands))
        return ProtectOutline(standing, counter.notices, seen, before)

    def carry_out(self, by: Actor) -> None:
        """Protects it. Raises ValueError, in words, for an address that was forgotten."""
        releasing = self.of if self.release else None
        self.ledger.suppressions.protect(self.name, by, releasing=releasing, announce=announcer(self.settings))


@dataclass(frozen=True, slots=True)
class Unprotect(Operation[Outline[Protection | None], bool]):
    """Ends a protection by hand under exactly that name. What the configuration protects stays protected."""

    name: str

    def preview(self, by: Actor) -> Outline[Protection | None]:
        """Shows what a person protects now, None if nobody does."""
        found = self.ledger.lists.protection(self.name)
        if found is not None and address_key(found.name) != address_key(self.name):
            found = None
        return Outline(found, digest(("unprotect", found)))

    def carry_out(self, by: Actor) -> bool:
        """Returns False if nobody protected it by hand."""
        return self.ledger.suppressions.unprotect(self.name, by)
