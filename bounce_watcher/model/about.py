"""The subject of an error, a check or a fault, as a value."""

from dataclasses import dataclass
from enum import StrEnum


class AboutKind(StrEnum):
    MAILBOX = "mailbox"
    FILING = "filing"      # filing of a mailbox's mail, which is still read
    WEBHOOK = "webhook"
    PLATFORM = "platform"
    NOTIFIER = "notifier"
    LEDGER = "ledger"
    DATABASE = "database"
    SCHEMA = "schema"
    ANALYSIS = "analysis"


@dataclass(frozen=True, order=True, slots=True)
class About:
    """The subject of an error. `name` is its name in the configuration, "" if there is only one of its kind.

    `str()` is how a person finds it there.
    """

    kind: AboutKind
    name: str = ""

    def __str__(self) -> str:
        if self.kind is AboutKind.FILING:
            return f"filing of {self.name}"
        return f"{self.kind} {self.name}" if self.name else self.kind.value


LEDGER = About(AboutKind.LEDGER)
