"""What keeps settled mail from being filed, in English sentences."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bounce_watcher.model.about import About
from bounce_watcher.model.obstacles import NoRight, NoRoom, NotFiled, NotTaken, Obstacle, Quota, Refusal, Short

_RIGHTS: Mapping[str, str] = {
    "w": "to write flags (w)", "i": "to insert (i)", "k": "to create (k)", "t": "to delete messages (t)",
    "e": "to expunge (e)",
}
"""RFC 4314 section 2.1."""

TO_GRANT = "grant it (SETACL, RFC 4314), or set another folder"


def rights(letters: Sequence[str]) -> str:
    return " and ".join(_RIGHTS.get(letter, letter) for letter in letters)


def explained(it: Obstacle) -> tuple[str, str]:
    """Returns the problem and its fix."""
    return _WORDS[type(it)](it)


def told(about: About, obstacles: Sequence[Obstacle]) -> str:
    """Describes the obstacles in one line of bounded length, which ends with the fix of the first."""
    problem, fix = explained(obstacles[0])
    more = f" (and {len(obstacles) - 1} more)" if len(obstacles) > 1 else ""
    return f"{about}: {problem}{more}; {fix}"


def _no_right(it: NoRight) -> tuple[str, str]:
    if not it.missing:
        return f"folder {it.folder} is read-only, so settled mail stays there", "give its user the right to change it"
    lacks = f"folder {it.folder}: its user lacks the right {rights(it.missing)}"
    return f"{lacks}, so settled mail stays there", TO_GRANT


def _no_room(it: NoRoom) -> tuple[str, str]:
    full = ", ".join(map(_used, it.quotas))
    said = f"{full} used" if full else f"the server says: {it.said}"
    return (
        f"folder {it.destination} is full, so settled mail waits where it is ({said})",
        "make room there or raise its quota, then it is filed automatically",
    )


def _used(quota: Quota) -> str:
    unit = " KiB" if quota.resource == "STORAGE" else ""
    root = f" of quota root {quota.root}" if quota.root else ""
    return f"{quota.resource}{root}: {quota.used:,} of {quota.limit:,}{unit}"


def _refusal(it: Refusal) -> tuple[str, str]:
    return (
        f"settled mail of folder {it.folder} can't be filed in {it.destination}, and waits where it is "
        f"(the server says: {it.said})",
        "give its user the rights that filing takes on both folders",
    )


def _not_taken(it: NotTaken) -> tuple[str, str]:
    return (
        f"folder {it.folder}: the server says OK to taking settled mail away, and leaves it there",
        "give its user the rights to delete messages, to expunge and to write flags there",
    )


def _not_filed(it: NotFiled) -> tuple[str, str]:
    return (
        f"settled mail of folder {it.folder} waits where it is, as trying again failed ({it.said})",
        "the next pass tries again: look at the server if it stays so",
    )


def _short(it: Short) -> tuple[str, str]:
    return (
        f"folder {it.folder}: the server gives {it.got:,} of the {it.size:,} bytes of message UID {it.uid}, which "
        "stays there unread",
        "look at it with a mail program",
    )


_WORDS: Mapping[type, Callable[[Any], tuple[str, str]]] = {
    NoRight: _no_right, NoRoom: _no_room, Refusal: _refusal, NotTaken: _not_taken, NotFiled: _not_filed, Short: _short,
}
