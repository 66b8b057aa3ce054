"""Obstacles to filing settled mail or to reading mail, as values."""

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
        """Checks whether the quota is full, or so nearly full that a usual mail does not fit."""
        return self.limit - self.used < _LEAST.get(self.resource, 1)


_LEAST = {"STORAGE": 32, "MESSAGE": 1}


@dataclass(frozen=True, slots=True)
class NoRight:
    """The account lacks rights on a folder.

    `missing` holds letters of RFC 4314; empty if the server says only that the folder is read-only.
    """

    folder: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoRoom:
    """The destination is over its quota. `quotas` are the full ones; empty if the server reports none."""

    destination: str
    quotas: tuple[Quota, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server refused to move mail from `folder` to `destination`, or to remove what was copied there."""

    folder: str
    destination: str
    said: str


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The server said that it removed or marked settled mail in the folder, but it did not."""

    folder: str


@dataclass(frozen=True, slots=True)
class NotFiled:
    """Mail that earlier passes could not file could not be retried; `said` is why."""

    folder: str
    said: str


@dataclass(frozen=True, slots=True)
class Short:
    """Only `got` of the `size` bytes that the server announced for a message came. It is not read as if complete."""

    folder: str
    uid: int
    got: int
    size: int


Obstacle = NoRight | NoRoom | NotFiled | NotTaken | Refusal | Short
