"""How a running service stands just now, for whoever shows it."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bounce_watcher.intake.imap.account import ImapAccount
from bounce_watcher.intake.imap.backlog import UnsettledMail
from bounce_watcher.model.about import About
from bounce_watcher.policy.guards.quiet import ArrivalRate
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.counts import Counted
from bounce_watcher.service.trouble import Trouble

_BREAK = timedelta(hours=1)
"""So long after a pass was due, mail may have met a server that was away, and comes late."""


@dataclass(frozen=True, slots=True)
class MailboxState:
    """One mailbox. Times are aware; None = not yet since the service began, or no such.

    `folder` names all that are watched, with commas. `last_read_at`: the end of the last pass that met no failure,
    `pass_seconds` what it took. `waiting` messages are unsettled, as the latest pass found them; the oldest came at
    `oldest_waiting_at`, the newest seen at `newest_at`. `read` counts messages since the service began.
    `moved_at`: its last sign of life; `stopped`: that is longer ago than it may be, and the watchdog starves.
    `read_since`: the first pass that met no failure, since the service began or since a long time without one.
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
        """Whether its latest pass found that no mail has come for longer than is usual: of later nobody knows.

        What lies in one that is not read, or not to its end, is not known either.
        """
        read_at = self.last_read_at if self.is_read and not self.waiting else None
        return read_at is not None and pace.is_quiet(read_at)


@dataclass(frozen=True, slots=True)
class ServiceState:
    """`troubles` by what they are about, those of mailboxes among them.

    `counted` is of the process, which may be older than the service.
    """

    started_at: datetime
    mode: Mode
    mailboxes: tuple[MailboxState, ...]
    troubles: Mapping[About, Trouble]
    counted: Counted = field(default_factory=dict)


class MailboxStates:
    """Keeps what the passes over mailboxes tell. Thread-safe."""

    def __init__(self, now: Callable[[], datetime] = utcnow) -> None:
        self._now = now
        self._known: dict[str, MailboxState] = {}
        self._lock = threading.Lock()

    def of(self, account: ImapAccount) -> MailboxState:
        with self._lock:
            return self._of(account)

    def waits(self, account: ImapAccount, waiting: UnsettledMail, read: int = 0) -> None:
        """A pass has found so much waiting, and has read that many messages more."""
        with self._lock:
            before = self._of(account)
            self._known[account.name] = replace(
                before, waiting=waiting.messages, oldest_waiting_at=self._oldest(before, waiting),
                newest_at=_latest(before.newest_at, waiting.newest_at), read=before.read + read,
            )

    def passed(self, account: ImapAccount, begun: datetime) -> float:
        """A pass that began then has ended now, without a failure. Returns the seconds that it took."""
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

    def _oldest(self, before: MailboxState, waiting: UnsettledMail) -> datetime | None:
        """Where nothing can be read of what waits, it has waited since it was first found."""
        if not waiting.messages:
            return None
        return waiting.oldest_at or before.oldest_waiting_at or self._now()


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((each for each in (one, other) if each is not None), default=None)
