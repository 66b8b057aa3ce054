"""config.example.toml: it loads, it shows every key, and the defaults that it tells are the real ones."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import pytest

from bounce_watcher.config import load, parse
from bounce_watcher.config.checks import USUAL
from bounce_watcher.config.keys import ConfigKey, all_tables, heading, known_keys, table_at, table_of
from bounce_watcher.config.locate import Path as KeyPath
from bounce_watcher.config.settings import WebSettings
from bounce_watcher.intake.imap.account import ImapAccount
from bounce_watcher.outbox.platforms import platform_class
from tests.config.samples import SIGNING

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
TEXT = EXAMPLE.read_text()
COMMENTED = re.compile(r"^#(?=[a-z_]+ = |\[)", re.MULTILINE)
UNCOMMENTED = COMMENTED.sub("", TEXT)
"""With every commented key in force: no sound configuration, as each secret then has four sources."""
OF_ITS_KIND = known_keys(table_of(platform_class("sendgrid")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the secrets that the example names."""
    for name, secret in {"imap-password": "hunter2", "webhook-secret": SIGNING}.items():
        (tmp_path / name).write_text(f"{secret}\n")
        (tmp_path / name).chmod(0o600)
    return tmp_path


def test_the_example_loads_without_a_warning(folder: Path) -> None:
    (folder / "config.toml").write_text(TEXT)
    settings = load(folder / "config.toml", {})
    assert settings.warnings == ()
    assert [account.name for account in settings.mailboxes] == ["returns"]
    assert [target.name for target in settings.webhooks] == ["platform"]


def test_the_smallest_file_at_its_top_means_the_same(folder: Path) -> None:
    top = TEXT[: TEXT.index("# How to read this file")]
    smallest = "\n".join(line.removeprefix("#   ") for line in top.splitlines() if line.startswith("#   "))
    assert "[[mailbox]]" in smallest
    assert parse(smallest, "the top of the example", {}, folder) == parse(TEXT, "the example", {}, folder)


def test_every_key_of_every_table_stands_in_it() -> None:
    shown = tomllib.loads(UNCOMMENTED)
    for names, table in all_tables():
        missing = set(known_keys(table)) - set(first(shown, names))
        assert not missing, f"{heading(names)} of the example does not show {sorted(missing)}"


def test_it_shows_no_key_that_is_unknown() -> None:
    for path, _ in leaves(tomllib.loads(UNCOMMENTED)):
        table = table_at(path[:-1])
        assert table is not None, path
        assert path[-1] in known_keys(table) or (table.is_open and path[-1] in OF_ITS_KIND), path


def test_the_defaults_that_it_tells_are_the_real_ones(folder: Path) -> None:
    """A default written out changes nothing: each commented key alone, but examples of keys without a default."""
    usual = parse(TEXT, "as it is", {}, folder)
    told = 0
    for match in COMMENTED.finditer(TEXT):
        key = re.match(r"[a-z_]*", TEXT[match.end() :])
        if key and key[0] and has_default(key[0]) and not within_commented_table(match.start()):
            told += 1
            changed = TEXT[: match.start()] + TEXT[match.end() :]
            assert parse(changed, key[0], {}, folder) == usual, key[0]
    assert told >= 30


def has_default(key: str) -> bool:
    """False for what is left unset by default (and shown by an example), and for secrets kept elsewhere."""
    found = [table.keys[key] for _, table in all_tables() if key in table.keys]
    uses = [use for each in found if isinstance(each, ConfigKey) for use in each.uses]
    if key == "trusted_authserv_id":  # its default can't be written
        return False
    return key in USUAL[ImapAccount] or any(use.default not in (None, MISSING) for use in uses)


def within_commented_table(position: int) -> bool:
    headings = list(re.finditer(r"^(#?)\[", TEXT[:position], re.MULTILINE))
    return bool(headings) and headings[-1][1] == "#"


def test_what_it_tells_of_tables_without_effect_is_true_as_well() -> None:
    shown = tomllib.loads(UNCOMMENTED)
    assert f"{WebSettings().host}:{WebSettings().port}" == shown["web"]["listen"]


def first(data: Mapping[str, Any], names: tuple[str, ...]) -> Mapping[str, Any]:
    for name in names:
        value = data[name]
        data = value[0] if isinstance(value, list) else value
    return data


def leaves(data: Mapping[str, Any], path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    for key, value in data.items():
        inside = value if isinstance(value, list) else [value]
        if inside and all(isinstance(each, dict) for each in inside):
            for index, each in enumerate(inside):
                yield from leaves(each, (*path, key, index) if isinstance(value, list) else (*path, key))
        else:
            yield (*path, key), value
