"""What a piece of code costs, told so that a busy machine decides no test."""

import gc
import time
from collections.abc import Callable
from functools import partial

TRIES = 3


def cpu_seconds(ask: Callable[[], object]) -> float:
    """Seconds of CPU of this thread alone; no garbage of others is collected meanwhile."""
    gc.disable()
    try:
        begun = time.thread_time()
        ask()
        return time.thread_time() - begun
    finally:
        gc.enable()


def least(ask: Callable[[int], object], enough: float) -> float:
    """`cpu_seconds` of the best of some tries; the first that takes no more than `enough` is the last.

    `ask` is given the number of the try: where answers are remembered each must ask something else.
    """
    best = cpu_seconds(partial(ask, 0))
    for number in range(1, TRIES):
        if best <= enough:
            break
        best = min(best, cpu_seconds(partial(ask, number)))
    return best
