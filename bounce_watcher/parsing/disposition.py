"""The machine part of a message disposition notification (RFC 8098 section 3)."""

from dataclasses import dataclass

from bounce_watcher.model.address import MailAddress
from bounce_watcher.parsing.address_fields import read_recipient
from bounce_watcher.parsing.field_block import fields

DISPOSITION_TYPES = frozenset({
    "message/disposition-notification",
    "message/global-disposition-notification",
})


@dataclass(frozen=True, slots=True)
class DispositionReport:
    """A receipt's fields. `disposition` is the type in lower case ("displayed", "deleted", …). None = absent."""

    original_recipient: MailAddress | None = None
    final_recipient: MailAddress | None = None
    original_message_id: str | None = None
    reporting_ua: str | None = None
    disposition: str | None = None


def parse_disposition(text: str) -> DispositionReport:
    """Parses a disposition-notification body. Total."""
    first: dict[str, str] = {}
    for name, value in fields(text):
        if value:
            first.setdefault(name, value)
    original, final = first.get("original-recipient"), first.get("final-recipient")
    disposition = first.get("disposition", "").partition(";")[2].partition("/")[0].strip().lower()
    return DispositionReport(
        original_recipient=read_recipient(original) if original else None,
        final_recipient=read_recipient(final) if final else None,
        original_message_id=first.get("original-message-id", "").strip(" <>") or None,
        reporting_ua=first.get("reporting-ua"),
        disposition=disposition or None,
    )
