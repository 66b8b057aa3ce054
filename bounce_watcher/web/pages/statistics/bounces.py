"""Bounces over a range as pages show them: by bin and type, by reason, by provider, beside what there was before."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from bounce_watcher.ledger.lists.figures import Figures, Of, Span
from bounce_watcher.ledger.lists.filters import GroupBy
from bounce_watcher.ledger.recording.report_counts import DAY
from bounce_watcher.model.ledger import Alert, AlertKind, EventType
from bounce_watcher.web.view import charts, links
from bounce_watcher.web.view.ranges import Range, Unit
from bounce_watcher.words import formatting
from bounce_watcher.words.formatting import COLOURS, TYPES, counted, is_unusual, number
from bounce_watcher.words.incidents import guard_words

_NAMELESS = frozenset({EventType.COMPLAINT, EventType.UNDETERMINED})
"""Types whose reasons tell nothing more."""
_EXPLAINS = 0.6
"""What share of a change one type, and one provider in it, must have to be named as its cause."""
_FEWEST_TO_JUDGE = 30
_SPARK_DAYS = 7
_LABELLED_DAYS, _LABELLED_WEEKS, _LABELLED_HOURS, _HOURS_OF_A_DAY = 10, 13, 3, 24
MOST_GUARD = 5
"""Times in which the guard was on that are named below a chart: the last ones."""

IN_SENTENCES: Mapping[EventType, str] = {
    EventType.HARD: "about the address", EventType.COMPLAINT: "complaints", EventType.SOFT: "temporary",
    EventType.BLOCK: "about the sender", EventType.UNDETERMINED: "not recognised",
}
_WITHOUT_REASON = {EventType.COMPLAINT: "Complaint", EventType.HARD: "About the address, reason unknown",
                   EventType.SOFT: "Temporary, reason unknown", EventType.BLOCK: "About the sender, reason unknown"}


@dataclass(frozen=True, slots=True)
class ReasonOfType:
    """A reason of a type: "" where the type tells all."""

    type: EventType
    reason: str

    @property
    def name(self) -> str:
        return formatting.reason(self.reason) if self.reason else _WITHOUT_REASON.get(self.type, TYPES[self.type])

    @property
    def colour(self) -> str:
        return COLOURS[self.type]

    def within(self, of: Of) -> Of:
        return replace(of, type=self.type.value, reason=None if self.type in _NAMELESS else self.reason)


def _why(type_: str, reason: str) -> ReasonOfType:
    kind = EventType(type_)
    return ReasonOfType(kind, "" if kind in _NAMELESS else reason)


class Bounces:
    """Of one range, narrowed by `of`. Asks the ledger for each thing once, when it is asked for it."""

    def __init__(self, figures: Figures, over: Range, of: Of, *, compares: bool = True) -> None:
        self.figures, self.range, self.of, self._compares = figures, over, of, compares

    @cached_property
    def by_slot(self) -> Mapping[datetime, Counter[ReasonOfType]]:
        return self._reasons(self.range.span, self.range.unit.slot)

    def _reasons(self, span: Span, step: timedelta) -> Mapping[datetime, Counter[ReasonOfType]]:
        found: dict[datetime, Counter[ReasonOfType]] = {}
        for (at, parts), many in self.figures.slots(span, step, self.of, GroupBy.TYPE, GroupBy.REASON).items():
            found.setdefault(at, Counter())[_why(*parts)] += many
        return found

    @cached_property
    def by_why(self) -> Counter[ReasonOfType]:
        return sum(self.by_slot.values(), Counter())

    @cached_property
    def by_type(self) -> Counter[EventType]:
        return by_type(self.by_why)

    @cached_property
    def total(self) -> int:
        return self.by_why.total()

    @cached_property
    def first_day(self) -> datetime | None:
        return self.figures.first_day()

    def knows(self, span: Span) -> bool:
        """Whether there was data by its beginning."""
        return self.first_day is not None and self.first_day <= span.since

    @cached_property
    def before(self) -> Counter[ReasonOfType] | None:
        """Of what the range is compared with; None where nothing is known of it."""
        if not self._compares or not self.knows(self.range.before):
            return None
        found: Counter[ReasonOfType] = Counter()
        for parts, many in self.figures.totals(self.range.before, self.of, GroupBy.TYPE, GroupBy.REASON).items():
            found[_why(*parts)] += many
        return found

    @property
    def total_before(self) -> int | None:
        return None if self.before is None else self.before.total()

    @cached_property
    def bins(self) -> list[tuple[Span, Counter[ReasonOfType]]]:
        step = self.range.unit.slot
        return [(each, sum((self.by_slot.get(at, Counter()) for at in _starts(each, step)), Counter()))
                for each in self.range.bins]

    @cached_property
    def marks(self) -> list[int | None]:
        """How many there were in the same bin of the week before, of one in progress until the same minute."""
        back, step = self.range.marks, self.range.unit.slot
        if back is None:
            return [None] * len(self.range.bins)
        before = self.figures.slots(self.range.span.back(back), step, self.of)

        def mark(each: Span) -> int | None:
            if not self.knows(each.back(back)):
                return None
            if each.since <= self.range.now < each.until:
                return self.figures.totals(Span(each.since, self.range.now).back(back), self.of)[()]
            return sum(before.get((at - back, ()), 0) for at in _starts(each, step))

        return list(map(mark, self.range.bins))

    @cached_property
    def trends(self) -> Mapping[ReasonOfType, list[int]]:
        """Of each reason, for its sparkline."""
        if self.range.unit is Unit.HOUR:
            days = self._reasons(last_days(self.range), DAY)
            bins = [days.get(at, Counter[ReasonOfType]()) for at in _starts(last_days(self.range), DAY)]
        else:
            bins = [counts for _, counts in self.bins]
        return {why: [counts[why] for counts in bins] for why in self.by_why}


def by_type(counts: Mapping[ReasonOfType, int]) -> Counter[EventType]:
    found: Counter[EventType] = Counter()
    for why, many in counts.items():
        found[why.type] += many
    return found


def trend_words(over: Range) -> str:
    if over.unit is Unit.HOUR:
        return f"{_SPARK_DAYS} days"
    return counted(len(over.bins), over.unit.word)


def last_days(over: Range) -> Span:
    """The days whose trend stands beside hours."""
    behind = over.span.until.replace(hour=0)
    behind = behind if behind == over.span.until else behind + DAY
    return Span(behind - _SPARK_DAYS * DAY, behind)


def _starts(each: Span, step: timedelta) -> list[datetime]:
    return [each.since + n * step for n in range((each.until - each.since) // step)]


# ── the chart ───────────────────────────────────────────────────────────────────────────────────────────────────────

def chart(bounces: Bounces, sentence: str, outages: Sequence[Alert] = ()) -> dict[str, Any]:
    """Returns the values of the macro `chart`. `outages` are the times in which the guard was on: shaded, and named.

    `lines` are the bins as rows of the table, with a number for each type in stacking order.
    """
    over, now = bounces.range, bounces.range.now
    spans = [_span(each, now) for each in outages]
    bars, lines = [], []
    for (each, counts), mark in zip(bounces.bins, bounces.marks, strict=True):
        numbers = {kind: by_type(counts)[kind] for kind in TYPES}
        link, name, total = links.events(each, bounces.of), _name_of(each, over), sum(numbers.values())
        guarded = any(begin < each.until and end > each.since for begin, end in spans)
        lines.append({"name": name, "link": link, "numbers": list(numbers.values()), "total": total, "mark": mark,
                      "guard": guarded})
        parts = ", ".join(f"{IN_SENTENCES[kind]} {number(many)}" for kind, many in numbers.items())
        week_before = "" if mark is None else f". Week before: {number(mark)}"
        bars.append(charts.Bar(
            tuple(charts.BarSegment(COLOURS[kind], many) for kind, many in numbers.items()), link,
            f"{name}: {number(total)} ({parts}){week_before}", mark,
        ))
    return {
        "title": f"Bounces per {over.unit.word}, by type", "sentence": sentence, "total": bounces.total,
        "svg": charts.stacked_bars(bars, [shade(each, over.bins, now) for each in outages]),
        "ticks": charts.ticks(charts.top_of(bars)), "labels": labels(over), "lines": lines,
        "legend": [
            {"colour": COLOURS[kind], "name": name, "number": bounces.by_type[kind],
             "link": links.events(over.span, replace(bounces.of, type=kind.value))}
            for kind, name in TYPES.items()
        ],
        "mark_words": None if all(mark is None for mark in bounces.marks)
        else "same hour, week before" if over.unit is Unit.HOUR else "same weekday, week before",
        "caption": f"Bounces per {over.unit.word} by type, {over.words}, UTC",
        "link": links.events(over.span, bounces.of),
        "guard": [(guard_words(each, now), f"/incidents/{each.id}") for each in outages[-MOST_GUARD:]],
        "more_guard": max(0, len(outages) - MOST_GUARD),
    }


def shade(outage: Alert, bins: Sequence[Span], now: datetime) -> charts.Shade:
    """The time of an outage as far as the bars show it."""
    begin, end = _span(outage, now)
    return charts.Shade(_place(begin, bins), _place(end, bins), guard_words(outage, now))


def _span(outage: Alert, now: datetime) -> tuple[datetime, datetime]:
    """When an outage began and ended; one under way has come as far as now."""
    end = outage.ends_at if outage.cleared and outage.ends_at else now
    return outage.since, max(outage.since, end)


def _place(at: datetime, bins: Sequence[Span]) -> float:
    """Where a moment lies, in places of bars."""
    for n, each in enumerate(bins):
        if at < each.until:
            return n + max(0.0, (at - each.since) / (each.until - each.since))
    return float(len(bins))


def _name_of(each: Span, over: Range) -> str:
    at = each.since
    told = {Unit.HOUR: f"{at:%a} {at.day} {at:%b}, {at:%H:%M}", Unit.DAY: f"{at:%a} {at.day} {at:%b}",
            Unit.WEEK: f"Week of {at.day} {at:%b %Y}"}[over.unit]
    return f"{told} (so far)" if each.since <= over.now < each.until else told


def labels(over: Range) -> list[tuple[tuple[str, ...], bool]]:
    """Of each bin: what stands below it, and whether that gives way on a phone."""
    bins = over.bins
    told = [_label(n, each, over, len(bins)) for n, each in enumerate(bins)]
    here = next((n for n, each in enumerate(bins) if each.since <= over.now < each.until), None)
    if here is None:
        return told
    near = {Unit.HOUR: 2, Unit.DAY: 3 if len(bins) > _LABELLED_DAYS else 0, Unit.WEEK: 0}[over.unit]
    so_far = ((*(told[here][0] or _short(bins[here], over.unit)), "so far"), False)
    return [so_far if n == here else ((), False) if abs(n - here) <= near else each for n, each in enumerate(told)]


def _label(n: int, each: Span, over: Range, count: int) -> tuple[tuple[str, ...], bool]:
    short = _short(each, over.unit)
    if over.unit is Unit.HOUR:
        step = _LABELLED_HOURS if count <= _HOURS_OF_A_DAY else 2 * _LABELLED_HOURS
        return (short, each.since.hour % (2 * step) > 0) if each.since.hour % step == 0 else ((), False)
    if over.unit is Unit.DAY and count > _LABELLED_DAYS:
        monday = each.since.weekday() == 0
        return (short, (n // 7) % 2 > 0) if monday else ((), False)
    if over.unit is Unit.WEEK:
        step = -(-count // _LABELLED_WEEKS)
        return (short, (n // step) % 3 > 0) if n % step == 0 else ((), False)
    return short, False


def _short(each: Span, unit: Unit) -> tuple[str, ...]:
    at = each.since
    if unit is Unit.HOUR:
        return (f"{at:%H:%M}",)
    return (f"{at:%a}", f"{at.day}") if unit is Unit.DAY else (f"{at.day}", f"{at:%b}")


# ── in a sentence ───────────────────────────────────────────────────────────────────────────────────────────────────

def summary(bounces: Bounces) -> str:
    """Total and change; what explains most of a change that is more than chance; and what "so far" is held against."""
    total, before, over = bounces.total, bounces.before, bounces.range
    parts = [f"{counted(total, 'bounce')}."]
    if before is not None:
        change, told = formatting.change(total, before.total()), number(before.total())
        parts = [f"{counted(total, 'bounce')}, {told} in {over.before_words}." if change in {"–", "new"}
                 else f"{counted(total, 'bounce')}, {change} on {over.before_words}."]
        if is_unusual(total, before.total()):
            parts += _cause(bounces, before)
    first = bounces.first_day
    if first is not None and first > over.span.since:
        parts.append(f"First bounce on {first.day} {first:%B %Y}.")
    if over.runs and over.marks is not None and any(mark is not None for mark in bounces.marks):
        now = over.now
        parts.append(
            f"The last hour, to {now:%H:%M}, is compared with {now:%H}:00 to {now:%H:%M} a week before."
            if over.unit is Unit.HOUR else f"Today, to {now:%H:%M}, is compared with last {now:%A} to {now:%H:%M}."
        )
    return " ".join(parts)


def _cause(bounces: Bounces, before: Counter[ReasonOfType]) -> list[str]:
    rise = bounces.total - before.total()
    then = by_type(before)
    kind = max(TYPES, key=lambda each: (bounces.by_type[each] - then[each]) * (1 if rise > 0 else -1))
    change = bounces.by_type[kind] - then[kind]
    if change * rise <= 0 or abs(change) < _EXPLAINS * abs(rise):
        return []
    word, both = "rise" if rise > 0 else "fall", f"({number(then[kind])} → {number(bounces.by_type[kind])})"
    told = f"Of the {word}, {number(min(abs(change), abs(rise)))} are {IN_SENTENCES[kind]} {both}"
    if abs(change) > abs(rise):
        told = f"Those {IN_SENTENCES[kind]} explain the {word} {both}"
    where = "" if bounces.of.providers else _one_place(bounces, kind, change)
    return [f"{told}{where}."]


def _one_place(bounces: Bounces, kind: EventType, change: int) -> str:
    """Returns the provider that has most of the change, "" if none has."""
    of = replace(bounces.of, type=kind.value)
    now = bounces.figures.totals(bounces.range.elapsed, of, GroupBy.PROVIDER)
    then = bounces.figures.totals(bounces.range.before, of, GroupBy.PROVIDER)
    sign = 1 if change > 0 else -1
    place, most = max(((each, (now[each] - then[each]) * sign) for each in now | then), key=lambda pair: pair[1])
    if most < _EXPLAINS * abs(change):
        return ""
    many = "all" if most >= abs(change) else number(most)
    return f", {many} of them at {formatting.provider(place[0])}"


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────────────

def reason_rows(bounces: Bounces, limit: int | None = None) -> list[dict[str, object]]:
    """Returns the rows of the macro `reasons`, the most frequent first."""
    before, total = bounces.before, bounces.total
    return [
        {"name": why.name, "colour": why.colour, "number": many, "share": formatting.share(many, total),
         "bar": charts.share_bar(why.colour, many, total), "trend": charts.sparkline(bounces.trends[why]),
         "change": formatting.difference(many, None if before is None else before[why]),
         "link": links.events(bounces.range.span, why.within(bounces.of))}
        for why, many in bounces.by_why.most_common(limit)
    ]


Row = dict[str, Any]
"""A line of a table: a provider, a stream, a campaign. Downloads use it, too."""


def provider_rows(figures: Figures, over: Range, of: Of, names: Sequence[str], alerts: Sequence[Alert]) -> list[Row]:
    """Of the providers named, in their order. `excess` is how unusual the number is; 0 while it is usual."""
    if not names:
        return []
    of = replace(of, providers=tuple(names))
    now = figures.totals(over.span, of, GroupBy.PROVIDER, GroupBy.TYPE)
    before = before_of(figures, over, of, GroupBy.PROVIDER)
    trends = trends_of(figures, over, of, GroupBy.PROVIDER)
    troubled = states(alerts)
    rows = []
    for name in names:
        kinds = {kind: now[name, kind.value] for kind in TYPES}
        mine = replace(of, providers=(name,))
        then = None if before is None else before[(name,)]
        total = sum(kinds.values())
        excess = 0.0
        if then is not None and is_unusual(total, then):
            excess = abs(total - then) / (total + then) ** 0.5
        rows.append({
            "key": name, "name": formatting.provider(name), "about": formatting.PROVIDERS.get(name, ("", ""))[1],
            "number": total, "by_type": kinds, "events": event_links(over.span, mine), "before": then,
            "change": formatting.difference(total, then), "excess": excess,
            "trend": charts.sparkline(trends.get(name, [])), "state": troubled.get(name) or usualness(total, then),
            "link": links.provider(name, over.query),
        })
    return rows


def before_of(figures: Figures, over: Range, of: Of, part: GroupBy) -> Counter[tuple[str, ...]] | None:
    """Returns how many there were of each value of a part in the compared range; None if that is not known."""
    first = figures.first_day()
    return figures.totals(over.before, of, part) if first is not None and first <= over.before.since else None


def type_columns() -> dict[str, Callable[[Row], object]]:
    """Returns the columns of a download that count each type."""
    def value(kind: EventType) -> Callable[[Row], object]:
        return lambda row: row["by_type"][kind]

    return {title: value(kind) for kind, title in formatting.CSV_TYPES.items()}


def event_links(span: Span, of: Of) -> dict[EventType | None, str]:
    """To all bounces under None, and to those of each type."""
    return {None: links.events(span, of),
            **{kind: links.events(span, replace(of, type=kind.value)) for kind in TYPES}}


def trends_of(figures: Figures, over: Range, of: Of, part: GroupBy) -> dict[str, list[int]]:
    """Of each value of a part, for its sparkline."""
    hours = over.unit is Unit.HOUR
    span = last_days(over) if hours else over.span
    bins = [Span(at, at + DAY) for at in _starts(span, DAY)] if hours else over.bins
    place = {at: n for n, each in enumerate(bins) for at in _starts(each, DAY)}
    found: dict[str, list[int]] = {}
    for (at, (name,)), many in figures.slots(span, DAY, of, part).items():
        found.setdefault(name, [0] * len(bins))[place[at]] += many
    return found


def states(alerts: Iterable[Alert]) -> dict[str, tuple[str, str]]:
    """Of providers with an alert under way: badge, word and class."""
    found: dict[str, tuple[str, str]] = {}
    for alert in alerts:
        name = alert.subject.provider
        if name is not None and not alert.cleared and (name not in found or alert.kind is AlertKind.OUTAGE):
            found[name] = ("Guard on", "is-hold") if alert.kind is AlertKind.OUTAGE else ("Blocked", "is-bad")
    return found


def usualness(now: int, before: int | None) -> tuple[str, str]:
    if before is None:
        return ("Unknown", "")
    if now + before < _FEWEST_TO_JUDGE:
        return ("Too few", "")
    return ("Unusual", "is-warn") if is_unusual(now, before) else ("Usual", "is-ok")
