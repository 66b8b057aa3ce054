"""Turns messages into rows, on all cores if there are many."""

from collections.abc import Iterator, Sequence
from functools import cache, partial
from itertools import chain

from bounce_watcher.classification.ruleset import OwnRules, load_rules
from bounce_watcher.model.finding import Analysis, Kind
from bounce_watcher.model.message import RawMessage
from bounce_watcher.pipeline import Toolkit, analyse
from bounce_watcher.service.operations.parts import PAGE_MESSAGES, by_processes, pages
from bounce_watcher.words.rows import Row, analysis_row


def classified(found: Iterator[RawMessage], rules: OwnRules = ()) -> Iterator[Row]:
    """Yields one row per message, in order. Starts processes only for a backlog, not for a few mails.

    `rules` are an operator's own. A message that breaks our analysis becomes a row of kind "other" with an `error`.
    """
    drawn = pages(found)
    first = next(drawn, ())
    if len(first) < PAGE_MESSAGES:
        return chain.from_iterable(classify_page(page, rules) for page in chain([first], drawn))
    return chain.from_iterable(by_processes(partial(classify_page, rules=rules), chain([first], drawn)))


def classify_page(page: Sequence[RawMessage], rules: OwnRules) -> list[Row]:
    rows: list[Row] = []
    for raw in page:
        try:
            rows.append(analysis_row(raw.source, analyse(raw.content, _toolkit(rules))))
        except Exception as bug:
            nothing = analysis_row(raw.source, Analysis(Kind.OTHER, digest=""))
            rows.append({**nothing, "error": f"{type(bug).__name__}: {bug}"})
    return rows


@cache
def _toolkit(rules: OwnRules) -> Toolkit:
    """Returns the toolkit, one per process."""
    return Toolkit(load_rules(rules))
