"""Checks who can access a SQLite ledger: the modes of its files and of their folder."""

import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_BESIDE = ("", "-wal", "-shm", "-journal")
"""The suffixes of SQLite's other files, after the database's name (https://sqlite.org/tempfiles.html)."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """A file or folder that every user of the machine can access. `fix` is the command that ends this.

    `can_change` means that they can also write: anybody can suppress and release.
    """

    path: Path
    can_change: bool

    @property
    def detail(self) -> str:
        if not self.can_change:
            return f"{self.path} can be read by every user of this machine: it holds people's addresses"
        if self.path.is_dir():
            return f"{self.path} can be written by every user of this machine: so the ledger in it can be replaced"
        return f"{self.path} can be changed by every user of this machine"

    @property
    def fix(self) -> str:
        return f"chmod {'o-w' if self.path.is_dir() else 'o-rwx'} {self.path}"


def sqlite_file(url: str) -> Path | None:
    """Returns the file of a database URL; None for PostgreSQL, and for SQLite's own kind of URL."""
    scheme, _, path = url.partition(":///")
    return Path(path.partition("?")[0]) if scheme == "sqlite" and not path.startswith("file:") else None


def exposures(url: str) -> Iterator[Exposure]:
    """Yields what of a ledger is open to all users. Leaves out what does not exist or can't be examined."""
    file = sqlite_file(url)
    if file is None:
        return
    for path in (Path(f"{file}{ending}") for ending in _BESIDE):
        mode = _mode(path)
        if mode & (stat.S_IROTH | stat.S_IWOTH):
            yield Exposure(path, bool(mode & stat.S_IWOTH))
    if _mode(file.parent) & stat.S_IWOTH:  # the sticky bit of /tmp does not stop others from adding files beside it
        yield Exposure(file.parent, can_change=True)


def _mode(path: Path) -> int:
    with suppress(OSError, ValueError):
        return stat.S_IMODE(path.stat().st_mode)
    return 0
