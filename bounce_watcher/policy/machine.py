"""The states of a recipient in a stream, and every way from one to another: the table that README.md draws."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from bounce_watcher.model.ledger import State


class Move(StrEnum):
    """What may happen to a recipient."""

    WATCH = "watch"        # a bounce counts, and is not enough
    PEND = "pend"          # enough, but held back
    SUPPRESS = "suppress"  # enough, or a person's wish
    CONFIRM = "confirm"    # what was held back is put in force
    HOLD = "hold"          # what is in force is held back after all
    RELEASE = "release"    # by a person or after an outage: what counted counts no more
    EXPIRE = "expire"      # its time is over: what counted counts no more
    RESET = "reset"        # the platform delivered: what counted counts no more


MOVES: Mapping[tuple[State, Move], State] = MappingProxyType({
    (State.ACTIVE, Move.WATCH): State.WATCHING,
    (State.RELEASED, Move.WATCH): State.WATCHING,
    (State.ACTIVE, Move.PEND): State.PENDING,
    (State.WATCHING, Move.PEND): State.PENDING,
    (State.RELEASED, Move.PEND): State.PENDING,
    (State.ACTIVE, Move.SUPPRESS): State.SUPPRESSED,
    (State.WATCHING, Move.SUPPRESS): State.SUPPRESSED,
    (State.PENDING, Move.SUPPRESS): State.SUPPRESSED,
    (State.RELEASED, Move.SUPPRESS): State.SUPPRESSED,
    (State.PENDING, Move.CONFIRM): State.SUPPRESSED,
    (State.SUPPRESSED, Move.HOLD): State.PENDING,
    (State.PENDING, Move.RELEASE): State.ACTIVE,
    (State.PENDING, Move.EXPIRE): State.ACTIVE,
    (State.SUPPRESSED, Move.RELEASE): State.RELEASED,
    (State.SUPPRESSED, Move.EXPIRE): State.RELEASED,
    (State.WATCHING, Move.RELEASE): State.ACTIVE,
    (State.WATCHING, Move.RESET): State.ACTIVE,
})


def after(state: State, move: Move) -> State:
    """The next state. A move that the table does not know from `state` leaves it as it is."""
    return MOVES.get((state, move), state)
