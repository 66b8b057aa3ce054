"""What keeps settled mail from being filed, or mail from being read, as values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of one resource is used: "STORAGE" in KiB (1,024 bytes), "MESSAGE" in messages."""

    root: str
    resource: str
    used: int
    limit: int

    @property
    def is_full(self) -> bool:
        """Or so nearly that a usual mail has no room."""
        return self.limit - self.used < _LEAST.get(self.resource, 1)


_LEAST = {"STORAGE": 32, "MESSAGE": 1}


@dataclass(frozen=True, slots=True)
class NoRight:
    """`missing` are letters of RFC 4314; none where the server says no more than that the folder is read-only."""

    folder: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoRoom:
    """The destination is over its quota; `quotas` are those that are full, none where the server tells of none."""

    destination: str
    quotas: tuple[Quota, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server refused to take mail of `folder` to `destination`, or to take away what was copied there."""

    folder: str
    destination: str
    said: str


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The server said that settled mail was taken out of the folder, or marked, and it was not."""

    folder: str


@dataclass(frozen=True, slots=True)
class NotFiled:
    """What older passes could not file could not be tried again; `said` is why."""

    folder: str
    said: str


@dataclass(frozen=True, slots=True)
class Short:
    """Of a message of `size` bytes, as the server says, only `got` came: it is not read as if that were all."""

    folder: str
    uid: int
    got: int
    size: int


Obstacle = NoRight | NoRoom | NotFiled | NotTaken | Refusal | Short
