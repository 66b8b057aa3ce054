"""What every recognizer is, and the order in which they are asked."""

from dataclasses import dataclass, field
from typing import Protocol

from bounce_watcher.model.finding import Finding, Kind, SentMessage
from bounce_watcher.parsing.message import ParsedMessage


@dataclass(frozen=True, slots=True)
class Recognition:
    """What kind of report a message is and whom it speaks of. Only kinds in EVENT_KINDS carry findings.

    `unreadable` are values of address fields that name nobody as they are no mailboxes: a person has to look.
    """

    kind: Kind
    findings: tuple[Finding, ...] = ()
    sent: SentMessage = field(default_factory=SentMessage)
    feedback_type: str | None = None
    unreadable: tuple[str, ...] = ()


class Recognizer(Protocol):
    """Knows one form of report. Total: never raises, whatever the message holds."""

    def __call__(self, message: ParsedMessage) -> Recognition | None:
        """What the message is, or None where it has not this form."""
        ...
