"""Dates, numbers and lists in English words, the same under every locale. All times are shown in UTC."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from itertools import zip_longest

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)


def day(moment: datetime) -> str:
    """`2 March 2026`, in UTC."""
    return _date(moment.astimezone(UTC).date(), None)


def minute(moment: datetime) -> str:
    """`2 March 2026 09:30 UTC`."""
    return f"{day(moment)} {moment.astimezone(UTC):%H:%M} UTC"


def days(dates: Iterable[date]) -> str:
    """`2, 9 and 17 March 2026`: each distinct date once, in order, month and year where they change."""
    ordered = sorted(set(dates))
    return listing([_date(this, after) for this, after in zip_longest(ordered, ordered[1:])])


def _date(this: date, after: date | None) -> str:
    if after is None or after.year != this.year:
        return f"{this.day} {_MONTHS[this.month - 1]} {this.year}"
    if after.month != this.month:
        return f"{this.day} {_MONTHS[this.month - 1]}"
    return str(this.day)


def plain(name: str) -> str:
    """Returns a reason for people to read: `mailbox full`."""
    return name.replace("_", " ")


def listing(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def number_of_days(number: int) -> str:
    """`1 day`, `14 days`."""
    return f"{number} day" if number == 1 else f"{number} days"
