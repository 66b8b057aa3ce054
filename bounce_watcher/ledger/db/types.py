"""Makes what mail contains fit for both databases: texts of any bytes, addresses of any length, times of any zone."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import DateTime, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from bounce_watcher.model.address import address_key
from bounce_watcher.model.grounds_json import Codec
from bounce_watcher.model.times import in_utc

KEY_CHARACTERS = 320
"""The longest address that RFC 5321 section 4.5.3.1 allows: 64 for the local part, 255 for the domain."""


def storable(text: str) -> str:
    """Returns `text` with each character that a database refuses replaced by U+FFFD.

    PostgreSQL: "PostgreSQL text fields cannot contain NUL (0x00) bytes"; both refuse the lone surrogates that Python
    makes of 8-bit headers ("surrogates not allowed").
    """
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def recipient_key(address: str) -> str:
    """Returns the key under which the ledger files an address.

    Text longer than any address is cut, as index rows are limited, and gets a digest of the whole to stay distinct.
    """
    key = storable(address_key(address))
    if len(key) <= KEY_CHARACTERS:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{key[: KEY_CHARACTERS - len(digest)]}{digest}"


class _TimeAsText(UserDefinedType[str]):
    """SQLite's DATETIME column, with texts passed through: isoformat is much faster than SQLAlchemy's formatting."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "DATETIME"


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, converted to UTC when written and read. SQLite keeps it as sortable text without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return _TimeAsText() if dialect.name == "sqlite" else dialect.type_descriptor(DateTime(timezone=True))

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        return _to_text if dialect.name == "sqlite" else _to_utc

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        return _from_text if dialect.name == "sqlite" else _to_utc


@lru_cache(maxsize=1024)  # an event's time goes into five columns
def _to_text(value: datetime | None) -> str | None:
    return None if value is None else in_utc(value).isoformat(" ", "microseconds")[:26]  # without "+00:00"


def _from_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(f"{value}+00:00")


class AsJson(TypeDecorator[Any]):
    """A value of the model as JSON text (`model.grounds_json`)."""

    impl = Text
    cache_ok = True

    def __init__(self, codec: Codec[Any]) -> None:
        super().__init__()
        self.codec = codec

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str | None]:
        to_text = self.codec.to_text
        return lambda value: to_text(value) if value else None  # an empty value is NULL

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str | None], Any]:
        from_text = self.codec.from_text
        return lambda text: None if text is None else from_text(text)


def _to_utc(value: datetime | None) -> datetime | None:
    return None if value is None else in_utc(value)
