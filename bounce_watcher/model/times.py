"""Times in the form in which they are compared and written: aware, in UTC."""

from datetime import UTC, datetime


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
