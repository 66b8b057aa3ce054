"""Counters of what a service has done since it began. They only grow."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum, unique
from itertools import product

from bounce_watcher.config import Settings
from bounce_watcher.model.filing import Destination
from bounce_watcher.model.finding import EVENT_KINDS, Kind
from bounce_watcher.model.ledger import Disposition
from bounce_watcher.model.verdict import Reason

Labels = tuple[str, ...]


@unique
class What(StrEnum):
    """What is counted, and by which labels."""

    MESSAGES = "messages"          # mailbox, kind: read, and not known before
    FILED = "filed"                # mailbox, place: moved away, whether known or not
    VERDICTS = "verdicts"          # type, reason: of new events, see `verdict_of`
    PASSES = "passes"              # mailbox, outcome
    PASS_SECONDS = "pass_seconds"  # mailbox: total of all passes without a failure
    TRIES = "tries"                # target, outcome: one per delivery and try


Counted = Mapping[What, Mapping[Labels, float]]


class Counts:
    """Counters of a process. Thread-safe. They start at zero with each process, as monitoring systems expect."""

    def __init__(self) -> None:
        self._numbers: dict[What, defaultdict[Labels, float]] = {what: defaultdict(float) for what in What}
        self._lock = threading.Lock()

    def expect(self, what: What, labels: Iterable[Labels]) -> None:
        """Sets labels that may be counted to zero, so that monitoring sees the first one as an increase."""
        with self._lock:
            for each in labels:
                self._numbers[what].setdefault(each, 0)

    def add(self, what: What, *labels: str, number: float = 1) -> None:
        with self._lock:
            self._numbers[what][labels] += number

    def counted(self) -> Counted:
        with self._lock:
            return {what: dict(numbers) for what, numbers in self._numbers.items()}


def expect(counts: Counts, settings: Settings) -> None:
    """Sets everything that may be counted under these settings to zero."""
    mailboxes = [mailbox.name for mailbox in settings.mailboxes]
    counts.expect(What.MESSAGES, product(mailboxes, Kind))
    counts.expect(What.FILED, product(mailboxes, Destination))
    counts.expect(What.PASSES, product(mailboxes, ("read", "failed")))
    counts.expect(What.PASS_SECONDS, product(mailboxes))
    counts.expect(What.VERDICTS, [(reason.bounce_type, reason) for reason in Reason])
    counts.expect(What.VERDICTS, [(kind, "") for kind in EVENT_KINDS - {Kind.BOUNCE}])
    counts.expect(What.TRIES, product([receiver.name for receiver in settings.receivers], Disposition))
