"""Mail that a pass has found in its folders and not filed yet."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class UnsettledMail:
    """Unsettled mail of a mailbox at one moment. Times are INTERNALDATE (RFC 3501 section 2.3.3), aware.

    `oldest_at` is not later than the arrival of the oldest message; None = none waits, or none of them could be read.
    `newest_at` is the arrival of the newest message that the pass has seen, settled or not.
    """

    messages: int = 0
    oldest_at: datetime | None = None
    newest_at: datetime | None = None


class Backlog:
    """The progress of one pass: `found` a folder's mail, `seen` a part of it, `settled`. For one thread.

    Mail of a folder comes in the order of its arrival: unseen mail did not arrive before the mail that was seen last.
    """

    def __init__(self) -> None:
        self._unseen: dict[str, int] = {}
        self._seen: dict[tuple[str, int], datetime] = {}
        self._last: dict[str, datetime] = {}
        self._newest: datetime | None = None

    def found(self, folder: str, messages: int) -> None:
        self._unseen[folder] = messages

    def seen(self, folder: str, asked: Sequence[int], came: Mapping[int, datetime]) -> None:
        """Notes that `came` answered the UIDs `asked` for. UIDs without an answer wait as well: they may still come."""
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
