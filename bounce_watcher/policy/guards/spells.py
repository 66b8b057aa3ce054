"""When something happens too often, from when to when: counts by slots of time, windows over them, and their spells.

A spell begins when a window holds at least its limit. It goes on while windows hold half of that, and ends when for a
time (`quiet`) none did: so what goes up and down around the limit is one spell. All of it rests on the times of the
reports, never on when they were read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bounce_watcher.policy.guards.limits import SLOT

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SLOTS_A_DAY = timedelta(days=1) // SLOT


@dataclass(frozen=True, slots=True)
class Window:
    """`count` within the slots from `first`, the earliest that counts anything, to `last`, both included."""

    first: int
    last: int
    count: int


@dataclass(frozen=True, slots=True)
class SpellThreshold:
    """How many make a spell. `usual` is what they were held against."""

    count: int
    usual: float


@dataclass(frozen=True, slots=True)
class Spell:
    """From `since` to `ends_at`, as far as is known: `ends_at` moves on while it lasts.

    `peak` is the fullest window, `limit` what one needed for the spell to begin. `known` is the name of a spell that
    is stored, `settled` where nothing can go on about it.
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
    """The windows that end with a slot that counts something, in order."""
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
    """The spells in `known` that went on and those that began. `limit_of` is asked of windows outside of any spell."""
    found = list(known)
    for window in over:
        at = start_of(window.last)
        index = next((index for index, spell in enumerate(found) if spell.covers(at)), None)
        if index is not None:
            others = (*found[:index], *found[index + 1 :])
            found[index] = _gone_on(found[index], window, others, quiet)
        elif (limit := limit_of(window)) and window.count >= limit.count:
            found.append(_begun(window, limit, found, quiet))
    return [spell for spell in found if spell not in known]


def _gone_on(spell: Spell, window: Window, others: Sequence[Spell], quiet: timedelta) -> Spell:
    """Reports that come late may show that it began before what it was known by."""
    if spell.settled or 2 * window.count < spell.limit.count:
        return spell
    ends_at = max(spell.ends_at, start_of(window.last + 1) + quiet)
    begun_at = _beginning(window, others) if window.count >= spell.limit.count else spell.since
    return replace(spell, since=min(spell.since, begun_at), ends_at=ends_at, peak=max(spell.peak, window.count))


def _begun(window: Window, limit: SpellThreshold, others: Sequence[Spell], quiet: timedelta) -> Spell:
    end = start_of(window.last + 1)
    return Spell(_beginning(window, others), end, end + quiet, window.count, limit)


def _beginning(window: Window, others: Sequence[Spell]) -> datetime:
    """The start of the window, or the end of a spell that reaches into it."""
    first, end = start_of(window.first), start_of(window.last + 1)
    return max(first, max((spell.ends_at for spell in others if spell.ends_at < end), default=first))
