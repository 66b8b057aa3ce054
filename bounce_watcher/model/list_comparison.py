"""Differences between a target's own list and ours, and their causes, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Side(StrEnum):
    HERE = "here"
    THERE = "there"


class DifferenceKind(StrEnum):
    """Why an address is on one side only."""

    SENDING = "sending"        # the item that makes them equal is on its way there
    MISSING = "missing"        # suppressed here, but not there
    DEAD = "dead"              # as MISSING: the target refused it for good, or we gave up
    FORGOTTEN = "forgotten"    # as MISSING: we no longer know its address
    WITHDRAWN = "withdrawn"    # as MISSING: it was there once, but is no longer
    THEIRS = "theirs"          # it is there, but not from us
    LEFT_OVER = "left_over"    # we put it there and released it; the target never accepted the release
    LATELY = "lately"          # the target has just accepted our release
    HELD = "held"              # we hold its suppression
    ELSEWHERE = "elsewhere"    # suppressed here, in a stream of which this target gets nothing


FIXED_AT: Mapping[DifferenceKind, Side] = {
    DifferenceKind.MISSING: Side.THERE, DifferenceKind.DEAD: Side.THERE, DifferenceKind.LEFT_OVER: Side.THERE,
    DifferenceKind.THEIRS: Side.HERE,
}
"""The side on which each kind is fixed. A kind that is missing here is fixed on neither side."""


class DifferenceReason(StrEnum):
    """The facts that determine a difference's kind, `case`."""

    case: DifferenceKind

    def __new__(cls, value: str, case: DifferenceKind) -> "DifferenceReason":
        member = str.__new__(cls, value)
        member._value_ = value
        member.case = case
        return member

    ERASED = "erased", DifferenceKind.FORGOTTEN
    STOOD_THERE = "stood_there", DifferenceKind.WITHDRAWN
    ON_ITS_WAY = "on_its_way", DifferenceKind.SENDING
    NEVER_TOLD = "never_told", DifferenceKind.MISSING
    TOLD_AND_NOT_LISTED = "told_and_not_listed", DifferenceKind.MISSING
    NEVER_TAKEN = "never_taken", DifferenceKind.MISSING
    REFUSED = "refused", DifferenceKind.DEAD
    HELD_BACK = "held_back", DifferenceKind.HELD
    RELEASE_ON_ITS_WAY = "release_on_its_way", DifferenceKind.SENDING
    NOT_OURS = "not_ours", DifferenceKind.THEIRS
    LISTED_AFTER_RELEASE = "listed_after_release", DifferenceKind.THEIRS
    RELEASE_TAKEN = "release_taken", DifferenceKind.THEIRS
    RELEASE_JUST_TAKEN = "release_just_taken", DifferenceKind.LATELY
    OTHER_STREAM = "other_stream", DifferenceKind.ELSEWHERE
    NOT_RELEASED = "not_released", DifferenceKind.THEIRS
    LISTED_AT_ANOTHER_TIME = "listed_at_another_time", DifferenceKind.THEIRS
    RELEASE_NOT_TAKEN = "release_not_taken", DifferenceKind.LEFT_OVER


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an address is on one side only.

    `answer` is the target's answer to the notice that is on its way or was not accepted; None if there is none.
    `again` is the id of a notice that only has to be sent again.
    """

    why: DifferenceReason
    answer: str | None = None
    again: str | None = None

    @property
    def case(self) -> DifferenceKind:
        return self.why.case


@dataclass(frozen=True, slots=True)
class Difference:
    """One address that is on `side` only.

    `stream` is set if we suppress it or did. `reason` and `since` (aware) are as the target reports them. `number` is
    the number of the outbox row by which the address was suppressed there.
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
