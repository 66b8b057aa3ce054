"""What keeps settled mail from being filed, or mail from being read: facts, and the line that a person reads."""

from collections.abc import Sequence
from dataclasses import dataclass

from bounce_watcher.intake.rights import Quota, named


@dataclass(frozen=True, slots=True)
class NoRight:
    """`missing` are letters of RFC 4314; none where the server says no more than that the folder is read-only."""

    folder: str
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.missing:
            return (f"folder {self.folder} is read-only, so settled mail stays there; "
                    "give its user the right to change it")
        return (f"folder {self.folder}: its user lacks the right {named(self.missing)}, so settled mail stays there; "
                "grant it (SETACL, RFC 4314), or name another folder")


@dataclass(frozen=True, slots=True)
class NoRoom:
    """The destination is over its quota; `quotas` are those that are full, none where the server tells of none."""

    destination: str
    quotas: tuple[Quota, ...]
    said: str

    def __str__(self) -> str:
        full = ", ".join(_used(quota) for quota in self.quotas)
        told = f"{full} used" if full else f"the server says: {self.said}"
        return (f"folder {self.destination} is full, so settled mail waits where it is ({told}); "
                "make room there or raise its quota, and it is filed by itself")


def _used(quota: Quota) -> str:
    unit = " KiB" if quota.resource == "STORAGE" else ""
    root = f" of quota root {quota.root}" if quota.root else ""
    return f"{quota.resource}{root}: {quota.used:,} of {quota.limit:,}{unit}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server refused to take mail of `folder` to `destination`, or to take away what was copied there."""

    folder: str
    destination: str
    said: str

    def __str__(self) -> str:
        return (f"settled mail of folder {self.folder} can't be filed in {self.destination}, and waits where it is "
                f"(the server says: {self.said}); give its user the rights that filing takes on both folders")


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The server said that settled mail was taken out of the folder, or marked, and it was not."""

    folder: str

    def __str__(self) -> str:
        return (f"folder {self.folder}: the server says OK to taking settled mail away, and leaves it there; "
                "give its user the rights to delete messages, to expunge and to write flags there")


@dataclass(frozen=True, slots=True)
class NotFiled:
    """What older passes could not file could not be tried again; `said` is why."""

    folder: str
    said: str

    def __str__(self) -> str:
        return (f"settled mail of folder {self.folder} waits where it is, as trying again failed ({self.said}); "
                "the next pass tries again: look at the server if it stays so")


@dataclass(frozen=True, slots=True)
class Short:
    """Of a message of `size` bytes, as the server says, only `got` came: it is not read as if that were all."""

    folder: str
    uid: int
    got: int
    size: int

    def __str__(self) -> str:
        return (f"folder {self.folder}: the server gives {self.got:,} of the {self.size:,} bytes of message UID "
                f"{self.uid}, which stays there unread; look at it with a mail program")


Obstacle = NoRight | NoRoom | NotFiled | NotTaken | Refusal | Short


def told(obstacles: Sequence[Obstacle]) -> str:
    """All in one line of bounded length, the mend of the first at its end."""
    first, _, mend = str(obstacles[0]).rpartition("; ")
    more = f" (and {len(obstacles) - 1} more)" if len(obstacles) > 1 else ""
    return f"{first}{more}; {mend}"
