"""One pass over a mailbox: read, record, settle; and `poll`, one pass over all mailboxes and the outbox."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bounce_watcher.config import Settings
from bounce_watcher.intake.imap.account import ImapAccount
from bounce_watcher.intake.imap.filing import UnfiledMail
from bounce_watcher.intake.imap.oauth2 import TokenStore
from bounce_watcher.intake.imap.session import ImapSession, open_session
from bounce_watcher.logs import log
from bounce_watcher.model.about import LEDGER, About, AboutKind
from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.model.faults import ErrorRaised, FilingBlocked, Obstacle
from bounce_watcher.model.message import RawMessage
from bounce_watcher.service.analysis.analyser import Analyser
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.delivering import DispatchReport, deliver_all, in_parallel
from bounce_watcher.service.opening import open_ledger
from bounce_watcher.service.recording import Destinations, PassTotals, Recorder
from bounce_watcher.service.state import Counts, MailboxStates, Troubles, What


@dataclass(frozen=True, slots=True)
class PassReport:
    """The result of one pass. `unfinished`: its deadline came before its end. `failure`: why it broke off.

    `obstacles`: what kept mail from being filed, or a message from being read whole.
    """

    mailbox: str
    totals: PassTotals
    unfinished: bool = False
    failure: ErrorRaised | None = None
    obstacles: tuple[Obstacle, ...] = ()


@dataclass(frozen=True, slots=True)
class PollReport:
    passes: tuple[PassReport, ...]
    deliveries: tuple[DispatchReport, ...]

    @property
    def ok(self) -> bool:
        """Checks whether every mailbox was read to its end and its mail filed.

        A webhook that was not taken is no failure: it is tried again.
        """
        return all(each.failure is None and not each.obstacles for each in self.passes)


class Poller:
    """Makes passes for all mailboxes of a process. Thread-safe. `stop` ends every pass after its current pages."""

    def __init__(
        self, recorder: Recorder, unfiled: UnfiledMail, troubles: Troubles, stop: threading.Event,
        counts: Counts | None = None,
    ) -> None:
        self.tokens = TokenStore()
        self.stop = stop
        self.states = MailboxStates()
        self._recorder = recorder
        self._unfiled = unfiled
        self._troubles = troubles
        self._counts = counts or Counts()
        self._read: dict[str, datetime] = {}

    def read_until(self, accounts: Sequence[ImapAccount], now: datetime) -> datetime | None:
        """Returns the time until which all accounts have been read to their end.

        That is `now` if there are no accounts, and None if one of them was never read to its end.
        """
        read = [self._read.get(account.name) for account in accounts]
        return None if None in read else min([now, *(at for at in read if at)])

    def run(self, account: ImapAccount, on_page: Callable[[PassTotals], None] = lambda _: None) -> PassReport:
        """Makes one pass. Never raises a BounceWatcherError: the report says what failed, and the log does so once."""
        total, begun = PassTotals(), utcnow()

        def settle(places: Destinations, totals: PassTotals) -> None:
            nonlocal total
            session.settle(places)
            total += totals
            self.states.waits(account, session.waiting(), totals.messages)
            for place, messages in places.items():
                self._counts.add(What.FILED, account.name, place, number=len(messages))
            on_page(totals)
            log.info(
                "mail recorded and filed", action="mail_recorded", mailbox=account.name, messages=totals.messages,
                events=totals.events, suppressed=totals.suppressed, duplicates=totals.duplicates,
                doubted=totals.doubted, opt_outs=totals.opt_outs,
            )

        try:
            with (
                self._troubles.guard(account.about),
                open_session(account, now=utcnow, tokens=self.tokens, unfiled=self._unfiled) as session,
            ):
                self._recorder.drain(self._pages(account, session), settle, self.stop)
        except BounceWatcherError as failure:
            self._counts.add(What.PASSES, account.name, "failed")
            return PassReport(account.name, total, failure=ErrorRaised.of(failure))
        if not session.unfinished and not self.stop.is_set():
            self._read[account.name] = begun
        took = self.states.passed(account, begun)
        self._counts.add(What.PASSES, account.name, "read")
        self._counts.add(What.PASS_SECONDS, account.name, number=took)
        obstacles = session.obstacles()
        if obstacles:
            self._troubles.raised(filing_of(account.name), FilingBlocked(account.about, obstacles))
        elif not session.unfinished:
            self._troubles.cleared(filing_of(account.name))
        return PassReport(account.name, total, unfinished=session.unfinished, obstacles=obstacles)

    def _pages(self, account: ImapAccount, session: ImapSession) -> Iterator[Sequence[RawMessage]]:
        for page in session.pages():
            self.states.waits(account, session.waiting())
            yield page
        self.states.waits(account, session.waiting())


def filing_of(mailbox: str) -> About:
    """Names the subject of troubles with filing a mailbox's mail. They do not stop the mailbox from being read."""
    return About(AboutKind.FILING, mailbox)


def poll_once(settings: Settings, on_page: Callable[[PassTotals], None] = lambda _: None) -> PollReport:
    """Drains every mailbox, each in its own thread, then sends what is due. Raises what `open_ledger` raises.

    `on_page` is called with the totals of each page, in any of these threads.
    """
    stop, troubles = threading.Event(), Troubles()
    with open_ledger(settings) as ledger:
        with Analyser(settings.attribution, settings.workers, rules=settings.rules) as analyser:
            recorder = Recorder(settings, ledger, analyser, troubles)
            poller = Poller(recorder, ledger.recording.unfiled, troubles, stop)
            passes = drain_all(settings, poller, on_page)
        recorder.expire(utcnow(), poller.read_until(settings.mailboxes, utcnow()))
        deliveries = deliver_all(settings, ledger, troubles, stop)
        with contextlib.suppress(BounceWatcherError), troubles.guard(LEDGER):
            ledger.privacy.finish_forgetting()
    return PollReport(passes, deliveries)


def drain_all(settings: Settings, poller: Poller, on_page: Callable[[PassTotals], None]) -> tuple[PassReport, ...]:
    """Reads every mailbox to its end. On an interruption (Ctrl-C) each one only finishes its current pages."""
    def drain(account: ImapAccount) -> PassReport:
        report = latest = poller.run(account, on_page)
        while latest.unfinished and latest.totals.messages and not poller.stop.is_set():
            latest = poller.run(account, on_page)
            report = replace(latest, totals=report.totals + latest.totals)
        return report

    return in_parallel(drain, settings.mailboxes, poller.stop)
