"""`python -m tests.trust [SECONDS]`: the properties of this folder on random pairs of addresses until the time is over.

Each form of report is asked in turn, through the analysis and, a tenth as often, through the whole way into a ledger.
Ends with status 0 and says how many pairs were tried; the first pair that breaks something ends it at once.
"""

import sys
import time
from collections.abc import Callable
from itertools import cycle
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from tests.trust.addresses import pairs
from tests.trust.reports import FORMS
from tests.trust.test_ledger import check_rows
from tests.trust.test_two_addresses import check_names

AT_ONCE = 200
LEDGER_SHARE = 10


def tried(check: Callable[[str, tuple[str, str]], None], name: str, examples: int) -> int:
    """How many pairs `check` was asked for."""
    count = 0

    @settings(
        max_examples=examples, derandomize=False, database=None, deadline=None, suppress_health_check=[*HealthCheck],
        phases=[Phase.generate, Phase.shrink], print_blob=True,
    )
    @given(pair=pairs())
    def each(pair: Any) -> None:
        nonlocal count
        count += 1
        check(name, pair)

    each()
    return count


def main(seconds: float) -> int:
    begun = time.monotonic()
    analysed = stored = 0
    for name in cycle(FORMS):
        analysed += tried(check_names, name, AT_ONCE)
        stored += tried(check_rows, name, AT_ONCE // LEDGER_SHARE)
        taken = time.monotonic() - begun
        print(f"{taken:.0f} s: {analysed} pairs analysed, {stored} through a ledger", end="\r", flush=True)
        if taken > seconds:
            break
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 3600))
