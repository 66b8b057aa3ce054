"""Where a message goes once it is settled, and how far a message has come that is still in its folder."""

from dataclasses import dataclass
from enum import StrEnum


class Destination(StrEnum):
    """Where a message goes once its content is in the ledger."""

    PROCESSED = "processed"
    REVIEW = "review"          # not understood: a person should look
    QUARANTINE = "quarantine"  # our analysis failed on it


@dataclass(frozen=True, slots=True)
class CopyBegun:
    """The state of a destination before a COPY into it. Messages that arrived since have `uidnext` or a higher UID, as
    long as the UIDVALIDITY stays the same (RFC 3501 section 2.3.1.1)."""

    uidvalidity: int
    uidnext: int


@dataclass(frozen=True, slots=True)
class Unfiled:
    """A settled message that is still in its folder.

    `to` is where it goes. `copied`: the copy is there, and the message only has to be removed from its folder. `begun`:
    a COPY was begun, and it is unknown whether it finished; None = none was begun.
    """

    to: Destination
    copied: bool = False
    begun: CopyBegun | None = None
