"""Records mail from files in the ledger, as if it was polled."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from bounce_watcher.config import Settings
from bounce_watcher.model.message import RawMessage
from bounce_watcher.service.analysis.analyser import Analyser
from bounce_watcher.service.analysis.paging import pages
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.opening import open_ledger
from bounce_watcher.service.recording import Destinations, PassTotals, Recorder
from bounce_watcher.service.trouble import Troubles

ImportReport = PassTotals


def import_messages(
    settings: Settings,
    messages: Iterable[RawMessage],
    *,
    dry_run: bool,
    progress: Callable[[int], None] = lambda _: None,
) -> ImportReport:
    """Records messages in order. Calls `progress` with how many more are done.

    A dry run analyses and counts what would be written if the ledger were empty; it opens no database. Raises
    TemporaryFailure or PermanentFailure. What is committed by then stays, and the same import may be repeated.
    """
    with Analyser(settings.attribution, settings.workers, rules=settings.rules) as analyser:
        if dry_run:
            return _rehearse(analyser, pages(messages), progress)
        ledger = open_ledger(settings)
        try:
            recorder = Recorder(settings, ledger, analyser, Troubles())
            total = recorder.drain(pages(messages), _told(progress), threading.Event())
            recorder.expire(now := utcnow(), read_until=now)
        finally:
            ledger.close()
    return total


def _told(progress: Callable[[int], None]) -> Callable[[Destinations, PassTotals], None]:
    def settle(_: Destinations, totals: PassTotals) -> None:
        progress(totals.messages)

    return settle


def _rehearse(
    analyser: Analyser, drawn: Iterator[Sequence[RawMessage]], progress: Callable[[int], None]
) -> ImportReport:
    total = PassTotals()
    for page in drawn:
        analysed = analyser.result(analyser.submit(page))
        records = [each.record for each in analysed if each.record is not None]
        total += PassTotals(
            messages=len(page),
            new_messages=len(records),
            events=sum(len(record.events) for record in records),
            quarantined=len(page) - len(records),
            opt_outs=sum(len(record.opt_outs) for record in records),
        )
        progress(len(page))
    return total
