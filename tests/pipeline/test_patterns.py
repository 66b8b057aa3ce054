"""No regular expression that reads mail takes more than linear time: shown by its form, and by text made against it."""

import re
from operator import attrgetter

import pytest

from tests.cost import least
from tests.families import for_each
from tests.pipeline.patterns import Named, all_patterns, attacks, faults

PATTERNS = all_patterns()
SIZE = 10_000
"""Characters of an attack. On a machine of 2026 twice as many take what is quadratic a third of a second at least, and
what is linear some milliseconds."""

SECONDS = 0.1
"""What takes no more than this for the longer text is not quadratic. What takes more may be a slow machine: its growth
tells."""

GROWTH = 3.0
"""A text of twice the length takes twice the time of what is linear, four times that of what is quadratic."""

each_pattern = for_each("named", PATTERNS, ids=attrgetter("name"))


def test_all_patterns_are_seen() -> None:
    assert len(PATTERNS) > 100
    assert {"parsing.headers._FIELD", "recognition.signs._DAEMON"} <= {named.name for named in PATTERNS}


EXCUSED = {
    "parsing.headers._PARAMETER": "what a backslash hides holds no bare quote, with which it would begin",
    "model.neutral._MAIL": "a word is begun at its first character alone: one of its own must not stand before it",
}


@each_pattern
def test_a_pattern_is_linear_by_its_form(named: Named) -> None:
    assert bool(faults(named)) == (named.name in EXCUSED), faults(named)


@pytest.mark.timeout(600)  # a minute and a half of work; three times that on a busy machine
@each_pattern
def test_a_pattern_withstands_what_is_made_against_it(named: Named) -> None:
    pairs = zip(attacks(named, SIZE), attacks(named, 2 * SIZE), strict=True)
    assert [attack[:60] for attack, longer in pairs if is_quadratic(named, attack, longer)] == []


def is_quadratic(named: Named, text: str, longer: str) -> bool:
    seconds = cost(named, longer)
    return seconds > SECONDS and seconds > GROWTH * cost(named, text)


def cost(named: Named, text: str) -> float:
    """Seconds that the pattern takes for a text, the best of three tries where the first is too long."""
    subject = text if isinstance(named.pattern.pattern, str) else text.encode("latin-1", "replace")

    def ask(attempt: int) -> None:
        if named.is_searched_for:
            for _ in named.pattern.finditer(subject):
                pass
        else:
            named.pattern.match(subject)
            named.pattern.fullmatch(subject)

    return least(ask, SECONDS)


QUADRATIC = (
    r"x\s*\s*y", r"x(?:a+)+y", r"x(?:a|b*)*y", r"x\s*(?:-{0,9})\s*$", r"\s*y", r"(?m)^\s*y", r"<[^>]*>", r"x.*\w.*y",
    r"fail\w* deliver", r"\bsender\b.*full", r"[ab]*$", r"x(?:a*){2,9}y",
)  # fmt: skip
LINEAR = (
    r"x\s*-\s*y", r"x.*(?:\n[ \t].*)*", r"(?m)^[ \t]*y", r"<[^<>]*>", r"x\s*(?:-{1,9}\s*)?$", r"x\s{0,9}\s{0,9}y",
    r"\A[ab]*$", r"\bmail\w*\b[^;]{0,40}\bfull", r"fail\w{0,10} deliver", r"x (?:\w+ ){0,3}y", r"\bx\w*\b[^;]{0,9}\w*y",
)  # fmt: skip


@for_each("source", QUADRATIC)
def test_what_is_not_linear_is_found_by_its_form(source: str) -> None:
    assert faults(searched(source)) != []


@for_each("source", LINEAR)
def test_what_is_linear_passes(source: str) -> None:
    assert faults(searched(source)) == []


@pytest.mark.parametrize("source", [r"x\s*\s*y", r"\s*y", r"(?m)^\s*y"])
def test_what_is_not_linear_is_found_by_attack(source: str) -> None:
    named = searched(source)
    pairs = zip(attacks(named, SIZE), attacks(named, 2 * SIZE), strict=True)
    assert any(is_quadratic(named, attack, longer) for attack, longer in pairs)


def searched(source: str) -> Named:
    return Named(source, re.compile(source), frozenset({"search"}))
