"""What the service needs of a place where bounces arrive, whatever it is."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from bounce_watcher.model.filing import Destination, Unfiled
from bounce_watcher.model.message import RawMessage


class UnfiledMail(Protocol):
    """Keeps what is settled and could not leave its folder, by `source` (as in RawMessage), UIDVALIDITY and UID.

    Every method raises TemporaryFailure or PermanentFailure.
    """

    def of(self, source: str, uidvalidity: int) -> Mapping[int, Unfiled]:
        """By UID. What is kept of the folder's older UIDVALIDITY means nothing any more, and is dropped."""
        ...

    def keep(self, source: str, uidvalidity: int, uids: Collection[int], as_: Unfiled) -> None:
        """In place of what was kept of them."""
        ...

    def drop(self, source: str, uidvalidity: int, uids: Collection[int]) -> None:
        """They have left their folder."""
        ...


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

        What can't leave its folder is kept as unfiled, is not read again, and leaves when it can.
        Raises TemporaryFailure or PermanentFailure; some may have moved by then.
        """
        ...
