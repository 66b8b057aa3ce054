"""`python -m tests.simulation [--recipients N] [--days N] [--seed N] [--no-guard] [--no-tokens]`

The model (see model.py) before bounce-watcher and three common policies, and the table of what each of them did.
"""

import argparse
import sys
import time

from bounce_watcher.service import logs
from tests.simulation.judges import rivals, watcher
from tests.simulation.model import Model
from tests.simulation.run import run
from tests.simulation.table import table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipients", type=int, default=50_000)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-guard", action="store_true", help="without the outage guard")
    parser.add_argument("--no-tokens", action="store_true", help="return paths are not signed")
    arguments = parser.parse_args()
    logs.configure("error", "console")
    begun = time.monotonic()
    model = Model(arguments.recipients, arguments.days, arguments.seed)
    with watcher(model, guard=not arguments.no_guard, tokens=not arguments.no_tokens) as ours:
        accounts = run(model, [ours, *rivals()], _progress)
    print(file=sys.stderr)
    print(table(accounts))
    print(f"{arguments.recipients:,} recipients, {arguments.days} days: {time.monotonic() - begun:.0f} s")


def _progress(day: int) -> None:
    print(f"\rday {day + 1}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
