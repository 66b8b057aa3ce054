"""A place of an address in a notice, and how much it says against the address."""

from dataclasses import dataclass
from enum import IntEnum

from bounce_watcher.model.address import ProseAddress
from bounce_watcher.parsing.address import first_address


class Strength(IntEnum):
    """How much a place says against the address that stands there."""

    ADDRESSEE = 1  # the original went to it, and to nobody else
    NAMED = 2  # the only address of a notice that says no more
    SENTENCE = 3  # named in the very sentence that tells of the failure
    ACCUSED = 4  # stands where the form puts failed recipients


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address at one place of a notice. `line` counts from 0; `words` is what its own line says of it."""

    address: ProseAddress
    strength: Strength
    line: int
    words: str
    stage: str | None = None


def accused(line: int, address: str, words: str) -> tuple[Candidate, ...]:
    """The one candidate that the form of a notice accuses; none where `address` holds no mailbox."""
    mailbox = first_address(address)
    return (Candidate(mailbox, Strength.ACCUSED, line, words),) if mailbox else ()
