"""Replays the stored history under another policy, on all cores: recipients are independent."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain, islice

from bounce_watcher.config import Settings
from bounce_watcher.ledger.history.replaying import Simulated, Stretch
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.policy.replay import Decide
from bounce_watcher.service.announcing import decider
from bounce_watcher.service.operations.parts import by_processes

_STRETCH = 20_000
"""How many events a process replays before it returns the result: a second or two."""


@dataclass(frozen=True, slots=True)
class SimulatedPart:
    """How many `events` were replayed, and all their recipients that are or would be suppressed."""

    events: int
    found: list[Simulated]


def simulate(settings: Settings, now: datetime) -> Iterator[SimulatedPart]:
    """Yields results in the order of addresses. Starts processes only for a long history."""
    url = settings.database_url.get_secret_value()
    work = partial(_go_through, url, decider(settings), now)
    with Ledger.connect(url) as ledger:
        ledger.check()
        stretches = ledger.history.stretches(_STRETCH)
        first = list(islice(stretches, 2))
        if len(first) == 1:
            yield work(first[0])
            return
        yield from by_processes(work, chain(first, stretches))


def _go_through(url: str, decide: Decide, now: datetime, stretch: Stretch) -> SimulatedPart:
    events, found = 0, []
    with Ledger.connect(url) as ledger:
        for each in ledger.history.simulate(decide, now, stretch):
            events += each.events
            if each.now or each.then:
                found.append(each)
    return SimulatedPart(events, found)
