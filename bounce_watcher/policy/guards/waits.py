"""Before an alarm: whose suppression waits whether many others are reported as well. Pure.

All of it rests on the times of reports: on how many of a group came before one, within the window.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bounce_watcher.model.grounds import Grounds, Subject, Waits
from bounce_watcher.model.ledger import BounceEvent, Decision, Step
from bounce_watcher.policy.guards import outages
from bounce_watcher.policy.guards.limits import SLOT, GuardSettings
from bounce_watcher.policy.guards.spells import SpellThreshold, slot_of


@dataclass(slots=True)
class SubjectCounts:
    """One subject of a page. `counts` are by slot, the page's own with them; `new` are the slots of its own, in order.

    `places` tells by event how many of the page's own had come with it.
    """

    counts: Counter[int] = field(default_factory=Counter)
    new: list[int] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def add(self, event: BounceEvent, *, counts: bool) -> None:
        """To be called in the order in which the page is decided on."""
        if counts:
            self.new.append(slot_of(event.at))
        self.places[event.id] = len(self.new)

    def rank(self, event: BounceEvent, window: timedelta) -> int:
        """How many of it there were by then, within the window: what came later in the page is none of them."""
        last = slot_of(event.at)
        total = sum(self.counts[slot] for slot in range(last - window // SLOT + 1, last + 1))
        return total - (bisect_right(self.new, last) - self.places[event.id])


@dataclass(frozen=True, slots=True)
class WaitingRoom:
    """Who of a page waits. `limit_at` tells what is held against a subject in a slot, None while the ledger learns."""

    groups: Mapping[Subject, SubjectCounts]
    limit_at: Callable[[Subject, int], SpellThreshold | None]
    settings: GuardSettings

    def admit(self, event: BounceEvent, decision: Decision) -> Decision:
        """A suppression by a hard bounce waits where it is more than quite ordinary; all else is decided."""
        if decision.step is not Step.SUPPRESS or decision.exclusion is not None or not outages.is_hard(event):
            return decision
        waits = next(self._waits(decision.grounds, event), None)
        return decision if waits is None else replace(decision, step=Step.PEND, grounds=waits)

    def _waits(self, grounds: Grounds, event: BounceEvent) -> Iterator[Waits]:
        if not self.settings.wait:
            return
        for subject in outages.subjects(event):
            group = self.groups.get(subject)
            if group is None or event.id not in group.places:
                continue
            rank = group.rank(event, self.settings.window)
            if rank < self.settings.wait_min:
                continue  # no need to ask what is usual
            limit = self.limit_at(subject, slot_of(event.at))
            if limit and outages.waits(rank, limit, self.settings):
                until = event.at + self.settings.wait
                yield outages.waiting(grounds, subject, rank, limit, until, self.settings)
