"""Who protects an address from the rules: the configuration, or a person by hand."""

from dataclasses import dataclass
from datetime import datetime

from bounce_watcher.config import Settings
from bounce_watcher.config.values import text_of
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.keys import ValueKind
from bounce_watcher.policy.exclusion import protected_by
from bounce_watcher.words.rows import Row

CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True)
class Protector:
    """What protects an address. `name` is the address or "@" and its domain, `by` a person or the configuration.

    `at` and `because` are not told by the configuration.
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
    """An address, or "@" and a domain, as it is compared. Raises ValueError, in words, for anything else."""
    return str(text_of(ValueKind.PROTECTED, text.strip()))


def protector(settings: Settings, ledger: Ledger, address: str) -> Protector | None:
    """Who protects an address; a person before the configuration, as there is a reason then."""
    found = ledger.lists.protection(address)
    if found is not None:
        return Protector(found.name, found.actor, found.at, found.because)
    name = protected_by(address, settings.policy)
    return Protector(name, CONFIGURATION) if name else None
