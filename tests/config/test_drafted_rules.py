"""A drafted rule is added to its file all at once, or not at all."""

from pathlib import Path

import pytest

from bounce_watcher.config.rules import DRAFTED, files_with, may_save, save_rule
from bounce_watcher.model.errors import ConfigError


def rule(name: str, words: str = "zorp gate") -> str:
    return (f'[[rule]]\nid = "own.{name}"\nreason = "mailbox_disabled"\ntext = ["{words}"]\nsource = "ours"\n'
            f'examples = ["550 {words}"]\n')


def test_one_rule_after_the_other_in_one_file(tmp_path: Path) -> None:
    assert may_save(tmp_path)
    path = save_rule(tmp_path, rule("one"))
    assert (path.name, path.read_text(), path.stat().st_mode & 0o777) == (DRAFTED, rule("one"), 0o644)
    path.chmod(0o600)
    save_rule(tmp_path, rule("two", "quux gate"))
    assert path.read_text() == f"{rule('one')}\n{rule('two', 'quux gate')}"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [DRAFTED], "nothing half-written is left"
    both = files_with(((str(path), rule("one")),), tmp_path, rule("two"))
    assert both == ((str(path), f"{rule('one')}\n{rule('two')}"),)


@pytest.mark.parametrize(("there", "told"), [
    (rule("one"), "the id stands in"),
    ("not = [toml", "no TOML"),
    ('[[rule]]\nid = "own.x"\n', "reason is missing"),
])
def test_where_the_rules_would_not_pass_nothing_is_written(tmp_path: Path, there: str, told: str) -> None:
    (tmp_path / DRAFTED).write_text(there)
    with pytest.raises(ConfigError, match=told):
        save_rule(tmp_path, rule("one"))
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [(DRAFTED, there)]


def test_a_disk_that_takes_nothing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_rule(tmp_path, rule("one"))

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bounce_watcher.config.rules.os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        save_rule(tmp_path, rule("two", "quux gate"))
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [(DRAFTED, rule("one"))]


def test_without_a_folder_nothing_can_be_saved(tmp_path: Path) -> None:
    assert not may_save(None)
    assert not may_save(tmp_path / "missing")
    with pytest.raises(ConfigError, match="there is no such folder"):
        save_rule(tmp_path / "missing", rule("one"))
