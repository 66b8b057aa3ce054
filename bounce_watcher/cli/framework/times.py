"""Parses times as a person writes them on the command line."""

from datetime import UTC, datetime

from bounce_watcher.cli.framework.errors import WrongUsage
from bounce_watcher.service.clock import utcnow


def past(text: str | None) -> datetime | None:
    """Parses a day, a moment, or how long ago: "2026-11-01", "2026-11-01T06:00:00Z", "7d". Without a zone it is UTC."""
    from bounce_watcher.config.values import duration

    if text is None:
        return None
    try:
        return _moment(text) or utcnow() - duration(text)
    except (ValueError, OverflowError):
        wrong = f"{text!r} is not a time: write 2026-11-01, 2026-11-01T06:00:00Z, or 7d for 7 days ago"
        raise WrongUsage(wrong) from None


def future(text: str | None) -> datetime | None:
    """Parses a day, a moment, or how long from now. Refuses a time that has passed."""
    from bounce_watcher.config.values import duration

    if text is None:
        return None
    try:
        moment = _moment(text) or utcnow() + duration(text)
    except (ValueError, OverflowError):
        wrong = f"{text!r} is not a time: write 2026-12-31, 2026-12-31T06:00:00Z, or 30d for 30 days from now"
        raise WrongUsage(wrong) from None
    if moment <= utcnow():
        raise WrongUsage(f"{text!r} is in the past: give a time in the future")
    return moment


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
