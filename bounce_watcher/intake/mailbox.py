"""What the service needs of a place where bounces arrive, whatever it is."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from bounce_watcher.model.message import RawMessage


class Destination(StrEnum):
    """Where a message goes once what it says is in the ledger."""

    PROCESSED = "processed"
    REVIEW = "review"          # understood by nobody: a person should look
    QUARANTINE = "quarantine"  # our analysis broke on it


class MailboxSession(Protocol):
    """One pass over one mailbox. Messages not settled stay where they are and come again in the next pass."""

    def pages(self) -> Iterator[Sequence[RawMessage]]:
        """Unsettled messages in the order of their arrival, in pages bounded in number and bytes.

        The next page may be drawn before the one before it is settled.
        Raises TemporaryFailure or PermanentFailure.
        """
        ...

    def settle(self, destinations: Mapping[Destination, Sequence[RawMessage]]) -> None:
        """Files messages of one page away. Call only after the ledger has committed what they say.

        Raises TemporaryFailure or PermanentFailure; some may have moved by then.
        """
        ...
