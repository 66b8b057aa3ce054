"""What a judge has decided."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """A recipient, by number, was given up at that time: `for_good`, or until a day that is known already."""

    number: int
    at: datetime
    for_good: bool
