"""What a pass has found in its folders and not filed yet."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class UnsettledMail:
    """Unsettled mail of a mailbox at one moment. Times are INTERNALDATE (RFC 3501 section 2.3.3), aware.

    `oldest_at`: no later than the oldest came; None = none waits, or nothing could be read of what does.
    `newest_at`: the newest that the pass has seen, settled or not.
    """

    messages: int = 0
    oldest_at: datetime | None = None
    newest_at: datetime | None = None


class Backlog:
    """Follows one pass: `found` a folder's mail, `seen` a part of it, `settled`. For one thread.

    Mail of a folder comes in the order of its arrival: what is still unseen came no earlier than what was seen last.
    """

    def __init__(self) -> None:
        self._unseen: dict[str, int] = {}
        self._seen: dict[tuple[str, int], datetime] = {}
        self._last: dict[str, datetime] = {}
        self._newest: datetime | None = None

    def found(self, folder: str, messages: int) -> None:
        self._unseen[folder] = messages

    def seen(self, folder: str, asked: Sequence[int], came: Mapping[int, datetime]) -> None:
        """`came`: what was answered of the UIDs `asked` for. The others wait as well: they may come yet."""
        if not came:
            return
        earliest = min(came.values())
        self._seen.update(((folder, uid), came.get(uid, earliest)) for uid in asked)
        self._unseen[folder] = max(0, self._unseen.get(folder, 0) - len(asked))
        self._last[folder] = max(came.values())
        self._newest = max(self._last[folder], self._newest or self._last[folder])

    def settled(self, folder: str, uids: Iterable[int]) -> None:
        for uid in uids:
            self._seen.pop((folder, uid), None)

    def waiting(self) -> UnsettledMail:
        behind = [self._last[folder] for folder, unseen in self._unseen.items() if unseen and folder in self._last]
        oldest = min([*self._seen.values(), *behind], default=None)
        return UnsettledMail(len(self._seen) + sum(self._unseen.values()), oldest, self._newest)
