"""Days of UTC: the unit in which the policy counts."""

from datetime import UTC, date, datetime


def utc_day(moment: datetime) -> date:
    """The day in UTC."""
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).date()


def start_of_day(moment: datetime) -> datetime:
    """Returns the midnight in UTC that begins the day of `moment`."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
