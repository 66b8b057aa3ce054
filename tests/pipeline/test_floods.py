"""Mail that is one thing, again and again, is analysed in a moment, whatever the thing and wherever it stands."""

from collections.abc import Iterable
from functools import partial

import pytest

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.pipeline import Toolkit, analyse
from tests.cost import least
from tests.families import for_each
from tests.pipeline.floods import PLACES, UNITS, flood
from tests.pipeline.invariant import check

TOOLKIT = Toolkit(load_builtin(), AttributionSettings("returns@example.com", (b"k" * 32,)))

SIZE = 32 * 1024
"""Bytes of one: what is quadratic takes many seconds."""

ONE_IN = 4
"""Of so many units one is tried in a place where not `--all` are."""

SECONDS = 1.0
"""Of CPU, three times what the worst takes."""


@for_each("where", PLACES)
def test_a_flood_is_over_in_a_moment(where: str) -> None:
    """Of some of the units, in another place of others."""
    assert slow(where, UNITS[list(PLACES).index(where) % ONE_IN :: ONE_IN]) == {}


@pytest.mark.whole
@for_each("where", PLACES)
def test_a_flood_of_anything_is_over_in_a_moment(where: str) -> None:
    assert slow(where, UNITS) == {}


def slow(where: str, units: Iterable[str]) -> dict[str, float]:
    taken = {unit: least(partial(_analysed, unit, where), SECONDS) for unit in units}
    return {unit: seconds for unit, seconds in taken.items() if seconds > SECONDS}


def _analysed(unit: str, where: str, attempt: int) -> None:
    """Each attempt is of another size, as some answers are remembered."""
    check(analyse(flood(unit, SIZE + 64 * attempt, where), TOOLKIT))
