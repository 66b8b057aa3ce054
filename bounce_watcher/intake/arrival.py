"""Finds when a stored message arrived, from its own header."""

from datetime import UTC, datetime

from bounce_watcher.parsing.dates import parse_date
from bounce_watcher.parsing.headers import Headers

HEAD_BYTES = 64 * 1024
"""How much of the header is searched, in bytes."""

EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
"""An earlier date comes from a broken clock: it is before the first mail standards."""


def arrival_time(content: bytes, otherwise: datetime) -> datetime:
    """Returns the topmost Received header's date (RFC 5321 section 4.4: after the last ";").

    Without a usable one, returns that of the Date header, else `otherwise`.
    """
    headers = Headers(_head(content))
    received = headers.get("received")
    candidates = (received.rpartition(";")[2] if received else None, headers.get("date"))
    dates = (_usable(text) for text in candidates if text)
    return next((date for date in dates if date is not None), otherwise)


def _head(content: bytes) -> bytes:
    head = content[:HEAD_BYTES].replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n")
    return head.partition(b"\n\n")[0]


def _usable(text: str) -> datetime | None:
    date = parse_date(text.strip())
    try:
        date = date.astimezone(UTC) if date is not None else None
    except (OverflowError, ValueError):  # the year 1 or 9999 with a zone
        return None
    return date if date is not None and date >= EARLIEST else None
