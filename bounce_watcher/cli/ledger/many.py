"""Decisions on many recipients at the shell: lists each as it is carried out, and sums up."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

from bounce_watcher.cli.framework.output import count, say
from bounce_watcher.cli.framework.tables import listing, progress
from bounce_watcher.policy.rulings import SkipReason
from bounce_watcher.words.rows import Row, explained

if TYPE_CHECKING:
    from bounce_watcher.ledger.suppressions.rulings import Ruled
    from bounce_watcher.model.ledger import Actor
    from bounce_watcher.service.operations.bulk import RulingOperation

COLUMNS = ("recipient", "stream", "reason", "was", "state", "left", "because")


def list_decided(operation: RulingOperation, by: Actor, *, done: str, dry_run: bool, as_json: bool) -> None:
    """Lists the result for each recipient as it is done, and sums up. `done` is the participle of the action."""
    outcomes = operation.rehearse(by) if dry_run else operation.carry_out(by)
    changed, left = 0, Counter[SkipReason]()

    def row(each: Ruled) -> Row:
        nonlocal changed
        changed += each.left is None
        if each.left:
            left[each.left] += 1
        advance(1)
        return {
            "recipient": each.recipient, "stream": each.stream, "reason": each.reason, "was": each.was,
            "state": each.state, "left": each.left, **explained(each.grounds),
        }

    with progress("deciding", "recipients", shown=not sys.stdout.isatty()) as advance:
        listing(map(row, outcomes), COLUMNS, as_json=as_json)
    if as_json:
        return
    told = ", ".join(f"{number} skipped: {why.value}" for why, number in left.items())
    say(f"{f'would be {done}' if dry_run else done}: {count(changed, 'suppression')}" + (f"; {told}" if told else ""))
