"""Reads and checks the operator's own rules: the files in the folder that `rules_dir` names."""

import os
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bounce_watcher.classification.ruleset import OwnRules
from bounce_watcher.config.problems import Notes
from bounce_watcher.config.values import quoted, reason
from bounce_watcher.model.errors import ConfigError

if TYPE_CHECKING:
    from bounce_watcher.classification.rule_check import Checked

MAX_BYTES = 1024 * 1024
"""The most bytes of all rule files together. Our own rules are a quarter of this."""

_KEY = ("rules_dir",)


def own_rules(rules_dir: object, folder: Path, notes: Notes) -> OwnRules:
    """Returns every *.toml file of `rules_dir`, ordered by name. A relative folder starts from `folder`.

    Notes in `notes` what makes them unusable, and what their author should know.
    """
    if not isinstance(rules_dir, str) or not rules_dir.strip() or not rules_dir.isprintable():
        return ()  # reported when the table is read
    path = folder / rules_dir
    files = _files(path, notes)
    if files is None:
        return ()
    if not files:
        notes.warning(_KEY, f"{quoted(path)} contains no *.toml file, so only the built-in rules apply")
    own = tuple(_contents(files, notes))
    checked = _checked(own)
    for problem in checked.problems:
        notes.problem(_KEY, str(problem))
    for warning in checked.warnings:
        notes.warning(_KEY, warning)
    return own


def _checked(rules: OwnRules) -> "Checked":
    from bounce_watcher.classification.rule_check import check  # noqa: PLC0415 - most have no rules of their own

    return check(rules)


# ── drafted in the dashboard or at the shell ────────────────────────────────────────────────────────────────────────

DRAFTED = "drafted.toml"
"""The file of `rules_dir` to which drafted rules are added."""
_MODE = 0o644
_saving = threading.Lock()


def files_with(rules: OwnRules, rules_dir: Path | None, rule: str) -> OwnRules:
    """Returns `rules` with one more, in TOML, at the end of the drafted ones. Reads nothing."""
    name = str((rules_dir or Path()) / DRAFTED)
    before = dict(rules).get(name, "")
    return (*(each for each in rules if each[0] != name), (name, f"{before}\n{rule}" if before else rule))


def may_save(rules_dir: Path | None) -> bool:
    """Checks whether `save_rule` has a folder that it may write to."""
    return rules_dir is not None and os.access(rules_dir, os.W_OK | os.X_OK)


def save_rule(rules_dir: Path, rule: str) -> Path:
    """Adds a rule in TOML to the drafted ones of the folder as it is now, completely or not at all. Returns the file.

    It is in force with the next reload. Raises ConfigError if the rules would then fail their check, OSError if the
    file can't be written.
    """
    with _saving:
        notes = Notes()
        files = tuple(_contents(_files(rules_dir, notes) or (), notes))
        wanted = files_with(files, rules_dir, rule)
        problems = (*(text for _, text in notes.problems), *map(str, _checked(wanted).problems))
        if problems:
            raise ConfigError(str(rules_dir), problems)
        path = rules_dir / DRAFTED
        _replace(path, dict(wanted)[str(path)])
    return path


def _replace(path: Path, content: str) -> None:
    """Replaces the file. The temporary name begins with a dot, so nobody takes a half-written file for rules."""
    mode = path.stat().st_mode & 0o777 if path.exists() else _MODE
    descriptor, temporary = tempfile.mkstemp(prefix=".drafted-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _files(path: Path, notes: Notes) -> list[Path] | None:
    """Lists the rule files; None if the folder can't be read. A file that begins with a dot is an editor's."""
    try:
        return sorted(file for file in path.iterdir() if file.suffix == ".toml" and not file.name.startswith("."))
    except FileNotFoundError:
        problem = "there is no such folder: make it, or remove rules_dir"
    except NotADirectoryError:
        problem = "is not a folder: name the one with the rule files"
    except OSError as error:
        problem = f"cannot be read: {reason(error)}"
    notes.problem(_KEY, f"{quoted(path)}: {problem}")
    return None


def _contents(files: Iterable[Path], notes: Notes) -> Iterator[tuple[str, str]]:
    left = MAX_BYTES
    for file in files:
        try:
            if file.exists() and not file.is_file():  # opening a pipe would wait for its writer
                raise ValueError("is not a regular file: rename or remove it")
            with file.open("rb") as opened:
                content = opened.read(left + 1)
            if len(content) > left:
                raise ValueError("the rule files are larger than 1 MiB in total: remove some")
            left -= len(content)
            yield str(file), content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            notes.problem(_KEY, f"{quoted(file)}: line {line}: is not UTF-8: save the file in that encoding")
        except OSError as error:
            notes.problem(_KEY, f"{quoted(file)}: cannot be read: {reason(error)}")
        except ValueError as error:
            notes.problem(_KEY, f"{quoted(file)}: {error}")
