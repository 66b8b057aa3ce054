"""A decision on many at once, at the shell: listed as it is carried out, summed up, and kept in the log of actions."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bounce_watcher.cli.framework.logged import log
from bounce_watcher.cli.framework.output import count, say
from bounce_watcher.cli.framework.tables import listing, progress
from bounce_watcher.model.rows import Row

if TYPE_CHECKING:
    from bounce_watcher.ledger.rulings import Ruled
    from bounce_watcher.ledger.store import Ledger

COLUMNS = ("recipient", "stream", "reason", "was", "state", "left", "because")


def decide_on_many(
    ledger: Ledger, outcomes: Iterable[Ruled], action: str, subject: str, because: str, *, done: str, dry_run: bool,
    as_json: bool,
) -> None:
    """Lists what becomes of each, and logs the action on those that were changed, also where it breaks off.

    `done` is the participle of what is done.
    """
    from bounce_watcher.ledger.rulings import Left

    changed, left = 0, Counter[Left]()

    def row(each: Ruled) -> Row:
        nonlocal changed
        changed += each.left is None
        if each.left:
            left[each.left] += 1
        advance(1)
        return {name: getattr(each, name) for name in COLUMNS}

    try:
        with progress("deciding", "recipients", shown=not sys.stdout.isatty()) as advance:
            listing(map(row, outcomes), COLUMNS, as_json=as_json)
    finally:
        if not dry_run:
            log(ledger, action, subject, changed, because)
    if as_json:
        return
    told = ", ".join(f"{number} skipped: {why.value}" for why, number in left.items())
    say(f"{f'would be {done}' if dry_run else done}: {count(changed, 'suppression')}" + (f"; {told}" if told else ""))
