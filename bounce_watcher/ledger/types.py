"""Column types that hold what mail brings: texts of any bytes, times of any zone."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from bounce_watcher.model.address import address_key

KEY_CHARACTERS = 320
"""The longest address that RFC 5321 section 4.5.3.1 lets be: 64 for the local part, 255 for the domain."""


def storable(text: str) -> str:
    """`text` as both databases take it.

    PostgreSQL: "PostgreSQL text fields cannot contain NUL (0x00) bytes"; both refuse the lone surrogates that Python
    makes of 8-bit headers ("surrogates not allowed"). Each such character becomes U+FFFD.
    """
    text = str(text).replace("\0", "\ufffd")  # str() also turns a StrEnum's member into its plain value
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def recipient_key(address: str) -> str:
    """The key under which the ledger files an address. Hostile ones of any length are cut: an index row has a limit."""
    return storable(address_key(address))[:KEY_CHARACTERS]


class SafeText(TypeDecorator[str]):
    """TEXT that takes whatever a mail holds."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, in UTC on the way in and on the way out; SQLite keeps it as sortable text without a zone.

    Raises ValueError for a naive time: nobody could say when that was.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone can't be stored: {value.isoformat()}")
        return value if value.tzinfo is UTC else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
