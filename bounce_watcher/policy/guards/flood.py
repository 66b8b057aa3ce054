"""The flood guard: how many suppressions may rest on unproven reports. Pure.

Anybody can write a bounce. A token or a signature of ours in it proves that it is about our mail. Anybody who knows an
address can forge the weaker grades, and a Message-ID can be guessed. If the policy lets such reports count, only their
number tells a forger from a receiver. So new suppressions on unproven reports are capped: per report, per host within
an hour, and in total within an hour, 24 hours and 30 days. Suppressions beyond a cap are held.

The caps on the total limit a forger, who may have many hosts and much patience. The cap per report needs no history.
The cap per host leaves room for other hosts if a forger has only one.

A cap is a number, or `factor` times the usual number if that is higher. The usual number comes from what passed more
than `AGE` ago, and from what a person has confirmed. So recent suppressions raise no cap unless a person confirms them.
The usual day is the third busiest one, so that one cleaning of a list does not make a flood look usual.

The guard uses the times of the reports, in hours of UTC, in whatever order they come: so the caps hold for imports.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from bounce_watcher.model.finding import Kind
from bounce_watcher.model.grounds import Cap, Excluded, ExclusionKind, Flood, Subject, SubjectKind
from bounce_watcher.model.ledger import BounceEvent
from bounce_watcher.policy.guards.limits import PROVEN, SLOT, FloodSettings
from bounce_watcher.policy.guards.spells import slot_of
from bounce_watcher.policy.providers import registrable

AGE = timedelta(days=30)
"""Passed suppressions count as usual only from this age on: until then somebody may revert them."""

BASELINE = timedelta(days=90)
"""How far back usual days are searched, from `AGE` on; for what a person confirmed, from the day before on."""

RANK = 3
"""The rank of the usual day among the busiest: two busier days in a baseline do not make a third one usual."""

MONTH = 30  # days
BOUNCES = 5 / 6
"""The share of the caps on the total that bounces may use: a dead address bounces again, a complaint comes once."""

REACH = AGE + BASELINE  # the greatest age of a count that a decision uses
QUIET = timedelta(hours=24)  # a flood is over when nothing was held for this long
SUBJECT = Subject(SubjectKind.UNPROVEN)  # the subject of an alert on a flood
SLOTS_AN_HOUR = timedelta(hours=1) // SLOT
_HOURS_A_DAY = 24
_NETWORKS = {4: 24, 6: 48}  # the prefix length of one holder's network, by IP version


@dataclass(frozen=True, slots=True)
class Over:
    """A cap that one more suppression would exceed: `limit` have passed. `source` is the host for a cap per host."""

    cap: Cap
    limit: int
    usual: int = 0
    source: str | None = None


def is_unproven(event: BounceEvent) -> bool:
    return not event.evidence.at_least(PROVEN)


def source(event: BounceEvent) -> str:
    """Returns the reporting host: the network of the client from which our own mail server received the report.

    If its Received fields do not show it, returns the host that the report names, which a forger can choose.
    """
    if event.client_ip:
        address = ip_address(event.client_ip)
        return str(ip_network((address, _NETWORKS[address.version]), strict=False))
    return registrable((event.reporting_mta or "").casefold()) or "unknown"


def hour_of(event: BounceEvent) -> int:
    return slot_of(event.at) // SLOTS_AN_HOUR


Hours = Mapping[int, int]
"""Numbers by hours since 1970."""


@dataclass(slots=True)
class Passed:
    """How many suppressions have passed in each hour, and how many held ones a person has confirmed."""

    hours: Counter[int] = field(default_factory=Counter)
    confirmed: Hours = field(default_factory=dict)
    _days: Counter[int] = field(init=False)
    _usual: dict[int, "Usual"] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._days = _by_day(self.hours)

    def add(self, hour: int, number: int) -> None:
        self.hours[hour] += number
        self._days[hour // _HOURS_A_DAY] += number

    def in_day(self, hour: int) -> int:
        """Returns the most in any 24 hours that touch this hour: after a late report there may be later hours too."""
        return _most(self.hours, hour, _HOURS_A_DAY + 1)

    def in_month(self, today: int) -> int:
        """Returns the most in any 30 days that touch this day."""
        return _most(self._days, today, MONTH + 1)

    def usual(self, today: int) -> "Usual":
        if today not in self._usual:
            self._usual[today] = self._usual_of(today)
        return self._usual[today]

    def _usual_of(self, today: int) -> "Usual":
        old = today - AGE.days
        known = _between(self.hours, old - BASELINE.days, old) + _between(self.confirmed, today - BASELINE.days, today)
        if not known:
            return Usual()
        days, busiest = _by_day(known), dict[int, int]()
        for hour, number in known.items():
            busiest[hour // _HOURS_A_DAY] = max(busiest.get(hour // _HOURS_A_DAY, 0), number)
        months = (sum(days[each] for each in range(last - MONTH, last)) for last in (old, today))
        return Usual(_ranked(busiest), _ranked(days), max(months))


@dataclass(frozen=True, slots=True)
class Usual:
    """The usual numbers in an hour, in a day and in 30 days."""

    hour: int = 0
    day: int = 0
    month: int = 0


def _most(numbers: Hours, at: int, length: int) -> int:
    """Returns the highest total of the windows of that length that touch `at`."""
    around = [numbers.get(each, 0) for each in range(at - length + 1, at + length)]
    return max(sum(around[first : first + length]) for first in range(length))


def _between(hours: Hours, first: int, end: int) -> Counter[int]:
    """Returns the hours of the days from `first` up to but not including `end`."""
    return Counter({hour: number for hour, number in hours.items() if first <= hour // _HOURS_A_DAY < end})


def _by_day(hours: Hours) -> Counter[int]:
    days: Counter[int] = Counter()
    for hour, number in hours.items():
        days[hour // _HOURS_A_DAY] += number
    return days


def _ranked(numbers: Hours) -> int:
    return sorted(numbers.values(), reverse=True)[RANK - 1] if len(numbers) >= RANK else 0


class Budget:
    """What may still pass. Keeps what has passed: from `everybody`, and from each host that reports now."""

    def __init__(self, settings: FloodSettings, everybody: Passed, sources: Mapping[str, Passed]) -> None:
        self._settings = settings
        self._everybody = everybody
        self._sources = defaultdict(Passed, sources)
        self._reports: Counter[str] = Counter()

    def over(self, event: BounceEvent) -> Over | None:
        """Returns the cap that one more suppression would exceed; None if it may pass."""
        return next(self._exceeded(event), None)

    def add(self, event: BounceEvent, number: int = 1) -> None:
        """Adds a suppression that has passed; -1 takes it back."""
        self._reports[event.message_digest] += number
        self._everybody.add(hour_of(event), number)
        self._sources[source(event)].add(hour_of(event), number)

    def _exceeded(self, event: BounceEvent) -> Iterator[Over]:
        settings, hour = self._settings, hour_of(event)
        today, host = hour // _HOURS_A_DAY, self._sources[source(event)]
        usual = self._everybody.usual(today)
        if self._reports[event.message_digest] >= settings.report:
            yield Over(Cap.REPORT, settings.report)
        share = 1.0 if event.kind is Kind.COMPLAINT else BOUNCES
        for cap, passed, number, of_usual in (
            (Cap.HOUR, self._everybody.hours[hour], settings.hour, usual.hour),
            (Cap.DAY, self._everybody.in_day(hour), settings.day, usual.day),
            (Cap.MONTH, self._everybody.in_month(today), settings.month, usual.month),
        ):
            if passed >= (limit := max(1, int(share * self._limit(number, of_usual)))):
                yield Over(cap, limit, of_usual)
        of_host = host.usual(today).hour
        if host.hours[hour] >= (limit := self._limit(settings.source, of_host)):
            yield Over(Cap.SOURCE, limit, of_host, source(event))

    def _limit(self, number: int, usual: int) -> int:
        return max(number, int(self._settings.factor * usual))


def exclusion(over: Over) -> Excluded:
    """Returns why a held event does not count."""
    return Excluded(ExclusionKind.IN_FLOOD, cap=over.cap, limit=over.limit, source=over.source)


def grounds(number: int, since: datetime, over: Over) -> Flood:
    return Flood(number, over.cap, over.limit, over.usual, since, over.source)
