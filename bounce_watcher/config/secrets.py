"""Reads secrets from wherever they are kept: the file itself, another file, the environment or a systemd credential."""

import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bounce_watcher.config.fields import of_type
from bounce_watcher.config.keys import SUFFIXES
from bounce_watcher.config.locate import Path as KeyPath
from bounce_watcher.config.problems import Notes
from bounce_watcher.config.values import kind_of, quoted, reason

_VARIABLE = re.compile("[A-Z_][A-Z0-9_]*")

MAX_BYTES = 64 * 1024
CREDENTIALS_FOLDER = "secrets"
"""Beside the configuration; systemd's unit loads its credentials from there.

Commands at a shell find there those that they may read.
"""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where to look. Relative file names start from `folder`, the folder of the configuration."""

    environ: Mapping[str, str]
    folder: Path


def secret(
    name: str, many: bool, table: Mapping[str, Any], path: KeyPath, sources: Sources, notes: Notes
) -> list[str] | None:
    """Returns the secret from whichever of the four keys is set, None if none is. Several only if `many`.

    Raises ValueError if it can't be read; `notes.aliases` then has the key at fault.
    """
    written = [name + suffix for suffix in SUFFIXES if name + suffix in table]
    if not written:
        return None
    first, *more = written
    place = notes.aliases[path] = (*path[:-1], more[0] if more else first)
    if more:
        raise ValueError(f"is set together with {first}: keep only one source of the secret")
    if first == f"{name}_file":
        _warn_if_open(sources.folder / str(table[first]), place, notes)
    return _READERS[first.removeprefix(name)](table[first], many, sources)


def _by_value(value: object, many: bool, _sources: Sources) -> list[str]:
    texts = []
    for each in of_type(list, value) if many else [value]:
        texts.append(of_type(str, each))
        if not texts[-1].strip():
            raise ValueError("is empty: write the secret, or remove the key")
    return texts


def _from_file(value: object, many: bool, sources: Sources) -> list[str]:
    path = sources.folder / _plain_text(value, "the name of a file")
    return _parts(_content(path), many, f"the file {quoted(path)}")


def _from_environment(value: object, many: bool, sources: Sources) -> list[str]:
    name = _plain_text(value, "the name of an environment variable")
    shown = f" {name}" if _VARIABLE.fullmatch(name) else ""  # what does not look like a name may be the secret itself
    if name not in sources.environ:
        raise ValueError(f"there is no environment variable{shown}: set it where the program is started")
    return _parts(sources.environ[name], many, f"the environment variable{shown}")


def _from_credential(value: object, many: bool, sources: Sources) -> list[str]:
    name = _plain_text(value, "the name of a credential")
    if "/" in name or name in (".", ".."):
        raise ValueError("must be the name that LoadCredential= gives it, without a path: for a path use the _file key")
    beside = sources.folder / CREDENTIALS_FOLDER
    folder = sources.environ.get("CREDENTIALS_DIRECTORY") or (beside if beside.is_dir() else None)
    if not folder:
        raise ValueError(f"there is no $CREDENTIALS_DIRECTORY: systemd sets it for a unit with "
                         f"LoadCredential={name}:…; outside systemd use the _file key")
    path = Path(folder) / name
    if not _is_file(path):
        raise ValueError("there is no credential of that name: add LoadCredential= to the unit, see systemd.exec(5)")
    return _parts(_content(path), many, "the credential")


_READERS: dict[str, Callable[[object, bool, Sources], list[str]]] = {
    "": _by_value, "_file": _from_file, "_env": _from_environment, "_credential": _from_credential,
}


def _plain_text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be {what} in quotes, not {kind_of(value)}")
    if not value.strip():
        raise ValueError(f"is empty: write {what}")
    return value


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:
        return True  # reading it says what to do
    except OSError:  # such as a name that is too long
        return False


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{quoted(path)} cannot be read: {reason(error)}") from None
    if len(content) > MAX_BYTES:
        raise ValueError(f"{quoted(path)} is larger than 64 KiB: name the file with the secret")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{quoted(path)} is not UTF-8 text: save it in that encoding") from None


def _parts(text: str, many: bool, source: str) -> list[str]:
    """Returns the secret without the line break that editors and `echo` add. With `many` there is one per line."""
    parts = [line for line in text.splitlines() if line.strip()] if many else [text.rstrip("\r\n")]
    if not parts or not parts[0].strip():
        raise ValueError(f"{source} is empty: put the secret into it")
    return parts


def _warn_if_open(path: Path, key: KeyPath, notes: Notes) -> None:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        done = "changed" if mode & stat.S_IWOTH else "read"
        notes.warning(key, f"{quoted(path)} can be {done} by every user of this machine", "chmod 600 it")
