"""Messages into rows, by all cores where there are many."""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import cache
from itertools import chain

from bounce_watcher.classification.ruleset import OwnRules, load_rules
from bounce_watcher.model.finding import Analysis, Kind
from bounce_watcher.model.message import RawMessage
from bounce_watcher.model.rows import Row, analysis_row
from bounce_watcher.pipeline import Toolkit, analyse
from bounce_watcher.service.paging import PAGE_MESSAGES, pages


def classified(found: Iterator[RawMessage], rules: OwnRules = ()) -> Iterator[Row]:
    """A row a message, in order. A backlog is worth starting processes for, a few mails are not.

    `rules` are an operator's own. A message that our analysis breaks on is a row of kind "other" with an `error`.
    """
    drawn = pages(found)
    first = next(drawn, ())
    if len(first) < PAGE_MESSAGES:
        return chain.from_iterable(classify_page(page, rules) for page in chain([first], drawn))
    return _by_processes(chain([first], drawn), rules)


def _by_processes(drawn: Iterable[Sequence[RawMessage]], rules: OwnRules) -> Iterator[Row]:
    """A few pages ahead, so that memory stays bounded however long the input is."""
    ahead = (os.cpu_count() or 1) + 1
    under_way: deque[Future[list[Row]]] = deque()
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"), initializer=_leave_interrupts) as pool:
        try:
            for page in drawn:
                under_way.append(pool.submit(classify_page, page, rules))
                if len(under_way) > ahead:
                    yield from under_way.popleft().result()
            while under_way:
                yield from under_way.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle


def classify_page(page: Sequence[RawMessage], rules: OwnRules) -> list[Row]:
    toolkit = _toolkit(rules)
    return [_row(raw, toolkit) for raw in page]


def _row(raw: RawMessage, toolkit: Toolkit) -> Row:
    try:
        return analysis_row(raw.source, analyse(raw.content, toolkit))
    except Exception as bug:
        return {**analysis_row(raw.source, Analysis(Kind.OTHER, digest="")), "error": f"{type(bug).__name__}: {bug}"}


@cache
def _toolkit(rules: OwnRules) -> Toolkit:
    """Each process's own."""
    return Toolkit(load_rules(rules))
