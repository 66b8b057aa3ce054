"""What an error, a check or a trouble is about, as a value."""

from dataclasses import dataclass
from enum import StrEnum


class AboutKind(StrEnum):
    MAILBOX = "mailbox"
    FILING = "filing"      # of a mailbox's mail: it is read all the same
    WEBHOOK = "webhook"
    PLATFORM = "platform"
    NOTIFIER = "notifier"
    LEDGER = "ledger"
    DATABASE = "database"
    SCHEMA = "schema"
    ANALYSIS = "analysis"


@dataclass(frozen=True, order=True, slots=True)
class About:
    """`name` is that in the configuration, "" where there is but one. `str()` is how a person finds it there."""

    kind: AboutKind
    name: str = ""

    def __str__(self) -> str:
        if self.kind is AboutKind.FILING:
            return f"filing of {self.name}"
        return f"{self.kind} {self.name}" if self.name else self.kind.value


LEDGER = About(AboutKind.LEDGER)
