"""Mail that is one thing, again and again, is analysed in a moment, whatever the thing and wherever it stands."""

import time

import pytest

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.pipeline import Toolkit, analyse
from tests.pipeline.floods import PLACES, floods
from tests.pipeline.invariant import check

TOOLKIT = Toolkit(load_builtin(), AttributionSettings("returns@example.com", (b"k" * 32,)))

SIZE = 32 * 1024
"""Bytes of one: what is quadratic takes many seconds."""

SECONDS = 1.0
"""Generous, for a loaded machine: the worst takes a tenth."""


@pytest.mark.parametrize("where", PLACES)
def test_a_flood_is_over_in_a_moment(where: str) -> None:
    slow = {}
    for name, content in floods(SIZE, where):
        begun = time.process_time()
        analysis = analyse(content, TOOLKIT)
        if (taken := time.process_time() - begun) > SECONDS:
            slow[name] = taken
        check(analysis)
    assert slow == {}
