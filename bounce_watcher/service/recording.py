"""Records pages of messages in the ledger: other processes analyse them, this one writes, one transaction per page.

Pages come from mailboxes (polling.py) or from files (`import_messages`).
"""

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from bounce_watcher.config import Settings
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.logs import log
from bounce_watcher.model.about import LEDGER
from bounce_watcher.model.finding import Doubt
from bounce_watcher.model.ledger import PageOutcome
from bounce_watcher.model.message import Destination, RawMessage
from bounce_watcher.policy.decide import decide
from bounce_watcher.service.analysis.analyser import Analyser, Ticket
from bounce_watcher.service.analysis.worker import Analysed
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.opening import open_ledger
from bounce_watcher.service.operations.parts import pages
from bounce_watcher.service.state import Counts, ReportedFailure, Troubles, What
from bounce_watcher.words import grounds as words

SETTLE_PAGES = 4
"""How many pages have their mail filed together. After a crash at most these are read again, without effect."""

Destinations = Mapping[Destination, Sequence[RawMessage]]


@dataclass(frozen=True, slots=True)
class PassTotals:
    """The totals of several pages. `messages` were read; the other numbers are what they added to the ledger.

    `doubted` messages contradict the token that they carry (forged or mixed up) and went to review. `opt_outs` are in
    review as well, until a person has dealt with them.
    """

    messages: int = 0
    new_messages: int = 0
    events: int = 0
    suppressed: int = 0
    released: int = 0
    notices: int = 0
    quarantined: int = 0
    doubted: int = 0
    opt_outs: int = 0

    def __add__(self, other: "PassTotals") -> "PassTotals":
        return PassTotals(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    @property
    def duplicates(self) -> int:
        return self.messages - self.new_messages - self.quarantined


Written = tuple[Destinations, PassTotals]
"""A committed page: where its mail is to be filed, and its totals."""


class Recorder:
    """Records pages. All mailboxes share it; it is as thread-safe as the ledger and the analyser are."""

    def __init__(
        self, settings: Settings, ledger: Ledger, analyser: Analyser, troubles: Troubles, counts: Counts | None = None
    ) -> None:
        self._ledger = ledger
        self._analyser = analyser
        self._troubles = troubles
        self._counts = counts or Counts()
        self._keep_raw = settings.raw_retention != timedelta(0)
        self._policy = settings.policy
        self._decide = partial(decide, settings=settings.policy)
        self._announce = announcer(settings)

    def drain(
        self, source: Iterable[Sequence[RawMessage]], settle: Callable[[Destinations, PassTotals], None],
        stop: threading.Event,
    ) -> PassTotals:
        """Takes pages until there are none or `stop` is set. Calls `settle` for several at once after commit.

        `source` and `settle` run in the caller's thread, so they may share a connection. Meanwhile a separate thread
        writes the pages in order, and processes analyse the next ones. What was fetched before `stop` is finished.
        Raises ReportedFailure, TemporaryFailure or PermanentFailure; pages not settled by then are read again.
        """
        under_way, settling = deque[Future[Written]](), _Settling(settle)
        with ThreadPoolExecutor(1, thread_name_prefix="ledger") as writer:
            write = _until_it_fails(self._write)
            for page in source:
                under_way.append(writer.submit(write, self._analyser.submit(page)))
                while under_way and (under_way[0].done() or len(under_way) > self._analyser.depth + 1):
                    settling.add(*under_way.popleft().result())
                if stop.is_set():
                    break
            for written in under_way:
                settling.add(*written.result())
            settling.flush()
        return settling.total

    def expire(self, now: datetime, read_until: datetime | None = None) -> int:
        """Releases suppressions that end by `now`, and tells the platforms. Ends alerts and waits too.

        `read_until` is the time until which all mailboxes have been read, None if unknown. Unread mail may hold the
        alarm that a suppression waits for. But a mailbox may never come back, so this at most doubles the wait.
        """
        wait = self._policy.guard.wait
        with self._troubles.guard(LEDGER):
            self._ledger.recording.settle_alerts(now, self._announce, self._policy)
            self._ledger.recording.end_waits(max(read_until or now - wait, now - wait), wait, self._announce)
            return self._ledger.suppressions.expire(now, self._announce)

    def _write(self, ticket: Ticket) -> Written:
        analysed = self._analyser.result(ticket)
        records = [each.record for each in analysed if each.record is not None]
        if not self._keep_raw:
            records = [replace(record, packed=None) for record in records]
        with self._troubles.guard(LEDGER):
            outcome = self._ledger.recording.record(records, self._decide, self._announce, self._policy)
        self._count(ticket.page, outcome)
        log.debug("page written", action="page_written", messages=len(ticket.page), events=outcome.events)
        places = _destinations(ticket.page, analysed, outcome.named)
        return places, PassTotals(
            messages=len(ticket.page), new_messages=outcome.messages, events=outcome.events,
            suppressed=outcome.suppressed, released=outcome.released, notices=outcome.notices,
            quarantined=len(places.get(Destination.QUARANTINE, ())),
            doubted=sum(1 for each in analysed if _doubt(each)), opt_outs=outcome.opt_outs,
        )

    def _count(self, page: Sequence[RawMessage], outcome: PageOutcome) -> None:
        """Counts a page, which comes from one mailbox or from files."""
        mailbox = page[0].mailbox or "" if page else ""
        for kind, number in outcome.kinds.items():
            self._counts.add(What.MESSAGES, mailbox, kind, number=number)
        for verdict, number in outcome.verdicts.items():
            self._counts.add(What.VERDICTS, *verdict, number=number)


class _Settling:
    """Committed pages whose mail is filed several at a time: the cost of moving mail is per command."""

    def __init__(self, settle: Callable[[Destinations, PassTotals], None]) -> None:
        self.total = PassTotals()
        self._settle = settle
        self._begin()

    def _begin(self) -> None:
        self._places = defaultdict[Destination, list[RawMessage]](list)
        self._totals, self._pages = PassTotals(), 0

    def add(self, places: Destinations, totals: PassTotals) -> None:
        for place, messages in places.items():
            self._places[place] += messages
        self._totals += totals
        self._pages += 1
        if self._pages == SETTLE_PAGES:
            self.flush()

    def flush(self) -> None:
        if self._pages:
            self._settle(self._places, self._totals)
            self.total += self._totals
            self._begin()


def _until_it_fails(write: Callable[[Ticket], Written]) -> Callable[[Ticket], Written]:
    """Wraps `write` so that pages are written in order: after one page fails, none behind it is written."""
    failed = threading.Event()

    def guarded(ticket: Ticket) -> Written:
        if failed.is_set():
            raise ReportedFailure("a page before this one could not be written")
        try:
            return write(ticket)
        except BaseException:
            failed.set()
            raise

    return guarded


def _destinations(
    page: Sequence[RawMessage], analysed: Sequence[Analysed], named: Set[str]
) -> dict[Destination, list[RawMessage]]:
    """Returns where each message is filed.

    A report that names nobody needs no person if the ledger knew whom it is about. An opt-out always needs one.
    """
    places: dict[Destination, list[RawMessage]] = {}
    for raw, each in zip(page, analysed, strict=True):
        if each.error is not None:
            log.error(
                "message could not be analysed", action="message_quarantined", source=raw.source, uid=raw.uid,
                error=each.error,
            )
        if doubt := _doubt(each):
            log.warning(
                "report is forged or mixed up", action="report_doubted", source=raw.source, uid=raw.uid,
                doubt=words.doubt(doubt),
            )
        is_named = each.record is not None and each.record.digest in named and not each.record.opt_outs
        places.setdefault(Destination.PROCESSED if is_named else each.destination, []).append(raw)
    return places


def _doubt(each: Analysed) -> Doubt | None:
    """Returns why a report is forged or mixed up, or None. Names no address."""
    events = each.record.events if each.record else ()
    return next((event.doubt for event in events if event.doubt), None)


# ── mail from files ─────────────────────────────────────────────────────────────────────────────────────────────────

def import_messages(
    settings: Settings, messages: Iterable[RawMessage], *, dry_run: bool,
    progress: Callable[[int], None] = lambda _: None,
) -> PassTotals:
    """Records mail from files in order, as if it was polled. Calls `progress` with how many more are done.

    A dry run analyses and counts what would be written if the ledger were empty; it opens no database. Raises
    TemporaryFailure or PermanentFailure. What is committed by then stays, and the same import may be repeated.
    """
    with Analyser(settings.attribution, settings.workers, rules=settings.rules) as analyser:
        if dry_run:
            return _rehearse(analyser, pages(messages), progress)
        with open_ledger(settings) as ledger:
            recorder = Recorder(settings, ledger, analyser, Troubles())
            total = recorder.drain(pages(messages), lambda _, settled: progress(settled.messages), threading.Event())
            recorder.expire(now := utcnow(), read_until=now)
    return total


def _rehearse(analyser: Analyser, drawn: Iterable[Sequence[RawMessage]], progress: Callable[[int], None]) -> PassTotals:
    total = PassTotals()
    for page in drawn:
        analysed = analyser.result(analyser.submit(page))
        records = [each.record for each in analysed if each.record is not None]
        total += PassTotals(
            messages=len(page), new_messages=len(records), events=sum(len(record.events) for record in records),
            quarantined=len(page) - len(records), opt_outs=sum(len(record.opt_outs) for record in records),
        )
        progress(len(page))
    return total
