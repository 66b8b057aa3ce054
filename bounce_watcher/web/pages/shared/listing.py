"""Parts that all lists share: filters in the address, chips that remove one, facets, paging by key, whole downloads.

Values of a repeated filter are alternatives; `-name=value` excludes. Unknown parameters are reported to the reader.
"""

import csv
import io
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain, islice
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bounce_watcher.ledger.db.paging import ROWS, Key, Page, PagePosition, TookTooLong
from bounce_watcher.ledger.db.query import Choice, Facets, FilterField, Query
from bounce_watcher.ledger.naming.pseudonym import hidden
from bounce_watcher.model.neutral import for_csv, for_json
from bounce_watcher.web.request import Handler, PageRequest, get
from bounce_watcher.words.formatting import harmless, iso, number

T = TypeVar("T")
Counts = TypeVar("Counts")

LONGEST_VALUE = 500
MOST_VALUES = 50
MOST_FACETS = 8
"""Values of one facet."""
NONE = "none"
"""Represents a missing value in an address, because an empty field of a form means no filter."""
RANGES: Mapping[str, timedelta] = {
    "24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30), "90d": timedelta(days=90),
}
_FROM, _TO = ("from", "since"), ("to", "until")
_ALWAYS = frozenset({"range", "after", *_FROM, *_TO})
_ROWS_AT_ONCE = 25
"""Rows of a download that are converted to text together."""


# ── filters ─────────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Filter:
    """One parameter of a list. `told` writes a value for a person; `known` are all possible values, None for any."""

    by: FilterField
    title: str
    told: Callable[[str], str] = harmless
    known: tuple[str, ...] | None = None


def one_of(by: FilterField, title: str, words: Mapping[str, str]) -> Filter:
    """Returns the filter for a closed set of values, given with their words."""
    return Filter(by, title, lambda value: words.get(value, harmless(value, 60)), tuple(words))


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force, and the address of the page without it."""

    text: str
    without: str


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters in an address. `problem` is set if they make no sense: then nothing is shown."""

    choices: Mapping[FilterField, Choice] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    chips: tuple[Chip, ...] = ()
    unknown: tuple[str, ...] = ()
    problem: str | None = None
    clear: str = ""

    @property
    def query(self) -> Query:
        return Query(self.choices, self.since, self.until)

    def first(self, by: FilterField) -> str:
        """Returns the value that a form's field shows."""
        return next(iter(self.choices.get(by, Choice()).any_of), "")


def filters(request: PageRequest, offered: Sequence[Filter], others: Sequence[str] = ()) -> Filters:
    """Reads the filters from the address. `others` are known parameters of the page that are no such filters."""
    by_name = {each.by.value: each for each in offered}
    items = [(name, value) for name, value in request.query.multi_items() if value]
    unknown = dict.fromkeys(
        harmless(name, 60) for name, _ in items
        if name.removeprefix("-") not in by_name and name not in _ALWAYS and name not in others
    )
    chosen = [
        (by_name[name.removeprefix("-")], name.startswith("-"), value)
        for name, value in items if name.removeprefix("-") in by_name
    ]
    try:
        since, until = _times(request)
        _demand_sense(chosen)
        problem = None
    except ValueError as error:
        since = until = None
        problem = f"Invalid filter: {error}."
    return Filters(_choices(chosen), since, until, tuple(_chips(request, chosen)), tuple(unknown), problem,
                   request.url_path)


def _demand_sense(chosen: Sequence[tuple[Filter, bool, str]]) -> None:
    if len(chosen) > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES} values")
    for each, _, value in chosen:
        if len(value) > LONGEST_VALUE:
            raise ValueError(f"{each.title.lower()} is longer than {LONGEST_VALUE} characters")
        if each.known is not None and value not in {*each.known, NONE}:
            raise ValueError(f"unknown {each.title.lower()} {harmless(value, 60)}; use one of {', '.join(each.known)}")


def _choices(chosen: Sequence[tuple[Filter, bool, str]]) -> Mapping[FilterField, Choice]:
    found: dict[FilterField, Choice] = {}
    for each, is_out, told in chosen:
        before, value = found.get(each.by, Choice()), "" if told == NONE else told
        found[each.by] = (
            Choice(before.any_of, (*before.none_of, value)) if is_out
            else Choice((*before.any_of, value), before.none_of)
        )
    return found


def _chips(request: PageRequest, chosen: Sequence[tuple[Filter, bool, str]]) -> Iterator[Chip]:
    for each, is_out, value in chosen:
        name = f"-{each.by.value}" if is_out else each.by.value
        told = value if value == NONE else each.told(value)
        yield Chip(f"{'not ' if is_out else ''}{each.title.lower()}: {told}", without(request, name, value))
    for title, names in (("range", ("range",)), ("from", _FROM), ("to", _TO)):
        for name in names:
            if at := request.query.get(name):
                yield Chip(f"{title}: {harmless(at, 40)}", without(request, name, at))


def without(request: PageRequest, name: str, value: str) -> str:
    """Returns the address of this page without one value of a parameter, at its beginning."""
    return address(request.url_path, [item for item in kept(request) if item != (name, value)])


def kept(request: PageRequest, *others: str) -> list[tuple[str, str]]:
    """Returns the parameters of a page's address, except its position and `others`."""
    return [(name, value) for name, value in request.query.multi_items() if value and name not in {"after", *others}]


def address(path: str, parameters: Sequence[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(parameters)}" if parameters else path


def here(request: PageRequest) -> str:
    """Returns the address of this page, unchanged."""
    return address(request.url_path, request.query.multi_items())


def _times(request: PageRequest) -> tuple[datetime | None, datetime | None]:
    """Returns the requested range. Raises ValueError, with a text for the reader."""
    name = request.query.get("range")
    if name and name not in RANGES:
        raise ValueError(f"unknown range {harmless(name, 60)}; use one of {', '.join(RANGES)}")
    since = _time(request, _FROM) or (request.now - RANGES[name] if name else None)
    until = _time(request, _TO, is_end=True)
    if since and until and since >= until:
        raise ValueError("from is after to")
    return since, until


def times_of(request: PageRequest, asked: Filters) -> tuple[str, str]:
    """Returns the values of the form's time fields (UTC); the first is "" if the address names a range's length."""
    since = None if request.query.get("range") else asked.since
    first, second = (f"{at:%Y-%m-%dT%H:%M}" if at else "" for at in (since, asked.until))
    return first, second


def _time(request: PageRequest, names: Sequence[str], *, is_end: bool = False) -> datetime | None:
    """Reads a date or a time, in UTC if it has no zone. A date that ends a range is part of it. Raises ValueError."""
    text = next((value for name in names if (value := request.query.get(name))), None)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))  # an unquoted + of a zone arrives as a space
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        return at + timedelta(days=1) if is_end and len(text) <= len("2026-03-17") else at
    except (ValueError, OverflowError):
        raise ValueError(
            f"{harmless(text, 60)} is not a time; write 2026-03-17 or 2026-03-17T14:02 (UTC)"
        ) from None


# ── facets ──────────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value of a facet. `link` adds the filter, or removes it if it is `chosen`."""

    text: str
    number: int
    link: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Facet:
    title: str
    values: tuple[FacetValue, ...]
    others: int = 0


def facets(request: PageRequest, offered: Sequence[Filter], found: Facets | None) -> list[Facet]:
    """Returns the values that narrow a list down, with counts, most frequent first."""
    if found is None:
        return []
    by_kind = {each.by: each for each in offered}
    return [_facet(request, by_kind[by], counts) for by, counts in found.counts.items() if by in by_kind and counts]


def _facet(request: PageRequest, each: Filter, counts: Mapping[str, int]) -> Facet:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    chosen, name = request.query.getlist(each.by.value), each.by.value
    values = []
    for value, count in ordered[:MOST_FACETS]:
        is_chosen = (value or NONE) in chosen
        link = (
            without(request, name, value or NONE) if is_chosen
            else address(request.url_path, [*kept(request), (name, value or NONE)])
        )
        values.append(FacetValue(each.told(value) if value else NONE, count, link, is_chosen))
    return Facet(each.title, tuple(values), max(0, len(ordered) - MOST_FACETS))


def counted(found: Facets | None, one: str, many: str) -> str:
    """Returns "1,204 events" or "10,000 events or more"; without a number if counting took too long."""
    if found is None:
        return many.capitalize()
    if found.more:
        return f"{number(found.total)} {many} or more"
    return f"{number(found.total)} {one if found.total == 1 else many}"


def narrowing(
    request: PageRequest, asked: Filters, offered: Sequence[Filter], found: Facets | None, one: str, many: str
) -> dict[str, Any]:
    """Returns the heading of a list and the values that narrow it down, for its template."""
    return {
        "heading": counted(found, one, many), "facets": facets(request, offered, found),
        "uncounted": found is None and not asked.problem, "counted": found.total if found and found.more else None,
    }


# ── pages ───────────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Pager:
    """Addresses of the previous and the next page.

    `is_cut` is set if the search took too long. `stopped_at` is how far back it went, in a list ordered by time.
    """

    newer: str | None
    older: str | None
    is_cut: bool = False
    stopped_at: datetime | None = None


def listed(
    request: PageRequest, asked: Filters, read: Callable[[], Page[T]], count: Callable[[], Counts | None] = lambda: None
) -> tuple[Page[T], Counts | None, dict[str, Any]]:
    """Returns a page of a list, what `count` counts beside it, and what templates of all lists show.

    The page is empty if the filter makes no sense. The count is None if the search took too long.
    """
    page: Page[T] = Page(())
    found, is_late = None, False
    if not asked.problem:
        try:
            page = read()
            found = None if page.looked_back_to else count()
        except TookTooLong:
            is_late = True
    return page, found, {
        "asked": asked, "pager": pager(request, page), "late": is_late, "exports": exports(request), "by": FilterField,
        "times": times_of(request, asked), "range": request.query.get("range", ""),
    }


def place(request: PageRequest, kinds: Sequence[type], rows: int = ROWS) -> PagePosition:
    """Returns the position from the address. `kinds` are the types of a key's parts. Raises HTTPException 400."""
    text = request.query.get("after")
    if not text:
        return PagePosition(rows=rows)
    return PagePosition(_key(text[1:], kinds), newer=text.startswith("n"), rows=rows)


def pager(request: PageRequest, page: Page[Any]) -> Pager:
    def to(key: Key | None, letter: str) -> str | None:
        return None if key is None else request.link(after=letter + told_key(key))

    stopped = page.looked_back_to
    at = next((part for part in stopped if isinstance(part, datetime)), None) if stopped else None
    return Pager(to(page.newer, "n"), to(page.older, "o"), stopped is not None, at)


def told_key(key: Key) -> str:
    """Returns a key in the form in which addresses carry it."""
    parts = [iso_exactly(part) if isinstance(part, datetime) else part for part in key]
    return urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()


def iso_exactly(at: datetime) -> str:
    """Returns a time as RFC 3339, with fractions of a second."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _key(text: str, kinds: Sequence[type]) -> Key:
    """Reads a key. Raises HTTPException 400."""
    try:
        parts = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(parts, list) or len(parts) != len(kinds):
            raise ValueError
        return tuple(_part(part, kind) for part, kind in zip(parts, kinds, strict=True))
    except (ValueError, RecursionError):
        raise HTTPException(400, "Invalid link: start from the first page of the list.") from None


def _part(part: object, kind: type) -> object:
    if kind is datetime and isinstance(part, str):
        at = datetime.fromisoformat(part)
        if at.tzinfo is None:
            raise ValueError
        return at
    if type(part) is not kind or (isinstance(part, int) and abs(part) >= 2**63):
        raise ValueError
    return part


# ── downloads ───────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Download(Generic[T]):
    """A list as a file: `columns` of CSV by title, `row` of JSON Lines. `name` is the file's, without its ending.

    `for_csv` writes the text of a column.
    """

    name: str
    columns: Mapping[str, Callable[[T], object]]
    row: Callable[[T], Mapping[str, object]]


_FORMATS = (".csv", ".jsonl")


def routes(path: str, handler: Handler, *, page: bool = True) -> tuple[Route, ...]:
    """Returns the routes of a list: its files, and unless it has none its `page`."""
    return tuple(get(f"{path}{ending}", handler) for ending in (("", *_FORMATS) if page else _FORMATS))


def wanted_format(request: PageRequest) -> str | None:
    """Returns ".csv" or ".jsonl" if the address ends with it, else None."""
    return next((each for each in _FORMATS if request.url_path.endswith(each)), None)


def exports(request: PageRequest, path: str | None = None) -> tuple[str, str]:
    """Returns the addresses of this page's list, or of a list at `path`, as CSV and as JSON Lines."""
    parameters, path = kept(request), path or request.url_path
    return address(f"{path}.csv", parameters), address(f"{path}.jsonl", parameters)


def file_links(path: str, parameters: Sequence[tuple[str, str]] = ()) -> list[tuple[str, str]]:
    """Returns the links to a list's files, with their texts."""
    return [(address(f"{path}{ending}", parameters), f"Download {name}")
            for ending, name in zip(_FORMATS, ("CSV", "JSON Lines"), strict=True)]


def download(request: PageRequest, asked: Filters, what: Download[T], rows: Iterable[T]) -> Response:
    """Streams all rows as they are read. An error amid them breaks the connection, so no partial file looks complete.

    Raises HTTPException if the filter makes no sense, and any error of the first rows.
    """
    if asked.problem:
        raise HTTPException(400, asked.problem)
    ending = wanted_format(request)
    assert ending is not None
    if request.context.settings.hashed_exports:
        rows = map(partial(hidden, name=request.context.ledger.lists.pseudonyms()), rows)
    pieces = _csv(what.columns, rows) if ending == ".csv" else _json_lines(what.row, rows)
    first = list(islice(pieces, 2))  # while the status can still report that the database is away
    media = "text/csv; charset=utf-8; header=present" if ending == ".csv" else "application/jsonl"
    return StreamingResponse(chain(first, pieces), headers={
        "Content-Type": media, "Content-Disposition": f'attachment; filename="{what.name}{ending}"',
    })


def _csv(columns: Mapping[str, Callable[[T], object]], rows: Iterable[T]) -> Iterator[str]:
    """Yields CSV by RFC 4180: all texts quoted, lines ended by CRLF."""
    yield _lines([list(columns)])
    source = iter(rows)
    while some := list(islice(source, _ROWS_AT_ONCE)):
        yield _lines([[_cell(value(row)) for value in columns.values()] for row in some])


def _lines(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value)
    if value is None or isinstance(value, int | float):
        return "" if value is None else value
    return for_csv(str(value))


def _json_lines(row: Callable[[T], Mapping[str, object]], rows: Iterable[T]) -> Iterator[str]:
    def told(value: object) -> str:
        return iso_exactly(value) if isinstance(value, datetime) else str(value)

    source = iter(rows)
    while some := list(islice(source, _ROWS_AT_ONCE)):
        yield "".join(f"{for_json(json.dumps(row(each), default=told))}\n" for each in some)
