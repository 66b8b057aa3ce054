"""Times in the form in which they are compared, counted and written: aware, in UTC."""

from datetime import UTC, date, datetime


def in_utc(moment: datetime) -> datetime:
    """Returns `moment` in UTC.

    A moment within hours of the calendar's ends, which only a forged header names, keeps its digits.
    Raises ValueError for a naive time: nobody could say when that was.
    """
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone can't be stored: {moment.isoformat()}")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return moment.replace(tzinfo=UTC)


def timestamp(at: datetime) -> str:
    """Returns the time as RFC 3339, in UTC with a Z."""
    return in_utc(at).isoformat().replace("+00:00", "Z")


def utc_day(moment: datetime) -> date:
    """Returns the day of UTC, the unit in which the policy counts."""
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).date()


def start_of_day(moment: datetime) -> datetime:
    """Returns the midnight in UTC that begins the day of `moment`."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
