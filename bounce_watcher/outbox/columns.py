"""A change as named values, for an operator's own statements, programs and templates. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime

from bounce_watcher.outbox.change import Change

Column = str | int | datetime | None

COLUMNS = (
    "id", "at", "action", "recipient", "stream", "scope", "bounce_type", "reason", "status", "diagnostic", "because",
    "until", "sequence",
)
"""The names of the values, in the order of files. `action` is "suppress" or "release"; for the others see `Change`."""


def columns_of(change: Change) -> Mapping[str, Column]:
    """Returns the values by name, in the order of COLUMNS; `at` and `until` are aware, in UTC.

    Replaces NUL and lone surrogates in free text: no database and no UTF-8 can hold them.
    """
    values: dict[str, Column] = {
        "id": change.id,
        "at": change.at.astimezone(UTC),
        "action": "suppress" if change.suppress else "release",
        "recipient": change.recipient,
        "stream": change.stream,
        "scope": change.scope.value,
        "bounce_type": change.bounce_type,
        "reason": change.reason,
        "status": change.status,
        "diagnostic": _clean(change.diagnostic) if change.diagnostic else change.diagnostic,
        "because": _clean(change.because),
        "until": change.until.astimezone(UTC) if change.until else None,
        "sequence": change.sequence,
    }
    return {name: values[name] for name in COLUMNS}


def spelled(change: Change) -> Mapping[str, str | int | None]:
    """Returns the same as `columns_of`, with times as text: "2026-11-26T08:30:00Z" (RFC 3339), whole seconds."""
    return {name: _in_text(value) for name, value in columns_of(change).items()}


def _clean(text: str) -> str:
    return text.replace("\0", "�").encode("utf-8", "replace").decode()


def _in_text(value: Column) -> str | int | None:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value
