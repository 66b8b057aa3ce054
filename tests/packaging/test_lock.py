"""requirements.lock holds everything: what has no line there is of whatever version was published last."""

import re
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]

Wanted = tuple[str, frozenset[str]]
"""A distribution's name, and the extras of it that are asked for."""


def plain(name: str) -> str:
    """Names don't tell case, ".", "-" and "_" apart."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(requirements: Iterable[str], extras: Iterable[str] = ()) -> set[Wanted]:
    """What holds on this machine where `extras` are asked for."""
    return {
        (plain(each.name), frozenset(each.extras)) for each in map(Requirement, requirements)
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in (*extras, ""))
    }


def needed() -> set[str]:
    """What the project and its tests need, and what these need in turn, by what is installed here."""
    found = set[Wanted]()
    more = wanted([*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]])
    while more:
        found |= more
        more = {each for name, extras in more for each in wanted(metadata.requires(name) or (), extras)} - found
    return {name for name, _ in found}


def test_everything_that_is_needed_is_locked() -> None:
    names = needed()
    assert {"fastapi", "pydantic-core", "psycopg-binary", "pytest"} <= names
    assert sorted(names - {plain(line.partition("==")[0]) for line in LINES}) == []


def test_each_line_is_one_version_and_stands_once() -> None:
    assert [line for line in LINES if not re.fullmatch(r"[\w.-]+==[\w.+!-]+", line)] == []
    names = [plain(line.partition("==")[0]) for line in LINES]
    assert sorted({name for name in names if names.count(name) > 1}) == []
