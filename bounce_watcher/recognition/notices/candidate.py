"""A place of an address in a notice, and how strongly it accuses the address."""

from dataclasses import dataclass
from enum import IntEnum

from bounce_watcher.model.address import ProseAddress
from bounce_watcher.parsing.address import first_address


class Strength(IntEnum):
    """How strongly a place accuses its address."""

    ADDRESSEE = 1  # the original went to it, and to nobody else
    NAMED = 2  # the only address of a notice that says no more
    SENTENCE = 3  # named in the very sentence that reports the failure
    ACCUSED = 4  # in a place where the form puts failed recipients


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address at one place of a notice. `line` counts from 0; `words` is what its own line says about it."""

    address: ProseAddress
    strength: Strength
    line: int
    words: str
    stage: str | None = None


def accused(line: int, address: str, words: str) -> tuple[Candidate, ...]:
    """Returns the one candidate that the form of a notice accuses; none if `address` holds no mailbox."""
    mailbox = first_address(address)
    return (Candidate(mailbox, Strength.ACCUSED, line, words),) if mailbox else ()
