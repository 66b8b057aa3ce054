"""Locates the program's own code: all that a confined process may still read, for modules imported late."""

import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import bounce_watcher

_OF_PACKAGES = frozenset({"site-packages", "dist-packages"})
_OF_LIBRARIES = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/usr/share/zoneinfo",
)


def code_folders() -> list[Path]:
    """Returns Python's library, folders of installed packages, this package and shared libraries, if they exist.

    Nothing else of `sys.path`: a source tree may hold a configuration, and secrets beside it.
    """
    return [path for path in dict.fromkeys(_candidates()) if path.exists()]


def _candidates() -> Iterator[Path]:
    yield Path(bounce_watcher.__file__).parent
    yield from (Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    yield from (path for path in map(Path, sys.path) if path.name in _OF_PACKAGES)
    yield from map(Path, _OF_LIBRARIES)
