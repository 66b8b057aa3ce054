"""Where the list that a target keeps differs from ours, and why, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Side(StrEnum):
    HERE = "here"
    THERE = "there"


class DifferenceKind(StrEnum):
    """Why an address stands on one side alone."""

    SENDING = "sending"        # what makes them equal is on its way there
    MISSING = "missing"        # suppressed here, and not there
    DEAD = "dead"              # so, and the target refused it for good, or it was given up
    FORGOTTEN = "forgotten"    # so, but its address is known no longer
    WITHDRAWN = "withdrawn"    # so, because it stood there once, and it does no longer
    THEIRS = "theirs"          # it stands there, and not from us
    LEFT_OVER = "left_over"    # we put it there and released it, which the target never took
    LATELY = "lately"          # the target has just taken our release
    HELD = "held"              # we hold its suppression back
    ELSEWHERE = "elsewhere"    # it is suppressed here where this target is not told of it


FIXED_AT: Mapping[DifferenceKind, Side] = {
    DifferenceKind.MISSING: Side.THERE, DifferenceKind.DEAD: Side.THERE, DifferenceKind.LEFT_OVER: Side.THERE,
    DifferenceKind.THEIRS: Side.HERE,
}
"""On which side each is fixed; what is not here is fixed on neither."""


class DifferenceReason(StrEnum):
    """What tells the case."""

    ERASED = "erased"
    STOOD_THERE = "stood_there"
    ON_ITS_WAY = "on_its_way"
    NEVER_TOLD = "never_told"
    TOLD_AND_NOT_LISTED = "told_and_not_listed"
    NEVER_TAKEN = "never_taken"
    REFUSED = "refused"
    HELD_BACK = "held_back"
    RELEASE_ON_ITS_WAY = "release_on_its_way"
    NOT_OURS = "not_ours"
    LISTED_AFTER_RELEASE = "listed_after_release"
    RELEASE_TAKEN = "release_taken"
    RELEASE_JUST_TAKEN = "release_just_taken"
    OTHER_STREAM = "other_stream"
    NOT_RELEASED = "not_released"
    LISTED_AT_ANOTHER_TIME = "listed_at_another_time"
    RELEASE_NOT_TAKEN = "release_not_taken"


CASES: Mapping[DifferenceReason, DifferenceKind] = {
    DifferenceReason.ERASED: DifferenceKind.FORGOTTEN, DifferenceReason.STOOD_THERE: DifferenceKind.WITHDRAWN,
    DifferenceReason.ON_ITS_WAY: DifferenceKind.SENDING,
    DifferenceReason.NEVER_TOLD: DifferenceKind.MISSING, DifferenceReason.TOLD_AND_NOT_LISTED: DifferenceKind.MISSING,
    DifferenceReason.NEVER_TAKEN: DifferenceKind.MISSING,
    DifferenceReason.REFUSED: DifferenceKind.DEAD, DifferenceReason.HELD_BACK: DifferenceKind.HELD,
    DifferenceReason.RELEASE_ON_ITS_WAY: DifferenceKind.SENDING, DifferenceReason.NOT_OURS: DifferenceKind.THEIRS,
    DifferenceReason.LISTED_AFTER_RELEASE: DifferenceKind.THEIRS, DifferenceReason.RELEASE_TAKEN: DifferenceKind.THEIRS,
    DifferenceReason.RELEASE_JUST_TAKEN: DifferenceKind.LATELY,
    DifferenceReason.OTHER_STREAM: DifferenceKind.ELSEWHERE, DifferenceReason.NOT_RELEASED: DifferenceKind.THEIRS,
    DifferenceReason.LISTED_AT_ANOTHER_TIME: DifferenceKind.THEIRS,
    DifferenceReason.RELEASE_NOT_TAKEN: DifferenceKind.LEFT_OVER,
}


@dataclass(frozen=True, slots=True)
class Cause:
    """`answer` is what the target said to the notice that is on its way or was not taken, None where nothing.

    `again` is the id of a notice that need only be sent once more.
    """

    why: DifferenceReason
    answer: str | None = None
    again: str | None = None

    @property
    def case(self) -> DifferenceKind:
        return CASES[self.why]


@dataclass(frozen=True, slots=True)
class Difference:
    """One address that stands on `side` alone.

    `stream` is told where we suppress it or did; `reason` and `since` (aware) as the target tells them. `number` is
    that of the outbox row by which it was suppressed there.
    """

    key: str
    address: str
    side: Side
    cause: Cause
    stream: str | None = None
    reason: str | None = None
    since: datetime | None = None
    number: int | None = None

    @property
    def case(self) -> DifferenceKind:
        return self.cause.case

    @property
    def fixed_at(self) -> Side | None:
        return FIXED_AT.get(self.case)
