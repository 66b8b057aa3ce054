"""`python -m tests.simulation [forger] [--recipients N] [--days N] [--seed N] [--no-guard] [--no-tokens]`

The model (see model.py) before bounce-watcher and three common policies, and the table of what each of them did. With
`forger`, what somebody gets of the good addresses who knows them and not the key (see forger.py).
"""

import argparse
import sys
import time

from bounce_watcher import logs
from tests.simulation import forger
from tests.simulation.judges import rivals, watcher
from tests.simulation.model import Model
from tests.simulation.run import run
from tests.simulation.table import table

_FORGER = "forger"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=[_FORGER])
    parser.add_argument("--recipients", type=int)
    parser.add_argument("--days", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-guard", action="store_true", help="without the outage guard and the flood guard")
    parser.add_argument("--no-tokens", action="store_true", help="return paths are not signed")
    arguments = parser.parse_args()
    logs.configure("error", "console")
    begun = time.monotonic()
    if arguments.what == _FORGER:
        size, days = arguments.recipients or 5_000, arguments.days or 42
        print(_besieged(size, days))
    else:
        size, days = arguments.recipients or 50_000, arguments.days or 120
        model = Model(size, days, arguments.seed)
        with watcher(model, guard=not arguments.no_guard, tokens=not arguments.no_tokens) as ours:
            accounts = run(model, [ours, *rivals()], _progress)
        print(file=sys.stderr)
        print(table(accounts))
    print(f"{size:,} recipients, {days} days: {time.monotonic() - begun:.0f} s")


def _besieged(size: int, days: int) -> str:
    pairs = []
    for attack in forger.ATTACKS:
        print(f"\r{attack:50}", end="", file=sys.stderr, flush=True)
        pairs.append((
            forger.besieged(attack, size=size, days=days, tokens=False),
            forger.besieged(attack, size=size, days=days, tokens=True),
        ))
    print(file=sys.stderr)
    return forger.table(pairs)


def _progress(day: int) -> None:
    print(f"\rday {day + 1}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
