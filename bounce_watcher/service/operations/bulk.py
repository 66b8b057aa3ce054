"""A decision on many recipients: all that an incident holds or led to, or all that a list of recipients shows.

It runs batch by batch. Each batch is a transaction together with what it adds to the row in the log. An interrupted run
can be started again, and does the rest.
"""

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from bounce_watcher.ledger.db.query import Query
from bounce_watcher.ledger.suppressions.rulings import BulkRequest, Ruled
from bounce_watcher.ledger.suppressions.undo import UndoOutcome
from bounce_watcher.model.ledger import Actor, Announce
from bounce_watcher.policy.guards.incident import Incident
from bounce_watcher.policy.rulings import Ruling, SkipReason
from bounce_watcher.service.announcing import announcer, decider
from bounce_watcher.service.operations.operation import NoticeCounter, Notices, Operation

T = TypeVar("T")

MOST_PREVIEWED = 20_000
"""How many recipients an outline names at most: more take too long for a page."""


@dataclass(frozen=True, slots=True)
class BulkOutline(Generic[T]):
    """Who would change, who would not, and who would be notified. `seen` is a digest of all of it.

    `more`: there are more recipients than the `most` that an outline names.
    """

    notices: Notices
    changed: Sequence[T]
    spared: Sequence[T]
    seen: str
    more: bool
    most: int


@dataclass(frozen=True, slots=True)
class BulkOperation(Operation[BulkOutline[T], Iterator[T]]):
    """A decision on many recipients. A `T` is the result for one recipient in a stream.

    `subject` is what the log calls the whole: the id of an alert, or a description of what was chosen.
    """

    subject: str

    @abstractmethod
    def run(self, wanted: BulkRequest, *, dry_run: bool) -> Iterator[T]:
        """Carries it out batch by batch, or rehearses it."""

    def changes(self, each: T) -> bool:
        """Checks whether the recipient changes."""
        return True

    @abstractmethod
    def seen(self, each: T) -> Sequence[object]:
        """Returns what a person must have been shown of it."""

    def preview(self, by: Actor) -> BulkOutline[T]:
        """Rehearses it for `MOST_PREVIEWED` at most. Raises TookTooLong."""
        counter = NoticeCounter(self.settings, self.ledger)
        changed, spared, more, seen = list[T](), list[T](), False, hashlib.sha256()
        for place, each in enumerate(self.run(self._request(by, counter), dry_run=True)):
            if more := place == MOST_PREVIEWED:
                break
            seen.update("\0".join(map(str, (*self.seen(each), "\n"))).encode("utf-8", "replace"))
            (changed if self.changes(each) else spared).append(each)
        return BulkOutline(counter.notices, changed, spared, seen.hexdigest(), more, MOST_PREVIEWED)

    def rehearse(self, by: Actor) -> Iterator[T]:
        """Yields what would become of each, however many. Changes nothing."""
        return self.run(self._request(by, announcer(self.settings)), dry_run=True)

    def carry_out(self, by: Actor, step: Callable[[], None] | None = None) -> Iterator[T]:
        """Carries it out as its results are consumed. Calls `step` before each batch; an exception from it ends it."""
        return self.run(self._request(by, announcer(self.settings), step), dry_run=False)

    def _request(self, by: Actor, announce: Announce, step: Callable[[], None] | None = None) -> BulkRequest:
        return BulkRequest(by, self.subject, announce, self.settings.policy, step=step)


@dataclass(frozen=True, slots=True)
class RulingOperation(BulkOperation[Ruled]):
    """A bulk decision that leaves some recipients unchanged, each for a reason."""

    def changes(self, each: Ruled) -> bool:
        return each.left is None

    def seen(self, each: Ruled) -> Sequence[object]:
        return each.recipient, each.stream, each.was, each.state, each.left


@dataclass(frozen=True, slots=True)
class RuleHeld(RulingOperation):
    """Releases, or puts in force, all that an alert holds: the one whose id is the subject."""

    ruling: Ruling

    def run(self, wanted: BulkRequest, *, dry_run: bool) -> Iterator[Ruled]:
        return self.ledger.suppressions.rule(self.subject, self.ruling, wanted, dry_run=dry_run)


@dataclass(frozen=True, slots=True)
class ReleaseListed(RulingOperation):
    """Releases all suppressions that a list of recipients shows under a filter.

    Skips recipients that need a second thought, unless `included` has the reason to skip them.
    """

    shown: Query
    included: frozenset[SkipReason] = frozenset()

    def run(self, wanted: BulkRequest, *, dry_run: bool) -> Iterator[Ruled]:
        return self.ledger.suppressions.release_all(
            self.shown, replace(wanted, included=self.included), dry_run=dry_run
        )


@dataclass(frozen=True, slots=True)
class UndoIncident(BulkOperation[UndoOutcome]):
    """Undoes an incident: its reports no longer count, and what rested on them alone is released."""

    incident: Incident

    def run(self, wanted: BulkRequest, *, dry_run: bool) -> Iterator[UndoOutcome]:
        return self.ledger.suppressions.undo(
            self.incident, decider(self.settings), wanted.announce, wanted.by, subject=self.subject, dry_run=dry_run,
            step=wanted.step,
        )

    def seen(self, each: UndoOutcome) -> Sequence[object]:
        return each.recipient, each.stream, each.events, each.was, each.state
