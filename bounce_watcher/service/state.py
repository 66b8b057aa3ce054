"""What a running service knows of itself: its troubles, what it has done, and the state of its mailboxes."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum, unique
from itertools import product

from bounce_watcher.config import Settings
from bounce_watcher.intake.imap.account import ImapAccount
from bounce_watcher.intake.imap.session import UnsettledMail
from bounce_watcher.logs import log
from bounce_watcher.model.about import LEDGER, About
from bounce_watcher.model.errors import BounceWatcherError, TemporaryFailure
from bounce_watcher.model.faults import ErrorRaised, Fault, NotAccepted
from bounce_watcher.model.finding import EVENT_KINDS, Kind
from bounce_watcher.model.ledger import Disposition
from bounce_watcher.model.message import Destination
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.guards.quiet import ArrivalRate
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.clock import utcnow
from bounce_watcher.words.faults import describe

_BREAK = timedelta(hours=1)
"""If a pass is late by more than this, the server may have been away, and its mail comes late."""

# ── troubles: each is logged once when it begins and once when it ends ──────────────────────────────────────────────

class ReportedFailure(TemporaryFailure):
    """A failure that an inner `Troubles.guard` has already logged. Outer guards pass it on silently."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong, as last reported, and since when without a break (aware)."""

    fault: Fault
    since: datetime


class Troubles:
    """The open troubles by subject. Thread-safe."""

    def __init__(self, now: Callable[[], datetime] = utcnow) -> None:
        self._now = now
        self._open: dict[About, Trouble] = {}
        self._lock = threading.Lock()

    def raised(self, about: About, fault: Fault) -> None:
        """Logs a warning if the trouble is new or different from before."""
        with self._lock:
            before = self._open.get(about)
            self._open[about] = Trouble(fault, before.since if before else self._now())
        if before is None or _alike(about, before.fault) != _alike(about, fault):
            log.warning("trouble began", action="trouble_raised", about=str(about), trouble=describe(fault))

    def cleared(self, about: About) -> None:
        with self._lock:
            known = self._open.pop(about, None)
        if known is not None:
            log.info("trouble is over", action="trouble_cleared", about=str(about))

    def open(self) -> dict[About, Trouble]:
        with self._lock:
            return dict(self._open)

    @contextmanager
    def guard(self, about: About) -> Iterator[None]:
        """Raises a trouble for a failure inside and clears it on success.

        Raises ReportedFailure in place of any BounceWatcherError, so that it is logged only under its nearest name.
        """
        try:
            yield
        except ReportedFailure:
            raise
        except BounceWatcherError as failure:
            self.raised(about, ErrorRaised.of(failure))
            raise ReportedFailure(failure.problem, failure.fix, about=failure.about) from failure
        self.cleared(about)


def _alike(about: About, fault: Fault) -> object:
    """Returns what stays the same while a trouble goes on, of a fault that may have other words each time."""
    match fault:
        case NotAccepted(disposition):
            return disposition
        case ErrorRaised(kind) if about == LEDGER:  # a database that goes down gives another message each time
            return kind
        case _:
            return fault


# ── counters since the process began: they only grow ────────────────────────────────────────────────────────────────

Labels = tuple[str, ...]


@unique
class What(StrEnum):
    """What is counted, and by which labels."""

    MESSAGES = "messages"          # mailbox, kind: read, and not known before
    FILED = "filed"                # mailbox, place: moved away, whether known or not
    VERDICTS = "verdicts"          # type, reason: of new events, see `verdict_of`
    PASSES = "passes"              # mailbox, outcome
    PASS_SECONDS = "pass_seconds"  # mailbox: total of all passes without a failure
    TRIES = "tries"                # target, outcome: one per delivery and try


Counted = Mapping[What, Mapping[Labels, float]]


class Counts:
    """Counters of a process. Thread-safe. They start at zero with each process, as monitoring systems expect."""

    def __init__(self) -> None:
        self._numbers: dict[What, defaultdict[Labels, float]] = {what: defaultdict(float) for what in What}
        self._lock = threading.Lock()

    def expect(self, what: What, labels: Iterable[Labels]) -> None:
        """Sets labels that may be counted to zero, so that monitoring sees the first one as an increase."""
        with self._lock:
            for each in labels:
                self._numbers[what].setdefault(each, 0)

    def add(self, what: What, *labels: str, number: float = 1) -> None:
        with self._lock:
            self._numbers[what][labels] += number

    def counted(self) -> Counted:
        with self._lock:
            return {what: dict(numbers) for what, numbers in self._numbers.items()}


def expect(counts: Counts, settings: Settings) -> None:
    """Sets everything that may be counted under these settings to zero."""
    mailboxes = [mailbox.name for mailbox in settings.mailboxes]
    counts.expect(What.MESSAGES, product(mailboxes, Kind))
    counts.expect(What.FILED, product(mailboxes, Destination))
    counts.expect(What.PASSES, product(mailboxes, ("read", "failed")))
    counts.expect(What.PASS_SECONDS, product(mailboxes))
    counts.expect(What.VERDICTS, [(reason.bounce_type, reason) for reason in Reason])
    counts.expect(What.VERDICTS, [(kind, "") for kind in EVENT_KINDS - {Kind.BOUNCE}])
    counts.expect(What.TRIES, product([receiver.name for receiver in settings.receivers], Disposition))


# ── mailboxes ───────────────────────────────────────────────────────────────────────────────────────────────────────

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
    trouble: Trouble | None = None
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
        self._lock = threading.RLock()

    def of(self, account: ImapAccount) -> MailboxState:
        fresh = MailboxState(account.name, ", ".join(account.folders), account.stream)
        with self._lock:
            return self._known.get(account.name, fresh)

    def waits(self, account: ImapAccount, waiting: UnsettledMail, read: int = 0) -> None:
        """Notes how many messages a pass has found waiting, and how many more it has read.

        If no date of them can be read, the oldest counts as waiting since waiting mail was first found.
        """
        with self._lock:
            before = self.of(account)
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
            before = self.of(account)
            last = before.last_read_at
            is_on_end = last is not None and now - last <= account.poll_every + _BREAK
            self._known[account.name] = replace(
                before, last_read_at=now, pass_seconds=took, read_since=before.read_since if is_on_end else now
            )
        return took
