"""rules_dir: which files are read, and what is said of them."""

import os
from pathlib import Path

import pytest

from bounce_watcher.config import load, parse
from bounce_watcher.model.errors import ConfigError
from tests.config.samples import MAILBOX, accepted, refused

CONFIG = 'rules_dir = "rules"\n' + MAILBOX
EXAMPLE = Path(__file__).parents[2] / "rules.example.toml"
RULE = """\
[[rule]]
id = "own.parked"
reason = "mailbox_disabled"
source = "a test"
text = ["mailbox is parked"]
examples = ["550 mailbox is parked"]
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "own.toml").write_text(RULE)
    return folder


def test_the_files_are_read_in_the_order_of_their_names(rules: Path) -> None:
    (rules / "another.toml").write_text(RULE.replace("parked", "at rest").replace("own.at rest", "own.rest"))
    (rules / "notes.txt").write_text("no rules")
    (rules / ".own.toml").write_text("an editor's")
    settings = accepted(CONFIG, folder=rules.parent)
    assert [name for name, _ in settings.rules] == [str(rules / "another.toml"), str(rules / "own.toml")]
    assert settings.rules[1][1] == RULE
    assert settings.warnings == ()


def test_without_the_key_there_are_none() -> None:
    assert accepted(MAILBOX).rules == ()


def test_the_example_is_sound_and_takes_nothing_from_ours(rules: Path) -> None:
    (rules / "own.toml").write_bytes(EXAMPLE.read_bytes())
    settings = accepted(CONFIG, folder=rules.parent)
    assert settings.rules[0][1] == EXAMPLE.read_text()
    assert settings.warnings == ()


def test_an_empty_folder_is_told_of(rules: Path) -> None:
    (rules / "own.toml").unlink()
    [warning] = accepted(CONFIG, folder=rules.parent).warnings
    assert str(warning) == f'rules_dir: "{rules}" contains no *.toml file, so only the built-in rules apply'


def test_what_a_rule_takes_from_ours_is_told(rules: Path) -> None:
    (rules / "own.toml").write_text(RULE.replace("mailbox is parked", "user unknown"))
    warnings = [str(each) for each in accepted(CONFIG, folder=rules.parent).warnings]
    assert any("takes “User unknown” from our rule 'common.no-such-user'" in warning for warning in warnings)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    [problem] = refused(CONFIG, folder=tmp_path)
    assert problem == f'line 1: rules_dir: "{tmp_path}/rules": there is no such folder: make it, or remove rules_dir'


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text(RULE)
    [problem] = refused(CONFIG, folder=tmp_path)
    assert "is not a folder: name the one with the rule files" in problem


def test_files_that_cannot_be_read_are_all_told_of(rules: Path) -> None:
    (rules / "a.toml").symlink_to(rules / "nowhere")
    os.mkfifo(rules / "b.toml")
    (rules / "c.toml").write_bytes(b'source = "x"\n# caf\xe9\n')
    (rules / "d.toml").write_text("#" * 1024 * 1024)
    (rules / "e.toml").write_text(RULE.replace("disabled", "disabld").replace("own.parked", "own.e"))
    told = refused(CONFIG, folder=rules.parent)
    assert [problem.split(": ", 2)[2].replace(f"{rules}/", "") for problem in told] == [
        '"a.toml": cannot be read: no such file or directory',
        '"b.toml": is not a regular file: rename or remove it',
        '"c.toml": line 2: is not UTF-8: save the file in that encoding',
        '"d.toml": the rule files are larger than 1 MiB in total: remove some',
        "e.toml: rule 'own.e': reason 'mailbox_disabld' is unknown; did you mean 'mailbox_disabled'?",
    ]


def test_faults_of_rules_are_told_beside_those_of_the_file(rules: Path) -> None:
    (rules / "own.toml").write_text(RULE.replace("550 mailbox is parked", "zzz"))
    with pytest.raises(ConfigError) as caught:
        parse(CONFIG.replace("host", "hots"), "config.toml", {}, rules.parent)
    first, second = caught.value.problems
    assert first.startswith("line 1: rules_dir: ")
    assert "does not win its example “zzz”" in first
    assert second.startswith("line 4: mailbox[returns].hots")


def test_a_folder_named_absolutely_or_beside_the_file(rules: Path) -> None:
    config = rules.parent / "config.toml"
    config.write_text(CONFIG)
    config.chmod(0o600)
    beside = load(config, {})
    config.write_text(CONFIG.replace('"rules"', f'"{rules}"'))
    assert load(config, {}).rules == beside.rules


@pytest.mark.parametrize("value", ["3", '""', '"a\\u0000b"', "[]"])
def test_what_names_no_folder_is_refused_once(value: str) -> None:
    assert len(refused(f"rules_dir = {value}\n{MAILBOX}")) == 1
