"""What keeps settled mail from being filed, in English sentences."""

from collections.abc import Mapping, Sequence

from bounce_watcher.model.about import About
from bounce_watcher.model.faults import NoRight, NoRoom, NotFiled, NotTaken, Obstacle, Quota, Refusal, Short

_RIGHTS: Mapping[str, str] = {
    "w": "to write flags (w)", "i": "to insert (i)", "k": "to create (k)", "t": "to delete messages (t)",
    "e": "to expunge (e)",
}
"""RFC 4314 section 2.1."""

TO_GRANT = "grant it (SETACL, RFC 4314), or set another folder"


def rights(letters: Sequence[str]) -> str:
    return " and ".join(_RIGHTS.get(letter, letter) for letter in letters)


def told(about: About, obstacles: Sequence[Obstacle]) -> str:
    """Describes the obstacles in one line of bounded length, which ends with the fix of the first."""
    problem, fix = explained(obstacles[0])
    more = f" (and {len(obstacles) - 1} more)" if len(obstacles) > 1 else ""
    return f"{about}: {problem}{more}; {fix}"


def explained(it: Obstacle) -> tuple[str, str]:  # noqa: PLR0911 - one case per class
    """Returns the problem and its fix."""
    match it:
        case NoRight(folder, ()):
            return f"folder {folder} is read-only, so settled mail stays there", "give its user the right to change it"
        case NoRight(folder, missing):
            return (f"folder {folder}: its user lacks the right {rights(missing)}, so settled mail stays there",
                    TO_GRANT)
        case NoRoom(destination, quotas, said):
            full = f"{', '.join(map(_used, quotas))} used" if quotas else f"the server says: {said}"
            return (f"folder {destination} is full, so settled mail waits where it is ({full})",
                    "make room there or raise its quota, then it is filed automatically")
        case Refusal(folder, destination, said):
            return (f"settled mail of folder {folder} can't be filed in {destination}, and waits where it is "
                    f"(the server says: {said})", "give its user the rights that filing takes on both folders")
        case NotTaken(folder):
            return (f"folder {folder}: the server says OK to taking settled mail away, and leaves it there",
                    "give its user the rights to delete messages, to expunge and to write flags there")
        case NotFiled(folder, said):
            return (f"settled mail of folder {folder} waits where it is, as trying again failed ({said})",
                    "the next pass tries again: look at the server if it stays so")
        case Short(folder, uid, got, size):
            return (f"folder {folder}: the server gives {got:,} of the {size:,} bytes of message UID {uid}, which "
                    "stays there unread", "look at it with a mail program")


def _used(quota: Quota) -> str:
    unit = " KiB" if quota.resource == "STORAGE" else ""
    root = f" of quota root {quota.root}" if quota.root else ""
    return f"{quota.resource}{root}: {quota.used:,} of {quota.limit:,}{unit}"
