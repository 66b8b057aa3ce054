"""What a judge has decided."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """A recipient, by number, was given up at that time: `for_good`, or until a day that was known already.

    `ended` is when it was taken back, None where it still holds.
    """

    number: int
    at: datetime
    for_good: bool
    ended: datetime | None = None

    def holds(self, at: datetime) -> bool:
        return self.at <= at and (self.ended is None or at < self.ended)
