"""Files that are none, text that is no TOML, and who may read what."""

import os
import re
from pathlib import Path

import pytest

from bounce_watcher.config import load
from bounce_watcher.model.errors import ConfigError
from tests.config.samples import MAILBOX, changed, mailbox, refused
from tests.families import for_each


def problem_of(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert caught.value.source == str(path)
    [problem] = caught.value.problems
    assert str(caught.value) == f"{path}: {problem}"
    return problem


def written(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "config.toml"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_file(tmp_path: Path) -> None:
    settings = load(written(tmp_path, MAILBOX.encode()), {})
    assert [account.name for account in settings.mailboxes] == ["returns"]
    assert settings.warnings == ()


def test_the_mark_that_windows_editors_put_first_does_not_count(tmp_path: Path) -> None:
    assert load(written(tmp_path, b"\xef\xbb\xbf" + MAILBOX.replace("\n", "\r\n").encode()), {}).mailboxes


def test_a_secret_file_lies_beside_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "imap-password").write_text("hunter2\n")
    written(tmp_path, mailbox("- password", 'password_file = "imap-password"').encode())
    monkeypatch.chdir(elsewhere)
    password = load(Path("../config.toml"), {}).mailboxes[0].password
    assert password is not None
    assert password.get_secret_value() == "hunter2"


def test_the_environment_is_that_of_the_process_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_PASSWORD", "hunter2")
    path = written(tmp_path, mailbox("- password", 'password_env = "A_PASSWORD"').encode())
    password = load(path).mailboxes[0].password
    assert password is not None
    assert password.get_secret_value() == "hunter2"


def test_no_such_file(tmp_path: Path) -> None:
    assert problem_of(tmp_path / "config.toml") == (
        "no such file: give the configuration with -c FILE or $BOUNCE_WATCHER_CONFIG, and start with a copy "
        "of config.example.toml"
    )


def test_a_folder(tmp_path: Path) -> None:
    assert problem_of(tmp_path) == "is a folder: name the file in it, such as config.toml"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    assert problem_of(written(tmp_path, b"", 0o000)).startswith("may not be read by this user")


def test_a_path_through_a_file(tmp_path: Path) -> None:
    assert problem_of(written(tmp_path, b"") / "config.toml") == "cannot be read: not a directory"


def test_another_encoding(tmp_path: Path) -> None:
    path = written(tmp_path, MAILBOX.encode() + '# Prüfung\n'.encode("latin-1"))
    assert problem_of(path) == "line 6: is not UTF-8: save the file in that encoding"


def test_a_file_of_absurd_size(tmp_path: Path) -> None:
    assert problem_of(written(tmp_path, b"#" * 5_000_000)) == "is larger than 4 MiB: name the configuration file"


def test_a_file_with_secrets_that_everybody_may_read(tmp_path: Path) -> None:
    path = written(tmp_path, MAILBOX.encode(), 0o644)
    assert tuple(map(str, load(path, {}).warnings)) == (
        f"{path} holds secrets and can be read by every user of this machine: chmod 640 it",
    )


def test_a_file_without_secrets_may_be_read_by_everybody(tmp_path: Path) -> None:
    text = changed(MAILBOX, "- password", 'password_env = "A"') + '[database]\nurl = "sqlite:///ledger.db"\n'
    assert load(written(tmp_path, text.encode(), 0o644), {"A": "hunter2"}).warnings == ()


NO_TOML = [
    ("port = \n", 1, 'text goes in quotes ("…"), true and false in small letters'),
    ("a = 1\nidle = True\n", 2, 'text goes in quotes ("…"), true and false in small letters'),
    ("a = 1\nhost imap\n", 2, "a line is key = value; a # begins a comment"),
    ("[log]\n[log]\n", 2,
     "the table is there twice: merge the two; only [[mailbox]], [[webhook]], [[platform]] and [[notify]] may be "
     "repeated"),
    ('host = "imap\n', 1, "text begins and ends with a quote on the same line"),
    ("x = 1 y = 2\n", 1, "one key = value a line; text with quotes in it goes in '…'"),
    ('x = "C:\\Queue"\n', 1, "a backslash in \"…\" is written \\\\, or put the text in '…'"),
    ("a = 1\na = 2\n", 2, "the key is there twice: keep one of them"),
]


@for_each(("text", "line", "hint"), NO_TOML)
def test_text_that_is_no_toml(text: str, line: int, hint: str) -> None:
    [problem] = refused(text)
    assert re.match(rf"line {line}(, column \d+)?: is not valid TOML: ", problem)
    assert problem.endswith(f": {hint}")


def test_text_that_is_nested_absurdly() -> None:
    assert refused("a = " + "[" * 20_000) == ("is nested too deeply: name the configuration file",)
