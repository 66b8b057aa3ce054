"""A settings class is its own table: each field a key, read by its type and by what stands beside that."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import SecretStr

from bounce_watcher.config.keys import known_keys, table_of
from bounce_watcher.config.problems import Notes
from bounce_watcher.config.reading import Reader
from bounce_watcher.config.secrets import Sources
from bounce_watcher.model.keys import DAY, HOUR, MINUTE, Between, Key, KeyMark, Rotating, ValueKind
from bounce_watcher.policy.settings import PolicySettings, Threshold


@dataclass(frozen=True)
class Example:
    host: Annotated[str, ValueKind.HOST]
    every: Annotated[timedelta, Between(MINUTE, DAY)] = HOUR
    kept: timedelta | None = DAY
    names: Annotated[frozenset[str], Key("called.names"), KeyMark.ONCE] = frozenset()
    keys: Annotated[tuple[SecretStr, ...], Rotating("key", "old_keys")] = ()
    count: Annotated[int, KeyMark.UNWRITTEN] = 0


def read(data: Mapping[str, Any], base: object = None, settings: type = Example) -> tuple[Any, list[str]]:
    notes = Notes()
    made = Reader(Sources({"KEY": "new"}, Path()), notes).settings(table_of(settings), data, (), base)
    return made, [f"{'.'.join(map(str, path))}: {text}" for path, text in notes.problems]


def test_the_fields_are_the_keys() -> None:
    assert known_keys(table_of(Example)) == [
        "host", "every", "kept", "called", "key", "key_file", "key_env", "key_credential", "old_keys", "old_keys_file",
        "old_keys_env", "old_keys_credential",
    ]


def test_every_key_is_read_by_its_type() -> None:
    data = {
        "host": "a.example", "every": "5m", "kept": "never", "called": {"names": ["a", "b"]}, "key_env": "KEY",
        "old_keys": ["old"],
    }
    assert read(data) == (
        Example("a.example", 5 * MINUTE, None, frozenset("ab"), (SecretStr("new"), SecretStr("old"))), [],
    )


def test_what_is_left_out_is_as_in_the_class_or_as_in_a_base() -> None:
    assert read({"host": "a.example"})[0] == Example("a.example")
    base = Example("b.example", every=2 * HOUR, count=3)
    assert read({"kept": "2d"}, base)[0] == Example("b.example", every=2 * HOUR, kept=2 * DAY, count=3)


def test_all_faults_are_told_at_once() -> None:
    assert read({"every": "2d", "kept": 3, "called": {"names": ["a", "a"], "zzzzzz": 1}}) == (None, [
        "host: missing",
        "every: 2d is out of range: from 1m to 1d",
        'kept: must be a duration in quotes with its unit, such as "45s", "10m", "6h" or "14d", not a whole number; '
        '"never" is allowed too',
        "called.zzzzzz: unknown: remove it. Known here: names",
        'called.names: "a" is in the list twice: remove one',
    ])


@pytest.mark.parametrize("data", [{}, {"mode": "shadow"}, {"soft": {"bounces": 5}}, {"protected": ["a@b.example"]}])
def test_any_part_of_a_policy_may_be_laid_over_another(data: dict[str, Any]) -> None:
    base = PolicySettings(soft=Threshold(4, 2, DAY, 9 * DAY), protected_domains=frozenset({"example.org"}))
    made, problems = read(data, base, PolicySettings)
    assert not problems
    assert made.soft == Threshold(data.get("soft", {}).get("bounces", 4), 2, DAY, 9 * DAY)
    assert made.protected_domains == (frozenset() if "protected" in data else base.protected_domains)
