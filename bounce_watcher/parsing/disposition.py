"""The machine part of a message disposition notification (RFC 8098 section 3)."""

from dataclasses import dataclass

from bounce_watcher.parsing.address import parse_address
from bounce_watcher.parsing.field_block import fields

DISPOSITION_TYPES = frozenset({
    "message/disposition-notification",
    "message/global-disposition-notification",
})


@dataclass(frozen=True, slots=True)
class DispositionReport:
    """`disposition` is the type in lower case ("displayed", "deleted", …). None = absent."""

    original_recipient: str | None = None
    final_recipient: str | None = None
    original_message_id: str | None = None
    reporting_ua: str | None = None
    disposition: str | None = None


def parse_disposition(text: str) -> DispositionReport:
    """All that a disposition-notification body says. Total."""
    first: dict[str, str] = {}
    for name, value in fields(text):
        if value:
            first.setdefault(name, value)
    original, final = first.get("original-recipient"), first.get("final-recipient")
    disposition = first.get("disposition", "").partition(";")[2].partition("/")[0].strip().lower()
    return DispositionReport(
        original_recipient=parse_address(original) if original else None,
        final_recipient=parse_address(final) if final else None,
        original_message_id=first.get("original-message-id", "").strip(" <>") or None,
        reporting_ua=first.get("reporting-ua"),
        disposition=disposition or None,
    )
