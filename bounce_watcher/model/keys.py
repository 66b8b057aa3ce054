"""How a settings field is written in the configuration, where its name and its type do not say it.

Each field of a settings class is a key of its table: it has the field's name, and is written as TOML writes its type.
Further rules go with the type: `Annotated[timedelta, Between(SECOND, DAY)]`. `config` reads them from there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, StrEnum, auto
from typing import Any, Generic, TypeVar

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
KIB, MIB = 1024, 1024 * 1024

Bound = TypeVar("Bound", int, float, timedelta)


class ValueKind(Enum):
    """What a text (each text of a list) must be."""

    ADDRESS = auto()
    ALLOWED_HOST = auto()
    APPRISE_URL = auto()
    AUTHSERV_ID = auto()
    CA_FILE = auto()
    DATABASE = auto()
    DKIM_NAME = auto()
    DKIM_RECORD = auto()
    DOMAIN = auto()
    FIELD_NAME = auto()
    FOLDER = auto()
    HOST = auto()
    IP_ADDRESS = auto()
    LISTEN_HOST = auto()
    LISTEN_PORT = auto()
    NAME = auto()
    PROTECTED = auto()          # an address, or "@" and a domain
    PROTECTED_ADDRESS = auto()  # the addresses among these
    PROTECTED_DOMAIN = auto()   # the domains among these
    SIGNING_SECRET = auto()
    STRONG = auto()             # hard to guess
    TYPE_PREFIX = auto()
    URI_REFERENCE = auto()
    URL = auto()


class KeyMark(Enum):
    UNWRITTEN = auto()  # the field is no key
    SECRET = auto()     # may be written as KEY_file, KEY_env and KEY_credential, as every SecretStr may
    SIZE = auto()       # a number of bytes, also "1MiB"; None = "unlimited"
    FILLED = auto()     # a list that must not be empty
    ONCE = auto()       # a list without duplicates
    SINGLE = auto()     # a list that may be written as its single element
    RISING = auto()     # a list of durations, each longer than the one before


@dataclass(frozen=True, slots=True)
class Key:
    """The key's name differs from the field's, or it is in a table below: "expiry.hard". Fields may share a key."""

    name: str


@dataclass(frozen=True, slots=True)
class Rotating:
    """The field holds the secret of the key `current`, followed by the secrets of the key `older`, a list."""

    current: str
    older: str


@dataclass(frozen=True, slots=True)
class Between(Generic[Bound]):
    """A range from `low` to `high`, both included; None = no end."""

    low: Bound
    high: Bound | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """A table with a key for each of `offered` that has several choices. Choices as in `usual` are left out."""

    offered: Mapping[Any, Sequence[StrEnum]]
    usual: Mapping[Any, StrEnum]
