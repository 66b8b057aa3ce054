"""The states of a recipient in a stream, and every transition between them: the table that README.md draws."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from bounce_watcher.model.ledger import State


class Move(StrEnum):
    """What may happen to a recipient."""

    WATCH = "watch"        # a bounce counts, but is not enough
    PEND = "pend"          # enough, but held
    SUPPRESS = "suppress"  # enough, or a person asks for it
    CONFIRM = "confirm"    # puts a held suppression in force
    HOLD = "hold"          # holds a suppression that is in force
    RELEASE = "release"    # by a person or after an outage: earlier events no longer count
    EXPIRE = "expire"      # its time is over: earlier events no longer count
    RESET = "reset"        # the platform delivered: earlier events no longer count


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
    """Returns the next state. A move that the table does not list for `state` changes nothing."""
    return MOVES.get((state, move), state)
