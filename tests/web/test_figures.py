"""What figures are shown by: ranges, charts, rates, and the words that pages are free of."""

import re
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
from starlette.exceptions import HTTPException

from bounce_watcher.ledger.lists.figures import Sent, Span
from bounce_watcher.web.pages.statistics import bounces
from bounce_watcher.web.view import charts, ranges, rates
from bounce_watcher.words import formatting
from tests.families import for_each

NOON = datetime(2026, 3, 17, 12, 20, tzinfo=UTC)
DAY = timedelta(days=1)
AVOIDED = (
    "hard bounce", "soft bounce", "blacklist", "whitelist", "invalid e-mail", "bad user", "killed", "purge", "morgue",
    "reactivate", "unsuppress", "quarantine", "oops", "sorry", "please", "successfully", "simply", "are you sure",
    "something went wrong", "n/a", "recently", "a while ago", "health score", "click here",
)
"""Words that say too little, or that people read wrong."""


def at(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


@for_each(("query", "span", "bins", "unit"), [
    ({}, Span(at(3, 11), at(3, 18)), 7, "day"),
    ({"range": "24h"}, Span(at(3, 16, 13), at(3, 17, 13)), 24, "hour"),
    ({"range": "30d"}, Span(at(2, 16), at(3, 18)), 30, "day"),
    ({"range": "90d"}, Span(datetime(2025, 12, 22, tzinfo=UTC), at(3, 23)), 13, "week"),
    ({"range": "nonsense"}, Span(at(3, 11), at(3, 18)), 7, "day"),
    ({"from": "2026-03-02", "to": "2026-03-03"}, Span(at(3, 2), at(3, 4)), 48, "hour"),
    ({"from": "2026-03-02", "to": "2026-03-05"}, Span(at(3, 2), at(3, 6)), 4, "day"),
    ({"from": "2026-03-02T10:30", "to": "2026-03-02T11:00:01Z"}, Span(at(3, 2, 10), at(3, 2, 12)), 2, "hour"),
    ({"from": "2026-01-01", "to": "2026-03-17"}, Span(datetime(2025, 12, 29, tzinfo=UTC), at(3, 23)), 12, "week"),
    ({"from": "2026-03-15"}, Span(at(3, 15), at(3, 18)), 3, "day"),
    ({"from": "2026-03-02T23:30+02:00", "to": "2026-03-03T03:00+02:00"}, Span(at(3, 2, 21), at(3, 3, 1)), 4, "hour"),
])
def test_a_range_is_whole_bins(query: dict[str, str], span: Span, bins: int, unit: str) -> None:
    found = ranges.read(query, NOON)
    assert (found.span, len(found.bins), found.unit.word) == (span, bins, unit)
    assert [each.since for each in found.bins[1:]] == [each.until for each in found.bins[:-1]]
    assert (found.bins[0].since, found.bins[-1].until) == (span.since, span.until)
    assert ranges.read(found.query, NOON).span == span


@for_each("query", [
    {"from": "yesterday"}, {"from": "2026-13-01"}, {"from": "2026-03-02", "to": "2026-03-01"},
    {"from": "0001-01-01", "to": "0001-01-02"}, {"from": "2020-01-01"}, {"to": "9999-12-31T23:00:00-12:00"},
])
def test_a_range_that_makes_no_sense(query: dict[str, str]) -> None:
    with pytest.raises(HTTPException) as refused:
        ranges.read(query, NOON)
    assert refused.value.status_code == 422


@pytest.mark.parametrize(("query", "since", "until"), [
    ({"range": "24h"}, at(3, 9, 13), NOON - 7 * DAY),
    ({"range": "7d"}, at(3, 4), NOON - 7 * DAY),
    ({"range": "30d"}, datetime(2026, 1, 17, tzinfo=UTC), NOON - 30 * DAY),
    ({"from": "2026-03-02", "to": "2026-03-05"}, at(2, 23), at(2, 27)),
])
def test_what_is_so_far_is_compared_to_the_same_minute(query: dict[str, str], since: datetime, until: datetime) -> None:
    assert ranges.read(query, NOON).before == Span(since, until)


@for_each(("query", "words"), [
    ({"range": "90d"}, "the last 13 weeks"), ({"range": "24h"}, "the last 24 hours"),
    ({"from": "2026-03-01", "to": "2026-03-17"}, "1 to 17 March 2026"),
    ({"from": "2026-02-25", "to": "2026-03-01"}, "25 February to 1 March 2026"),
    ({"from": "2025-12-30", "to": "2026-01-02"}, "30 December 2025 to 2 January 2026"),
    ({"from": "2026-03-17T10:00", "to": "2026-03-17T12:00"}, "17 March 2026, 10:00 to 17 March 2026, 12:00"),
])
def test_a_range_in_words(query: dict[str, str], words: str) -> None:
    assert ranges.read(query, NOON).words == words


@for_each("query", [
    {"range": name} for name in ranges.NAMES
] + [{"from": "2026-03-16", "to": "2026-03-17"}, {"from": "2026-02-01"}, {"from": "2025-01-01"}])
def test_labels_are_one_a_bin_and_few_enough_to_be_read(query: dict[str, str]) -> None:
    over = ranges.read(query, NOON)
    told = bounces.labels(over)
    assert len(told) == len(over.bins)
    assert 2 <= sum(bool(lines) for lines, _ in told) <= 15
    assert sum(bool(lines) and not sparse for lines, sparse in told) <= 8
    (so_far,) = [lines for lines, _ in told if "so far" in lines]
    assert so_far[-1] == "so far"


# ── charts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

@for_each(("largest", "top"), [
    (0, 4), (4, 4), (5, 8), (9, 20), (21, 40), (41, 80), (81, 200), (616, 800), (801, 2000), (10**9, 2 * 10**9),
])
def test_the_axis_ends_at_a_round_number(largest: int, top: int) -> None:
    assert charts.nice_top(largest) == top
    assert [tick * 4 for tick in charts.ticks(top)] == [top * n for n in (4, 3, 2, 1, 0)]


def test_bars_are_as_high_as_their_numbers() -> None:
    bars = [charts.Bar((charts.BarSegment("address", 3), charts.BarSegment("sender", 1)), "/a?b=1&c=2", "Monday", 2),
            charts.Bar((charts.BarSegment("address", 0),), "/b", "<Tuesday>")]
    svg = str(charts.stacked_bars(bars))
    heights = re.findall(r'class="seg (\w+)[^"]*" x="20" y="([\d.]+)" width="60" height="([\d.]+)"', svg)
    assert heights == [("address", "50.00", "150.00"), ("sender", "0.00", "50.00")]
    assert re.findall(r'class="prev" x1="(\d+)" x2="(\d+)" y1="([\d.]+)"', svg) == [("12", "88", "100.00")]
    assert "&lt;Tuesday&gt;" in svg
    assert 'href="/a?b=1&amp;c=2"' in svg


def test_what_is_very_small_has_no_gap_around_it() -> None:
    bar = charts.Bar((charts.BarSegment("address", 1), charts.BarSegment("sender", 199)), "/", "")
    assert 'class="seg address thin"' in charts.stacked_bars([bar])


def test_small_charts() -> None:
    assert charts.sparkline([0, 2, 1]).count("<rect") == 2
    assert charts.sparkline([]).count("<rect") == 0
    assert 'width="25"' in charts.share_bar("address", 1, 4)
    assert 'width="0"' in charts.share_bar("address", 0, 0)
    assert 'points="0,200 100,150.00 200,0.00"' in charts.grown([1, 4], 4)


# ── rates ───────────────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize(("part", "whole", "meant"), [
    (8, 400, "2.0\u202f% (8 of 400, likely 1.0–3.9\u202f%)"), (1829, 247_300, "0.74\u202f% (1,829 of 247,300)"),
    (3, 17, "3 of 17"), (0, 5000, "0 of 5,000"),
])
def test_a_rate_never_stands_without_its_numbers(part: int, whole: int, meant: str) -> None:
    assert rates.rate(part, whole) == meant


@pytest.mark.parametrize(("part", "whole", "meant"), [
    (201, 202, "over 99\u202f%"), (202, 202, "100\u202f%"), (994, 1000, "99\u202f%"),
])
def test_nearly_all_is_not_all(part: int, whole: int, meant: str) -> None:
    assert formatting.share(part, whole) == meant


@for_each(("part", "whole", "limit", "meant"), [
    (49, 1000, rates.BOUNCES, "Under 5\u202f%"), (50, 1000, rates.BOUNCES, "5\u202f% or more"),
    (100, 1000, rates.BOUNCES, "10\u202f% or more"), (9, 10_000, rates.COMPLAINTS, "Under 0.1\u202f%"),
    (10, 10_000, rates.COMPLAINTS, "0.1\u202f% or more"), (30, 10_000, rates.COMPLAINTS, "0.3\u202f% or more"),
    (500, 999, rates.BOUNCES, "Too few"),
])
def test_rates_are_held_against_limits(part: int, whole: int, limit: rates.RateThreshold, meant: str) -> None:
    assert rates.judged(part, whole, limit).word == meant


def test_there_is_no_rate_over_streams_of_which_nothing_is_known() -> None:
    known, late = Sent(100, True), Sent(100, False)
    assert rates.sent_in_all({"a": known, "b": known}, frozenset({"a"})) == 200
    assert rates.sent_in_all({"a": known}, frozenset({"a", "b"})) is None
    assert rates.sent_in_all({"a": known, "b": late}, frozenset({"a"})) is None
    assert rates.sent_in_all({"a": known, "b": late}, frozenset(), "a") == 100
    assert rates.sent_in_all({"a": known}, frozenset(), "b") is None
    assert rates.sent_in_all({}, frozenset()) is None


# ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────────

def _templates() -> list[tuple[str, str]]:
    folder = files("bounce_watcher.web").joinpath("templates")
    return [(each.name, each.read_text("utf-8")) for each in folder.iterdir()]


@for_each(("name", "text"), [pytest.param(*each, id=each[0]) for each in _templates()])
def test_no_template_uses_words_to_avoid(name: str, text: str) -> None:
    seen = re.sub(r"\{[%#].*?[%#]\}|\{\{.*?\}\}|<[^>]*>", " ", text, flags=re.DOTALL).lower()
    assert [word for word in AVOIDED if re.search(rf"\b{re.escape(word)}\b", seen)] == []
    assert "!" not in seen.replace("<!doctype", ""), name


@for_each("text", [pytest.param(each[1], id=each[0]) for each in _templates()])
def test_no_template_trusts_what_it_is_given(text: str) -> None:
    assert "|safe" not in text.replace(" ", "")
    assert re.findall(r"\sstyle=|\son\w+=|javascript:|<script(?! src)", text) == []
