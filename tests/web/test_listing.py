"""What all lists share: filters out of the address, paging by key, downloads that are whole or break."""

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from pydantic import SecretStr
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from bounce_watcher.config import Settings
from bounce_watcher.ledger.db.paging import Page, PagePosition
from bounce_watcher.ledger.db.query import Choice, Facets, FilterField
from bounce_watcher.ledger.sessions import Role
from bounce_watcher.model.neutral import from_csv, is_unsafe
from bounce_watcher.web.context import WebContext
from bounce_watcher.web.http.access import Viewer
from bounce_watcher.web.pages.shared import listing
from bounce_watcher.web.pages.shared.listing import Download, Filter
from bounce_watcher.web.request import Fields, PageRequest
from tests.families import for_each

NOW = datetime(2026, 3, 17, 14, 20, tzinfo=UTC)
OFFERED = (
    Filter(FilterField.TYPE, "Type", str.upper, ("hard", "soft")), Filter(FilterField.REASON, "Reason"),
    Filter(FilterField.STREAM, "Stream"),
)


def request(*query: tuple[str, str], path: str = "/events") -> PageRequest:
    nothing, context = cast(Any, None), WebContext(
        Settings(SecretStr("")), cast(Any, None), cast(Any, None), cast(Any, None)
    )
    return PageRequest(
        context, nothing, Viewer("jo", Role.OPERATOR, "user jo"), False, NOW, path, {}, Fields(list(query))
    )


def test_a_filter_named_twice_means_either_and_a_minus_leaves_out() -> None:
    asked = listing.filters(request(
        ("type", "hard"), ("type", "soft"), ("-reason", "mailbox_full"), ("stream", "none"), ("reason", "")
    ), OFFERED)
    assert asked.choices == {
        FilterField.TYPE: Choice(("hard", "soft")), FilterField.REASON: Choice((), ("mailbox_full",)),
        FilterField.STREAM: Choice(("",)),
    }
    assert (asked.unknown, asked.problem) == ((), None)


def test_each_chip_takes_its_own_value_out_and_begins_anew() -> None:
    asked = listing.filters(request(
        ("type", "hard"), ("type", "soft"), ("-stream", "a&b"), ("range", "7d"), ("after", "oxyz")
    ), OFFERED)
    assert [(chip.text, chip.without) for chip in asked.chips] == [
        ("type: HARD", "/events?type=soft&-stream=a%26b&range=7d"),
        ("type: SOFT", "/events?type=hard&-stream=a%26b&range=7d"),
        ("not stream: a&b", "/events?type=hard&type=soft&range=7d"),
        ("range: 7d", "/events?type=hard&type=soft&-stream=a%26b"),
    ]


def test_an_unknown_filter_is_named_and_changes_nothing() -> None:
    asked = listing.filters(request(("foo", "1"), ("-bar", "2"), ("q", "words"), ("reason", "x")), OFFERED, ("q",))
    assert asked.unknown == ("foo", "-bar")
    assert asked.choices == {FilterField.REASON: Choice(("x",))}
    assert listing.filters(request(("a\u202eb", "1")), OFFERED).unknown == ("a[U+202E]b",)


@pytest.mark.parametrize(("query", "since", "until"), [
    ((("range", "24h"),), NOW - timedelta(hours=24), None),
    ((("from", "2026-03-01"), ("to", "2026-03-02")), NOW.replace(day=1, hour=0, minute=0),
     NOW.replace(day=3, hour=0, minute=0)),
    ((("since", "2026-03-01T10:30"),), datetime(2026, 3, 1, 10, 30, tzinfo=UTC), None),
    ((("until", "2026-03-01T10:30+02:00"),), None, datetime(2026, 3, 1, 8, 30, tzinfo=UTC)),
    ((("until", "2026-03-01T10:30 02:00"),), None, datetime(2026, 3, 1, 8, 30, tzinfo=UTC)),
])
def test_ranges(query: tuple[tuple[str, str], ...], since: datetime | None, until: datetime | None) -> None:
    asked = listing.filters(request(*query), OFFERED)
    assert (asked.since, asked.until, asked.problem) == (since, until, None)


@for_each(("query", "told"), [
    ((("from", "2026-03-05"), ("to", "2026-03-01")), "from is after to"),
    ((("from", "yesterday"),), "yesterday is not a time; write 2026-03-17 or 2026-03-17T14:02 (UTC)"),
    ((("from", "0001-01-01T00:00+14:00"),), "0001-01-01T00:00+14:00 is not a time; write 2026-03-17 or "
                                             "2026-03-17T14:02 (UTC)"),
    ((("to", "9999-12-31"),), "9999-12-31 is not a time; write 2026-03-17 or 2026-03-17T14:02 (UTC)"),
    ((("range", "1y"),), "unknown range 1y; use one of 24h, 7d, 30d, 90d"),
    ((("type", "hrad"),), "unknown type hrad; use one of hard, soft"),
    ((("reason", "x" * 501),), "reason is longer than 500 characters"),
    (tuple(("reason", str(n)) for n in range(51)), "more than 50 values"),
])
def test_a_filter_that_makes_no_sense_is_told_and_nothing_is_downloaded(
    query: tuple[tuple[str, str], ...], told: str
) -> None:
    asked = listing.filters(request(*query), OFFERED)
    assert asked.problem == f"Invalid filter: {told}."
    with pytest.raises(HTTPException) as refused:
        listing.download(request(path="/events.csv"), asked, WORDS, ["row"])
    assert refused.value.status_code == 400


def test_facets_put_a_filter_in_or_take_it_out() -> None:
    counts = {FilterField.REASON: {"a": 3, "b": 5, "": 1}, FilterField.TYPE: {}}
    (facet,) = listing.facets(request(("reason", "b"), ("after", "o1")), OFFERED, Facets(9, False, counts))
    assert [(each.text, each.number, each.link, each.chosen) for each in facet.values] == [
        ("b", 5, "/events", True), ("a", 3, "/events?reason=b&reason=a", False),
        ("none", 1, "/events?reason=b&reason=none", False),
    ]
    (long,) = listing.facets(request(), OFFERED, Facets(9, False, {FilterField.REASON: {str(n): 1 for n in range(11)}}))
    assert (len(long.values), long.others) == (8, 3)
    assert listing.facets(request(), OFFERED, None) == []


@pytest.mark.parametrize(("found", "told"), [
    (Facets(0, False, {}), "0 events"), (Facets(1, False, {}), "1 event"), (Facets(1204, False, {}), "1,204 events"),
    (Facets(10_000, True, {}), "10,000 events or more"), (None, "Events"),
])
def test_counts_in_words(found: Facets | None, told: str) -> None:
    assert listing.counted(found, "event", "events") == told


def test_a_key_comes_back_out_of_its_link() -> None:
    key = (datetime(2026, 3, 1, 1, 2, 3, 456, tzinfo=UTC), "m/ü\ufffd", 7)
    links = listing.pager(
        request(("type", "hard"), ("after", "o1")), Page((), older=key, newer=key, looked_back_to=key)
    )
    assert links.older and links.newer and links.is_cut and links.stopped_at == key[0]
    assert not listing.pager(request(), Page((), older=key, newer=key)).is_cut
    for link, newer in ((links.older, False), (links.newer, True)):
        token = link.partition("after=")[2]
        assert link.startswith("/events?type=hard&after=")
        assert listing.place(request(("after", token)), (datetime, str, int)) == PagePosition(key, newer)
    assert listing.place(request(), (datetime, str, int)) == PagePosition()


@for_each("after", ["o", "x", "oWzFd", "oWyJhIiwiYiJd", "o" + "W" * 5000, "oé", "o.."])
def test_a_damaged_key_is_refused(after: str) -> None:
    with pytest.raises(HTTPException) as refused:
        listing.place(request(("after", after)), (datetime, str))
    assert refused.value.status_code == 400


WORDS: Download[str] = Download(
    "words", {"Word": lambda word: word, "Length": len, "At": lambda _: NOW},
    lambda word: {"id": word, "at": NOW},
)
HOSTILE = (
    "=cmd|' /C calc'!A0", "+1@example.org", "-1", "@SUM(1)", "\tx", "\rx", "\nx", "＝1", "plain, \"quoted\"\r\nlines",
    "<script>alert(1)</script>", "\u202e\x1b]52;c;x\x07", "Grüße", "\ud800",
)


async def _content(response: StreamingResponse) -> str:
    return "".join([str(piece) async for piece in response.body_iterator])


def _downloaded(path: str, rows: Any) -> tuple[StreamingResponse, str]:
    response = listing.download(request(path=path), listing.filters(request(), OFFERED), WORDS, rows)
    assert isinstance(response, StreamingResponse)
    return response, asyncio.run(_content(response))


def test_csv_starts_no_formula_and_reads_back() -> None:
    response, text = _downloaded("/events.csv", HOSTILE)
    assert response.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert response.headers["content-disposition"] == 'attachment; filename="words.csv"'
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    assert head == ["Word", "Length", "At"]
    assert [from_csv(word) for word, _, _ in rows] == list(HOSTILE)
    assert not [word for word, _, _ in rows if word.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))]
    assert not [each for each in text if each not in "\r\n" and is_unsafe(each)]
    assert text.startswith('"Word","Length","At"\r\n')
    assert text.splitlines()[1].endswith(f',{len(HOSTILE[0])},"2026-03-17T14:20:00Z"'), "a number of ours is a number"


def test_json_lines_are_unaltered() -> None:
    response, text = _downloaded("/events.jsonl", HOSTILE)
    assert response.headers["content-type"] == "application/jsonl"
    assert [json.loads(line)["id"] for line in text.splitlines()] == list(HOSTILE)
    assert text.isascii()


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_a_download_has_no_limit_of_rows_and_breaks_rather_than_ending_short(ending: str) -> None:
    _, text = _downloaded(f"/events{ending}", (str(n) for n in range(25_000)))
    assert len(text.splitlines()) == 25_000 + (ending == ".csv")

    def broken(after: int) -> Iterator[str]:
        yield from map(str, range(after))
        raise OSError

    with pytest.raises(OSError):
        _downloaded(f"/events{ending}", broken(1000))
    with pytest.raises(OSError):
        listing.download(request(path=f"/events{ending}"), listing.filters(request(), OFFERED), WORDS, broken(10))
