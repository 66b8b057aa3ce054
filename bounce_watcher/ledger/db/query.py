"""Queries on lists: filters, each with values to include and values to leave out, and a time range."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, func

from bounce_watcher.ledger.db.paging import Condition, Page, ValueCounts
from bounce_watcher.ledger.db.types import storable

MOST_COUNTED, COUNTING, FACETS_WITHIN = 10_000, 0.04, 0.5
"""How many rows are counted (a longer list is shown as having more), how many seconds that may take, and after how many
seconds counting is given up: a list with fewer counts is more useful than a late one."""


class FilterField(StrEnum):
    """What lists are filtered by. The values are the names of a page's parameters."""

    TYPE = "type"
    REASON = "reason"
    PROVIDER = "provider"
    DOMAIN = "domain"
    STREAM = "stream"
    CAMPAIGN = "campaign"
    CODE = "code"
    RULE = "rule"
    MAILBOX = "mailbox"
    TARGET = "target"
    MATCH = "match"
    STATE = "state"
    KIND = "kind"
    LANGUAGE = "language"
    ACTOR = "by"
    ACTION = "action"


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter: one of `any_of` must be present, and none of `none_of`. "" stands for no value."""

    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """What a list is asked for: `since` <= time < `until`. All of `words` must occur in the text. `recipient` is an
    address."""

    choices: Mapping[FilterField, Choice] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    recipient: str | None = None
    words: tuple[str, ...] = ()

    def only(self, by: FilterField) -> str | None:
        """Returns the value asked for if there is exactly one, else None."""
        values = self.choices.get(by, Choice()).any_of
        return values[0] if len(values) == 1 else None


@dataclass(frozen=True, slots=True)
class Facets:
    """How many rows there are for each value of each filter. If there are `more` than were counted, of the newest rows.
    """

    total: int
    more: bool
    counts: Mapping[FilterField, Mapping[str, int]]


def among(column: ColumnElement[Any], choice: Choice) -> Condition:
    """Returns the condition for a choice of values. "" stands for no value."""
    told = func.coalesce(column, "")
    return chosen_by(choice, lambda values: told.in_(list(map(storable, values))))


def chosen_by(choice: Choice, condition: Callable[[Iterable[str]], Condition]) -> Condition:
    """Returns the condition for a choice. `condition` makes one for some values: any of them is present."""
    conditions = [condition(choice.any_of)] if choice.any_of else []
    return and_(*conditions, *([~condition(choice.none_of)] if choice.none_of else []))


def between(at: ColumnElement[Any], wanted: Query) -> Iterator[Condition]:
    if wanted.since is not None:
        yield at >= wanted.since
    if wanted.until is not None:
        yield at < wanted.until


def facets(kinds: Sequence[FilterField], found: ValueCounts) -> Facets:
    counts: dict[FilterField, Counter[str]] = {by: Counter() for by in kinds}
    for values, number in found.counts.items():
        for by, value in zip(kinds, values, strict=True):
            counts[by][value or ""] += number
    return Facets(found.counts.total(), found.more, counts)


def with_rows(found: Page[Any], rows: Iterable[Any]) -> Page[Any]:
    return Page(tuple(rows), found.older, found.newer, found.looked_back_to)
