"""Upgrades a ledger by the migrations of the tests, in a process that is killed on the way."""

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from bounce_watcher.ledger.db import migrate, schema, steps
from bounce_watcher.ledger.store import Ledger

HEAD = "9002"
VERSIONS = "tests.ledger:migrations"
COMMAND = (sys.executable, "-c", "from tests.ledger.migrating import main; main()")
"""To be followed by the URL of a ledger, the folder of the schemas and, if it is to be killed, the moment and which."""


class Moment(StrEnum):
    """Where a process is killed: what it did last is not committed yet."""

    BATCH = "batch"
    UPGRADE = "upgrade"


_so_far = Counter[Moment]()
_killed_at: list[tuple[Moment, int]] = []


def reached(moment: Moment) -> None:
    _so_far[moment] += 1
    if (moment, _so_far[moment]) in _killed_at:
        os.kill(os.getpid(), signal.SIGKILL)


def begin(put: Callable[[object, str, object], None], schemas: Path) -> None:
    """Lets the program find the migrations of the tests and their schemas in the folder `schemas`."""
    put(steps, "VERSIONS", [*steps.VERSIONS, VERSIONS])
    put(migrate, "HEAD", HEAD)
    put(schema, "SCHEMAS", schemas)


def main() -> None:
    url, folder, *fate = sys.argv[1:]
    if fate:
        _killed_at.append((Moment(fate[0]), int(fate[1])))
    begin(setattr, Path(folder))
    with Ledger.connect(url) as ledger:
        ledger.upgrade()
