"""Writes what `init` makes: a configuration from answers, its secrets in separate files, and the unit's drop-in.

Files are put in place all or none: staged beside their places, checked as a whole, then moved.
"""

import base64
import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from bounce_watcher.config import Settings, load
from bounce_watcher.config.example import Tables, Value, example, filled_in
from bounce_watcher.config.secrets import CREDENTIALS_FOLDER
from bounce_watcher.model.errors import ConfigError, PermanentFailure

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
OPEN_FILE, OPEN_FOLDER = 0o644, 0o755
UNIT = "bounce-watcher.service"
DROP_IN = f"{UNIT}.d/init.conf"
HEADING = """\
The configuration of bounce-watcher, written by `bounce-watcher init`. What is set here is in force; every other key
there is stands beside it, commented out, with what holds without it.
"""
CERTIFICATE = "imap-ca.pem"


# ── files, all or none ──────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to write: its name below the folder, its content, its mode."""

    name: str
    content: str
    mode: int = OPEN_FILE


def put_in_place(
    folder: Path, files: Sequence[NewFile], *, overwrite: bool = False, check: Callable[[Path], None] = lambda _: None
) -> None:
    """Writes `files` below `folder`, all or none. Folders that hold private files become private.

    `check` is given a folder with the files as they will be, and raises an exception to refuse them. Raises
    PermanentFailure if a file exists and may not be overwritten, or if writing fails.
    """
    taken = next((folder / file.name for file in files if os.path.lexists(folder / file.name)), None)
    if taken is not None and not overwrite:
        raise PermanentFailure(f"{taken} already exists", "use --overwrite to replace it")
    try:
        with _made(folder) as undo_folder, _stage(folder) as stage:
            for file in files:
                _write(stage / file.name, file)
            check(stage)
            _move(stage, folder, files)
            undo_folder.pop_all()
    except OSError as error:
        fix = "run this as a user who may write there (root, by sudo), or name another place with -c"
        raise PermanentFailure(f"{error.filename or folder}: {error.strerror or error}", fix) from error


@contextmanager
def _made(folder: Path) -> Iterator[contextlib.ExitStack]:
    """Makes the folder and its missing parents. Removes them again unless the stack is emptied."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    with contextlib.ExitStack() as undo:
        for each in reversed(missing):
            each.mkdir(OPEN_FOLDER)
            undo.callback(_remove_empty, each)
        yield undo


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


@contextmanager
def _stage(folder: Path) -> Iterator[Path]:
    stage = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))  # of mode 0700
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _write(path: Path, file: NewFile) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(file.content)
        out.flush()
        os.fchmod(descriptor, file.mode)
        os.fsync(descriptor)


def _move(stage: Path, folder: Path, files: Sequence[NewFile]) -> None:
    """Moves the files, last the one that names the others. Restores the former files if one can't be moved."""
    with contextlib.ExitStack() as undo:
        for file in files:
            target, kept = folder / file.name, stage / f"{file.name}.before"
            _provide(target.parent, folder, file.mode, undo)
            if os.path.lexists(target):
                target.rename(kept)
                undo.callback(kept.rename, target)
            else:
                undo.callback(target.unlink, missing_ok=True)
            (stage / file.name).rename(target)
        undo.pop_all()


def _provide(parent: Path, folder: Path, mode: int, undo: contextlib.ExitStack) -> None:
    private = mode == PRIVATE_FILE and parent != folder
    if not parent.is_dir():
        parent.mkdir(PRIVATE_FOLDER if private else OPEN_FOLDER)
        undo.callback(_remove_empty, parent)
    elif private:
        parent.chmod(PRIVATE_FOLDER)


# ── the configuration ───────────────────────────────────────────────────────────────────────────────────────────────

@dataclass
class ConfigDraft:
    """Answers as they come in. `by_credential`: systemd provides the secrets; else the configuration names files."""

    by_credential: bool
    tables: dict[str, dict[str, Value]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    certificate: str | None = None

    def put(self, table: str, **values: Value | None) -> None:
        """Sets keys of a table. Leaves out those that are None."""
        self.tables.setdefault(table, {}).update({key: value for key, value in values.items() if value is not None})

    def keep(self, table: str, key: str, name: str, secret: str) -> None:
        """Puts a secret, under a key of a table, into a file called `name`."""
        self.secrets[name] = secret
        told = (f"{key}_credential", name) if self.by_credential else (f"{key}_file", f"{CREDENTIALS_FOLDER}/{name}")
        self.put(table, **dict([told]))


def new_files(draft: ConfigDraft, config: str) -> list[NewFile]:
    """Returns the secrets first and the configuration, which names them, last. `config` is its file's name."""
    private = [NewFile(f"{CREDENTIALS_FOLDER}/{name}", f"{text}\n", PRIVATE_FILE)
               for name, text in draft.secrets.items()]
    certificate = [NewFile(CERTIFICATE, draft.certificate)] if draft.certificate else []
    return [*private, *certificate, NewFile(config, written(draft.tables))]


def written(tables: Tables) -> str:
    """Returns the text of the configuration."""
    return filled_in(example(), tables, HEADING)


def checked(folder: Path, config: Path) -> Settings:
    """Reads the files in `folder` before they are moved to where `config` is. Raises ConfigError."""
    try:
        return load(folder / config.name, {"CREDENTIALS_DIRECTORY": str(folder / CREDENTIALS_FOLDER)})
    except ConfigError as error:
        raise ConfigError(str(config), error.problems) from None


def webhook_secret() -> str:
    """Makes a secret in the form of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def random_key() -> str:
    return secrets.token_urlsafe(32)


# ── systemd ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def unit_text() -> str:
    """Returns the unit as it is shipped."""
    return (files("bounce_watcher") / "share" / UNIT).read_text("utf-8")


def drop_in(program: Path, config: Path, names: list[str]) -> str:
    """Returns the machine's own part of the unit: where program, configuration and secrets are."""
    folder = config.parent / CREDENTIALS_FOLDER
    return "\n".join((
        "# Written by `bounce-watcher init`; `systemctl edit bounce-watcher` makes another beside it.",
        "[Service]",
        "ExecStart=",
        f"ExecStart={_word(program)} run -c {_word(config)}",
        *(f"LoadCredential={name}:{_plain(folder / name)}" for name in names),
    )) + "\n"


def _plain(path: Path) -> str:
    return str(path).replace("%", "%%")


def _word(path: Path) -> str:
    """Quotes a path. % begins a specifier, $ a variable: see systemd.syntax(7), systemd.service(5)."""
    escaped = _plain(path).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"' if any(each in escaped for each in " '\"\\;") else escaped
