"""The current state of a running service, for those who display it."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bounce_watcher.intake.imap.account import ImapAccount
from bounce_watcher.intake.imap.session import UnsettledMail
from bounce_watcher.model.about import About
from bounce_watcher.policy.guards.quiet import ArrivalRate
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.counts import Counted
from bounce_watcher.service.trouble import Trouble

_BREAK = timedelta(hours=1)
"""If a pass is late by more than this, the server may have been away, and its mail comes late."""


@dataclass(frozen=True, slots=True)
class MailboxState:
    """The state of one mailbox. Times are aware. None means not since the service began, or that there is none.

    `folder` names all watched folders, separated by commas. `last_read_at` is the end of the last pass without a
    failure, `pass_seconds` how long it took. `waiting` is the number of unsettled messages that the latest pass found;
    the oldest came at `oldest_waiting_at`, the newest seen at `newest_at`. `read` counts messages since the service
    began. `moved_at` is its last sign of life; `stopped` means that this is too long ago and the watchdog is not fed.
    `read_since` is the first pass without a failure, since the service began or since a long time without one.
    """

    name: str
    folder: str
    stream: str
    last_read_at: datetime | None = None
    pass_seconds: float | None = None
    waiting: int = 0
    oldest_waiting_at: datetime | None = None
    newest_at: datetime | None = None
    read: int = 0
    trouble: str | None = None
    trouble_since: datetime | None = None
    moved_at: datetime | None = None
    stopped: bool = False
    read_since: datetime | None = None

    @property
    def is_read(self) -> bool:
        return self.last_read_at is not None and self.trouble is None and not self.stopped

    def is_quiet(self, pace: ArrivalRate) -> bool:
        """Checks whether, as of its latest pass, no mail has come for longer than usual. Nothing is known of later.

        False for a mailbox that is not read, or not to its end, as nobody knows what it holds.
        """
        read_at = self.last_read_at if self.is_read and not self.waiting else None
        return read_at is not None and pace.is_quiet(read_at)


@dataclass(frozen=True, slots=True)
class ServiceState:
    """The state of the service. `troubles` are keyed by subject and include those of mailboxes.

    `counted` covers the process, which may be older than the service.
    """

    started_at: datetime
    mode: Mode
    mailboxes: tuple[MailboxState, ...]
    troubles: Mapping[About, Trouble]
    counted: Counted = field(default_factory=dict)


class MailboxStates:
    """Keeps what passes over mailboxes report. Thread-safe."""

    def __init__(self, now: Callable[[], datetime] = utcnow) -> None:
        self._now = now
        self._known: dict[str, MailboxState] = {}
        self._lock = threading.Lock()

    def of(self, account: ImapAccount) -> MailboxState:
        with self._lock:
            return self._of(account)

    def waits(self, account: ImapAccount, waiting: UnsettledMail, read: int = 0) -> None:
        """Notes how many messages a pass has found waiting, and how many more it has read.

        If no date of them can be read, the oldest counts as waiting since waiting mail was first found.
        """
        with self._lock:
            before = self._of(account)
            oldest = waiting.oldest_at or before.oldest_waiting_at or self._now()
            self._known[account.name] = replace(
                before, waiting=waiting.messages, oldest_waiting_at=oldest if waiting.messages else None,
                newest_at=max(filter(None, (before.newest_at, waiting.newest_at)), default=None),
                read=before.read + read,
            )

    def passed(self, account: ImapAccount, begun: datetime) -> float:
        """Notes that a pass that began at `begun` has now ended without a failure. Returns how many seconds it took."""
        now = self._now()
        took = max(0.0, (now - begun).total_seconds())
        with self._lock:
            before = self._of(account)
            last = before.last_read_at
            is_on_end = last is not None and now - last <= account.poll_every + _BREAK
            self._known[account.name] = replace(
                before, last_read_at=now, pass_seconds=took, read_since=before.read_since if is_on_end else now
            )
        return took

    def _of(self, account: ImapAccount) -> MailboxState:
        fresh = MailboxState(account.name, ", ".join(account.folders), account.stream)
        return self._known.get(account.name, fresh)
