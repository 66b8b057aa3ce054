"""Where a message goes once it is settled, and how far one has come that is still in its folder."""

from dataclasses import dataclass
from enum import StrEnum


class Destination(StrEnum):
    """Where a message goes once what it says is in the ledger."""

    PROCESSED = "processed"
    REVIEW = "review"          # understood by nobody: a person should look
    QUARANTINE = "quarantine"  # our analysis broke on it


@dataclass(frozen=True, slots=True)
class CopyBegun:
    """The destination as it was before a COPY into it: what has come since has `uidnext` or a higher UID, as long as
    its UIDVALIDITY is this one (RFC 3501 section 2.3.1.1)."""

    uidvalidity: int
    uidnext: int


@dataclass(frozen=True, slots=True)
class Unfiled:
    """A settled message that still lies in its folder.

    `to`: where it goes. `copied`: a copy lies there, and what is left is to take it out of its folder. `begun`: a COPY
    was begun, and nobody knows whether it came to its end; None = none was.
    """

    to: Destination
    copied: bool = False
    begun: CopyBegun | None = None
