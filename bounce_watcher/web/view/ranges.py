"""The time range of a page, read from its address: the last 24 hours to 90 days, or from–to. All in UTC."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import Enum

from starlette.exceptions import HTTPException

from bounce_watcher.ledger.lists.figures import Span
from bounce_watcher.ledger.recording.report_counts import DAY, HOUR
from bounce_watcher.words.formatting import iso

WEEK = timedelta(days=7)
MOST_HOURS, MOST_DAYS = timedelta(hours=48), timedelta(days=62)
LONGEST = timedelta(days=2 * 366)

NAMES: Mapping[str, str] = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
"""The labels of the buttons, by `range`."""
_USUAL = "7d"
_WEEKS = 13
_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)


class Unit(Enum):
    """The length of time of one bar of a chart."""

    HOUR = HOUR
    DAY = DAY
    WEEK = WEEK

    @property
    def word(self) -> str:
        return self.name.lower()

    @property
    def slot(self) -> timedelta:
        """Returns the length of the counted slots that make up a bar."""
        return HOUR if self is Unit.HOUR else DAY


@dataclass(frozen=True, slots=True)
class Range:
    """The time range of a page, in whole bins, and the range that it is compared with.

    The latter is `back` earlier, and ends at the same minute. `name` is the button's, "" for from–to. `marks` is how
    far back each bar's mark lies; None if there are none.
    """

    name: str
    span: Span
    unit: Unit
    now: datetime
    back: timedelta
    marks: timedelta | None

    @property
    def bins(self) -> list[Span]:
        length: timedelta = self.unit.value
        count = math.ceil((self.span.until - self.span.since) / length)
        starts = [self.span.since + n * length for n in range(count)]
        return [Span(start, min(start + length, self.span.until)) for start in starts]

    @property
    def elapsed(self) -> Span:
        """Returns the part of the range that is over."""
        return Span(self.span.since, max(self.span.since, min(self.span.until, self.now)))

    @property
    def before(self) -> Span:
        return self.elapsed.back(self.back)

    @property
    def whole_before(self) -> Span:
        """Returns the whole range that it is compared with, up to its end."""
        return self.span.back(self.back)

    @property
    def runs(self) -> bool:
        """Checks whether the last bin is still in progress."""
        return self.bins[-1].since <= self.now < self.span.until

    @property
    def query(self) -> dict[str, str]:
        """Returns the parameters for links to other pages that show the same range."""
        if self.name:
            return {"range": self.name}
        return {"from": iso(self.span.since), "to": iso(self.span.until)}

    @property
    def words(self) -> str:
        """Returns the range in words: "the last 7 days", "11 to 17 March 2026"."""
        if self.name == "90d":
            return f"the last {_WEEKS} weeks"
        if self.name:
            return f"the last {NAMES[self.name]}"
        return days_told(self.span, hours=self.unit is Unit.HOUR)

    @property
    def before_words(self) -> str:
        """Returns the compared range in words: "the 7 days before"."""
        told = {"24h": "the same hours a week before", "7d": "the 7 days before", "30d": "the 30 days before",
                "90d": f"the {_WEEKS} weeks before"}
        return told.get(self.name) or f"the same time {self.back // DAY} days before"


def days_told(span: Span, *, hours: bool = False) -> str:
    """Returns a span in words: "17 March 2026", "11 to 17 March 2026"; with times if `hours`."""
    if hours:
        return f"{span.since.day} {span.since:%B %Y, %H:%M} to {span.until.day} {span.until:%B %Y, %H:%M}"
    first, last = span.since, span.until - timedelta(microseconds=1)
    if first.date() == last.date():
        return f"{first.day} {first:%B %Y}"
    begun = f"{first.day}" if (first.year, first.month) == (last.year, last.month) else f"{first.day} {first:%B}"
    year = "" if first.year == last.year else f" {first.year}"
    return f"{begun}{year} to {last.day} {last:%B %Y}"


def read(query: Mapping[str, str], now: datetime) -> Range:
    """Reads the range from an address. Raises HTTPException 422 if from and to are unreadable or in the wrong order."""
    if query.get("from") or query.get("to"):
        return _between(query, now)
    name = query.get("range", _USUAL)
    return _named(name if name in NAMES else _USUAL, now)


def _named(name: str, now: datetime) -> Range:
    hour = now.replace(minute=0, second=0, microsecond=0)
    today = hour.replace(hour=0)
    if name == "24h":
        return Range(name, Span(hour - 23 * HOUR, hour + HOUR), Unit.HOUR, now, WEEK, WEEK)
    if name == "90d":
        monday = today - timedelta(days=today.weekday())
        return Range(name, Span(monday - (_WEEKS - 1) * WEEK, monday + WEEK), Unit.WEEK, now, _WEEKS * WEEK, None)
    days = 7 if name == "7d" else 30
    return Range(name, Span(today - (days - 1) * DAY, today + DAY), Unit.DAY, now, days * DAY, WEEK)


def _between(query: Mapping[str, str], now: datetime) -> Range:
    behind = _moment(query["to"], "to", ends=True) if query.get("to") else now
    since = _moment(query["from"], "from", ends=False) if query.get("from") else behind - WEEK
    if since >= behind:
        raise HTTPException(422, "invalid filter: from is after to")
    if behind - since > LONGEST or since < _EARLIEST:
        raise HTTPException(422, "invalid filter: the maximum range is two years")
    length = behind - since
    unit = Unit.HOUR if length <= MOST_HOURS else Unit.DAY if length <= MOST_DAYS else Unit.WEEK
    span = _whole(since, behind, unit)
    back = math.ceil((span.until - span.since) / WEEK) * WEEK
    return Range("", span, unit, now, back, None if unit is Unit.WEEK else WEEK)


def _whole(since: datetime, behind: datetime, unit: Unit) -> Span:
    """Returns the span in whole bins, extended so that nothing that was asked for is left out."""
    midnight = since.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit is Unit.WEEK:
        midnight -= timedelta(days=midnight.weekday())
    begun = since.replace(minute=0, second=0, microsecond=0) if unit is Unit.HOUR else midnight
    slot: timedelta = unit.value
    return Span(begun, begun + math.ceil((behind - begun) / slot) * slot)


def _moment(told: str, name: str, *, ends: bool) -> datetime:
    """Reads a date or a time. A date that ends a range is part of it. Raises HTTPException 422."""
    try:
        if len(told) == 10:  # YYYY-MM-DD
            day = datetime.combine(datetime.fromisoformat(told).date(), time(0), UTC)
            return day + DAY if ends else day
        at = datetime.fromisoformat(told)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise HTTPException(422, f"invalid filter: {name} is not a date like 2026-03-17") from None
