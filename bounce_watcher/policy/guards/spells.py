"""Finds the spells in which something happens too often, from counts by slots of time and windows over them.

A spell begins when a window holds at least its limit. It goes on while windows hold half of that, and ends when none
did for a time (`quiet`). So a number that goes up and down around the limit makes one spell. Only the times of the
reports matter, never when they were read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bounce_watcher.policy.guards.limits import SLOT

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SLOTS_A_DAY = timedelta(days=1) // SLOT


@dataclass(frozen=True, slots=True)
class Window:
    """The `count` in the slots from `first`, the earliest with a count, to `last`, both included."""

    first: int
    last: int
    count: int


@dataclass(frozen=True, slots=True)
class SpellThreshold:
    """How many make a spell. `usual` is the number that this was compared with."""

    count: int
    usual: float


@dataclass(frozen=True, slots=True)
class Spell:
    """A spell from `since` to `ends_at`, as far as is known: `ends_at` moves on while it lasts.

    `peak` is the count of the fullest window, `limit` the count that began the spell. `known` is the name of a stored
    spell. A `settled` spell no longer changes.
    """

    since: datetime
    raised_at: datetime
    ends_at: datetime
    peak: int
    limit: SpellThreshold
    known: str | None = None
    settled: bool = False

    def covers(self, at: datetime) -> bool:
        return self.since <= at <= self.ends_at


def slot_of(at: datetime) -> int:
    return (at - _EPOCH) // SLOT


def start_of(slot: int) -> datetime:
    return _EPOCH + slot * SLOT


def windows(counts: Mapping[int, int], length: timedelta) -> Iterator[Window]:
    """Yields the windows that end with a slot that has a count, in order."""
    slots, size, first, total = sorted(counts), length // SLOT, 0, 0
    for last in slots:
        total += counts[last]
        while slots[first] <= last - size:
            total -= counts[slots[first]]
            first += 1
        yield Window(slots[first], last, total)


def spells(
    over: Sequence[Window], known: Sequence[Spell], limit_of: Callable[[Window], SpellThreshold | None],
    quiet: timedelta
) -> list[Spell]:
    """Returns the spells of `known` that changed, and new ones. Calls `limit_of` only for windows outside any spell."""
    found = list(known)
    for window in over:
        at = start_of(window.last)
        index = next((index for index, spell in enumerate(found) if spell.covers(at)), None)
        if index is not None:
            others = (*found[:index], *found[index + 1 :])
            found[index] = _gone_on(found[index], window, others, quiet)
        elif (limit := limit_of(window)) and window.count >= limit.count:
            end = start_of(window.last + 1)
            found.append(Spell(_beginning(window, found), end, end + quiet, window.count, limit))
    return [spell for spell in found if spell not in known]


def _gone_on(spell: Spell, window: Window, others: Sequence[Spell], quiet: timedelta) -> Spell:
    """Returns the spell extended by a window. Late reports may show that it began earlier than known."""
    if spell.settled or 2 * window.count < spell.limit.count:
        return spell
    ends_at = max(spell.ends_at, start_of(window.last + 1) + quiet)
    begun_at = _beginning(window, others) if window.count >= spell.limit.count else spell.since
    return replace(spell, since=min(spell.since, begun_at), ends_at=ends_at, peak=max(spell.peak, window.count))


def _beginning(window: Window, others: Sequence[Spell]) -> datetime:
    """Returns the start of the window, or the end of another spell that reaches into it."""
    first, end = start_of(window.first), start_of(window.last + 1)
    return max(first, max((spell.ends_at for spell in others if spell.ends_at < end), default=first))
