"""Landlock (Linux 5.13): a process gives up the file system and, where possible, TCP, signals and others' sockets.

This is written by hand, as no library is maintained well enough to base security on: `landlock` had its last release, a
pre-release, in May 2025, and `py-landlock` and `landlockpy` are new and by single authors. It is three system calls.
Source: linux/landlock.h and https://docs.kernel.org/userspace-api/landlock.html.
"""

import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

from bounce_watcher.service.analysis.sandbox.kernel import syscall

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""Numbers that are the same on every architecture."""

_ASK_VERSION = 1
_PATH_BENEATH = 1

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILES = ((1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
_TCP = ((4, 0b11),)      # bind and connect
_SCOPES = ((6, 0b11),)   # abstract Unix sockets and signals
"""Rights that may be given up, each with the first version that knows it."""


def version() -> int:
    """Returns the kernel's Landlock version; 0 if there is none, or it may not be used."""
    if sys.platform != "linux":
        return 0
    try:
        return syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError:
        return 0


def allow_only_reading(paths: Iterable[Path]) -> bool:
    """Limits this thread to reading below `paths`, for good. Returns False if that is impossible.

    Files that are already open stay usable. The process must have given up new privileges.
    """
    abi = version()
    if not abi:
        return False
    handled = (sum(bits for since, bits in rights if since <= abi) for rights in (_FILES, _TCP, _SCOPES))
    attributes = struct.pack("=QQQ", *handled)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    try:
        ruleset = syscall(_CREATE_RULESET, attributes, len(attributes), 0)
        for path in paths:
            _allow(ruleset, path)
        syscall(_RESTRICT_SELF, ruleset, 0)
        os.close(ruleset)
    except OSError:
        return False
    return True


def _allow(ruleset: int, path: Path) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights = _READ_FILE | _READ_DIR if path.is_dir() else _READ_FILE
        syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, descriptor), 0)
    finally:
        os.close(descriptor)
