"""Many suppressions for a platform, by a service that is killed on the way.

With a hundred thousand and five kills: `python -m tests.bench batched`, and `paced` for single calls.
"""

import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from bounce_watcher.ledger.lists.filters import OutboxFilter
from bounce_watcher.model.ledger import OutboxState
from bounce_watcher.outbox.platforms.ses import Ses
from bounce_watcher.service.delivering import UNWRITTEN
from tests.integration.house import wait_until
from tests.outbox.platforms.desk import Desk, configuration, desk_of
from tests.outbox.platforms.vendor import Vendor, serving
from tests.outbox.platforms.vendors import vendor_classes

KILLS = 3
PACE = 50
"""Calls a second."""
MOST_MEMORY = 250 * 1024
"""KiB that the service may take at most, whatever waits: what it leases at once is bounded."""


@contextmanager
def service(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The real service, killed at the end of the block without a chance to finish anything."""
    with (config.parent / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bounce_watcher", "-c", str(config), "run"], stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def wait_for(process: subprocess.Popen[bytes], config: Path, true: Callable[[], bool], patience: float) -> None:
    """Until then the service lives."""

    def is_so() -> bool:
        assert process.poll() is None, (config.parent / "log").read_text()
        return true()

    wait_until(is_so, patience, "all that was asked for")


def peak(process: subprocess.Popen[bytes]) -> int:
    """KiB of memory at most so far."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def change_minds(desk: Desk, addresses: list[str], chosen: random.Random, wanted: set[str]) -> None:
    """Some are released, and some of these suppressed once more."""
    released = chosen.sample(addresses, 40)
    desk.release(*[address for address in released if address in wanted])
    again = [address for address in released if chosen.random() < 0.5]
    desk.suppress(*again)
    wanted -= set(released)
    wanted |= set(again)


@dataclass(frozen=True, slots=True)
class Delivery:
    """`peak` of memory in KiB; `delivered` changes, by the outbox."""

    peak: int
    delivered: int


def end_leases(folder: Path) -> None:
    """As though their time were over: what the dead service held would be the last to go, many seconds later."""
    with closing(sqlite3.connect(folder / "ledger.db", timeout=30)) as connection, connection:
        connection.execute("UPDATE outbox SET leased_until = created_at WHERE leased_until IS NOT NULL")


def delivered_while_killed(vendor: Vendor, folder: Path, count: int, more: str, kills: int = KILLS) -> Delivery:
    """Everything is on the vendor's list in the end, as it was decided last."""
    patience = 300 + count / PACE
    settings = configuration(vendor.kind, vendor.keys(), vendor.url, folder, more=f'timeout = "1s"\n{more}')
    config = folder / "config.toml"
    chosen, most = random.Random(count), 0
    addresses = [f"user{number:06}@example.org" for number in range(count)]
    wanted = set(addresses)
    vendor.prepare(*addresses)
    with desk_of(settings) as desk:
        desk.suppress(*addresses)
        for goal in sorted(chosen.randrange(count // 20, count * 9 // 10) for _ in range(kills)):
            with service(config) as process:
                wait_for(process, config, partial(_holds, vendor, goal), patience)
                most = max(most, peak(process))
            change_minds(desk, addresses, chosen, wanted)
        end_leases(folder)
        with service(config) as process:
            wait_for(process, config, partial(_is_done, desk), patience)
            most = max(most, peak(process))
        states = Counter(item.state for item in desk.ledger.lists.outbox())
    assert set(states) <= {OutboxState.DELIVERED, OutboxState.SUPERSEDED}
    assert vendor.listed == wanted
    return Delivery(most, states[OutboxState.DELIVERED])


def _holds(vendor: Vendor, count: int) -> bool:
    return len(vendor.listed) >= count


def _is_done(desk: Desk) -> bool:
    return not any(desk.ledger.lists.outbox(OutboxFilter(OutboxState.DUE, None, None, 1)))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [5000, pytest.param(12_000, marks=pytest.mark.whole)])
def test_batches_of_a_thousand(tmp_path: Path, count: int) -> None:
    with serving(vendor_classes()["mailgun"]()) as vendor:
        assert delivered_while_killed(vendor, tmp_path, count, "rate = 1000").peak < MOST_MEMORY
        sizes = [len(call.json) for call in vendor.calls if call.method == "POST" and isinstance(call.json, list)]
        assert max(sizes) == 1000


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [250, pytest.param(500, marks=pytest.mark.whole)])
def test_single_calls_within_the_pace_that_was_asked_for(tmp_path: Path, count: int) -> None:
    with serving(vendor_classes()["ses"]()) as vendor:
        found = delivered_while_killed(vendor, tmp_path, count, f"rate = {PACE}")
        assert found.peak < MOST_MEMORY
        times = [call.at for call in vendor.calls]
        most = max(sum(start <= at < start + 1 for at in times[index : index + 3 * PACE])
                   for index, start in enumerate(times))
        assert most <= PACE * 1.2 + 1, "calls within one second"
        again, unwritten = len(vendor.calls) - found.delivered, UNWRITTEN * Ses.limits.concurrency
        assert again <= KILLS * unwritten, "what was sent once more, for the service died before it was written"
