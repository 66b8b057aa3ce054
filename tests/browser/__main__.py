"""`python -m tests.browser [--recipients N] …`: this folder's tests over a ledger of more than 200,000 events.

It is seeded once and lies in a temporary folder. What else is given goes to pytest.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bounce_watcher import logs
from bounce_watcher.service.clock import utcnow
from tests.browser.seeded import Size, write_stock

MANY = 380_000
"""Recipients, more than half of whom something is reported of."""
OUTAGE_SHARE = 0.2
"""Of its provider's mailboxes: so many that all which is held can be decided on in the browser."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipients", type=int, default=MANY)
    arguments, more = parser.parse_known_args()
    logs.configure("error", "console")
    with TemporaryDirectory() as folder:
        path, begun = Path(folder) / "seeded.db", time.monotonic()
        events = write_stock(path, utcnow(), Size(arguments.recipients, outage_share=OUTAGE_SHARE))
        took = time.monotonic() - begun
        print(f"{events:,} events in {took:.0f} s: {events / took:,.0f} a second", flush=True)
        command = (sys.executable, "-m", "pytest", str(Path(__file__).parent), "--all", "--timeout", "1800", *more)
        return subprocess.run(command, env=os.environ | {"BOUNCE_WATCHER_LEDGER": str(path)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
