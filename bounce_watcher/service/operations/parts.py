"""Splits work into parts: pages of messages, batches of rows, and what runs on all cores."""

import gc
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from typing import TypeVar

from bounce_watcher.intake.imap import uids
from bounce_watcher.model.message import RawMessage

Part = TypeVar("Part")
Result = TypeVar("Result")

_OBJECTS = 200_000
"""Roughly the objects of several pages, which need no collection: the cycle search would take a fifth of the time."""


PAGE_MESSAGES = 500
PAGE_BYTES = 16 * 1024 * 1024


def pages(messages: Iterable[RawMessage]) -> Iterator[list[RawMessage]]:
    """Yields pages, bounded in messages and bytes, as they are analysed and recorded."""
    return uids.pages(messages, lambda raw: len(raw.content), PAGE_MESSAGES, PAGE_BYTES)


def batched(parts: Iterable[Part], length: int) -> Iterator[list[Part]]:
    """Yields lists of `length` parts; the last one may be shorter."""
    source = iter(parts)
    while batch := list(islice(source, length)):
        yield batch


def by_processes(work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
    """Yields the result of `work` for each part, in order. `work`, parts and results are pickled.

    Works only a few parts ahead, so that memory stays bounded however many there are. Raises what `work` raises.
    """
    ahead = (os.cpu_count() or 1) + 1
    under_way: deque[Future[Result]] = deque()
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"), initializer=_start) as pool:
        try:
            for part in parts:
                under_way.append(pool.submit(work, part))
                if len(under_way) > ahead:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    gc.set_threshold(_OBJECTS)
