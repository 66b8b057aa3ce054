"""What the service needs from any mailbox in which bounces arrive."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from bounce_watcher.model.filing import Destination, Unfiled
from bounce_watcher.model.message import RawMessage


class UnfiledMail(Protocol):
    """A store of settled mail that could not leave its folder, by `source` (as in RawMessage), UIDVALIDITY and UID.

    Every method raises TemporaryFailure or PermanentFailure.
    """

    def of(self, source: str, uidvalidity: int) -> Mapping[int, Unfiled]:
        """Returns the unfiled mail by UID. Drops what is stored for older UIDVALIDITY values: it is meaningless now."""
        ...

    def keep(self, source: str, uidvalidity: int, uids: Collection[int], as_: Unfiled) -> None:
        """Stores `as_` for these messages, replacing what was stored before."""
        ...

    def drop(self, source: str, uidvalidity: int, uids: Collection[int]) -> None:
        """Removes messages that have left their folder."""
        ...


class MailboxSession(Protocol):
    """One pass over one mailbox. Messages not settled stay where they are and come again in the next pass."""

    def pages(self) -> Iterator[Sequence[RawMessage]]:
        """Yields unsettled messages in the order of their arrival, in pages of limited number and bytes.

        The next page may be read before the previous one is settled.
        Raises TemporaryFailure or PermanentFailure.
        """
        ...

    def settle(self, destinations: Mapping[Destination, Sequence[RawMessage]]) -> None:
        """Files the messages of one page. Call only after the ledger has committed their content.

        A message that can't leave its folder is stored as unfiled, is not read again, and leaves when it can.
        Raises TemporaryFailure or PermanentFailure; some messages may have moved by then.
        """
        ...
