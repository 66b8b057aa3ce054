"""Mail that is one thing, again and again, is analysed in a moment, whatever the thing and wherever it stands."""

from functools import partial

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

SECONDS = 1.0
"""Of CPU, three times what the worst takes."""


@for_each("where", PLACES)
def test_a_flood_is_over_in_a_moment(where: str) -> None:
    slow = {}
    for unit in UNITS:
        if (taken := least(partial(_analysed, unit, where), SECONDS)) > SECONDS:
            slow[unit] = taken
    assert slow == {}


def _analysed(unit: str, where: str, attempt: int) -> None:
    """Each attempt is of another size, as some answers are remembered."""
    check(analyse(flood(unit, SIZE + 64 * attempt, where), TOOLKIT))
