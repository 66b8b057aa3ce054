"""The interface of recognizers, and what they return."""

from dataclasses import dataclass, field
from typing import Protocol

from bounce_watcher.model.finding import Finding, Kind, SentMessage
from bounce_watcher.parsing.message import ParsedMessage


@dataclass(frozen=True, slots=True)
class Recognition:
    """What kind of report a message is, and its recipients. Only kinds in EVENT_KINDS have findings.

    `unreadable` are values of address fields that name nobody because they are no mailboxes: a person has to look.
    """

    kind: Kind
    findings: tuple[Finding, ...] = ()
    sent: SentMessage = field(default_factory=SentMessage)
    feedback_type: str | None = None
    unreadable: tuple[str, ...] = ()


class Recognizer(Protocol):
    """A recognizer of one form of report. Total: never raises, whatever the message holds."""

    def __call__(self, message: ParsedMessage) -> Recognition | None:
        """Returns what the message is; None if it does not have this form."""
        ...
