"""Dates of mail (RFC 5322 section 3.3) as aware datetimes; None if a text is no date."""

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache

_MONTHS = dict(zip(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), range(1, 13), strict=True
))
_USUAL = re.compile(
    r"(?:[A-Za-z]{3}, *)?(\d{1,2}) ([A-Za-z]{3}) (\d{4}) (\d\d):(\d\d)(?::(\d\d))? ([+-])(\d\d)(\d\d)(?!\d)"
)
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d)[:-](\d\d)[:-](\d\d)")


def parse_date(value: str | None) -> datetime | None:
    """Parses a date; without a zone it counts as UTC. Also reads "2012-12-31 23-59-59" (SendGrid) and ISO 8601."""
    if not value:
        return None
    try:
        if match := _USUAL.match(value):
            return _usual(match)
        if match := _ISO.match(value):
            return datetime(*map(int, match.groups()), tzinfo=UTC)  # type: ignore[misc, arg-type]
        parsed = parsedate_to_datetime(value[:200])
    except (ValueError, TypeError, IndexError, OverflowError, KeyError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _usual(match: re.Match[str]) -> datetime:
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    zone = _zone(sign, zone_hours, zone_minutes)
    time = (int(hour), int(minute), min(int(second or 0), 59))  # RFC 5322 allows a leap second, datetime does not
    return datetime(int(year), _MONTHS[month.lower()], int(day), *time, tzinfo=zone)


@lru_cache(maxsize=128)
def _zone(sign: str, hours: str, minutes: str) -> timezone:
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset)
