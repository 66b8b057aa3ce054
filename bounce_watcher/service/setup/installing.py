"""Puts files in place, all or none: stages them beside their places, checks them as a whole, then moves each."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bounce_watcher.model.errors import PermanentFailure

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
OPEN_FILE, OPEN_FOLDER = 0o644, 0o755


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
    if not overwrite:
        _refuse_taken(folder, files)
    try:
        with _made(folder) as undo_folder, _stage(folder) as stage:
            for file in files:
                _write(stage / file.name, file)
            check(stage)
            _move(stage, folder, files)
            undo_folder.pop_all()
    except OSError as error:
        raise PermanentFailure(f"{error.filename or folder}: {error.strerror or error}", _FIX) from error


_FIX = "run this as a user who may write there (root, by sudo), or name another place with -c"


def _refuse_taken(folder: Path, files: Sequence[NewFile]) -> None:
    taken = next((folder / file.name for file in files if os.path.lexists(folder / file.name)), None)
    if taken is not None:
        raise PermanentFailure(f"{taken} already exists", "use --overwrite to replace it")


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
