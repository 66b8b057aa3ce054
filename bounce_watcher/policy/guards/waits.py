"""Before an alarm: which suppressions wait to see whether many others are reported as well. Pure.

Only the times of reports matter: how many of a group came before one, within the window.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bounce_watcher.model.grounds import Grounds, Subject, Waits
from bounce_watcher.model.ledger import BounceEvent, Decision, Step
from bounce_watcher.policy.guards import outages
from bounce_watcher.policy.guards.limits import SLOT, GuardSettings, in_hours
from bounce_watcher.policy.guards.spells import SpellThreshold, slot_of


@dataclass(slots=True)
class SubjectCounts:
    """One subject of a page. `counts` are by slot, including the page; `new` are the slots of the page's own, in order.

    `places` maps an event to how many of the page's own had come, including it.
    """

    counts: Counter[int] = field(default_factory=Counter)
    new: list[int] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def add(self, event: BounceEvent, *, counts: bool) -> None:
        """Adds an event. Call it in the order in which the page is decided."""
        if counts:
            self.new.append(slot_of(event.at))
        self.places[event.id] = len(self.new)

    def rank(self, event: BounceEvent, window: timedelta) -> int:
        """Returns how many there were up to the event, within the window; later ones of the page do not count."""
        last = slot_of(event.at)
        total = sum(self.counts[slot] for slot in range(last - window // SLOT + 1, last + 1))
        return total - (bisect_right(self.new, last) - self.places[event.id])


@dataclass(frozen=True, slots=True)
class WaitingRoom:
    """Which suppressions of a page wait. `limit_at` gives a subject's limit in a slot; None while the ledger learns."""

    groups: Mapping[Subject, SubjectCounts]
    limit_at: Callable[[Subject, int], SpellThreshold | None]
    settings: GuardSettings

    def admit(self, event: BounceEvent, decision: Decision) -> Decision:
        """Makes a suppression by a hard bounce wait if the number is more than ordinary; keeps other decisions."""
        if decision.step is not Step.SUPPRESS or decision.exclusion is not None or not outages.is_hard(event):
            return decision
        waits = next(self._waits(decision.grounds, event), None)
        return decision if waits is None else replace(decision, step=Step.PEND, grounds=waits)

    def _waits(self, grounds: Grounds, event: BounceEvent) -> Iterator[Waits]:
        settings = self.settings
        if not settings.wait:
            return
        for subject in outages.subjects(event):
            group = self.groups.get(subject)
            if group is None or event.id not in group.places:
                continue
            rank = group.rank(event, settings.window)
            if rank < settings.wait_min:
                continue  # no need to ask what is usual
            limit = self.limit_at(subject, slot_of(event.at))
            if limit and rank >= settings.wait_from * limit.usual:
                hours, until = in_hours(settings.window), event.at + settings.wait
                yield Waits(grounds, subject, rank, hours, limit.usual, limit.count, until)
