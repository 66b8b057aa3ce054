"""Protects addresses from all rules: finds who protects one, and lets a person begin and end it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bounce_watcher.config import Settings
from bounce_watcher.config.values import text_of
from bounce_watcher.ledger.lists.filters import SuppressionFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.address import address_key
from bounce_watcher.model.keys import ValueKind
from bounce_watcher.model.ledger import Actor, NoticeType, Protection, Suppression
from bounce_watcher.policy.exclusion import protected_by
from bounce_watcher.service.operations.operation import NoticeCounter, Notices, Operation, digest
from bounce_watcher.service.operations.recipients import Release
from bounce_watcher.words.rows import Row

CONFIGURATION = "configuration"


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
    def is_by_hand(self) -> bool:
        return self.at is not None

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
class ProtectOutline:
    """Who protects it by hand now, and its suppressions. `notices` are those of their release."""

    before: Protection | None
    standing: Sequence[Suppression]
    notices: Notices
    seen: str


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
        return ProtectOutline(before, standing, counter.notices, seen)

    def carry_out(self, by: Actor) -> None:
        """Protects it. Raises ValueError, in words, for an address that was forgotten."""
        self.ledger.suppressions.protect(self.name, by)
        if self.release and self.of:
            Release(self.settings, self.ledger, self.of).carry_out(by)


@dataclass(frozen=True, slots=True)
class UnprotectOutline:
    """What a person protects now, None if nobody does."""

    before: Protection | None
    seen: str


@dataclass(frozen=True, slots=True)
class Unprotect(Operation[UnprotectOutline, bool]):
    """Ends a protection by hand under exactly that name. What the configuration protects stays protected."""

    name: str

    def preview(self, by: Actor) -> UnprotectOutline:
        found = self.ledger.lists.protection(self.name)
        if found is not None and address_key(found.name) != address_key(self.name):
            found = None
        return UnprotectOutline(found, digest(("unprotect", found)))

    def carry_out(self, by: Actor) -> bool:
        """Returns False if nobody protected it by hand."""
        return self.ledger.suppressions.unprotect(self.name, by)
