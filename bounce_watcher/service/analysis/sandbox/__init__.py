"""Confines a process that reads hostile mail: `confine`. It may still read the program's own code.

Three layers cover each other's gaps: `limits` (POSIX) bounds memory and forbids writing files, `landlock` (Linux 5.13)
takes the file system away, `seccomp` (Linux 4.14) all system calls except those needed to compute. None needs
privileges, so they work in a container and under a systemd unit too. If the kernel lacks or forbids one of them, the
others hold: the result is tested, not assumed.
"""

import os
import socket
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bounce_watcher
from bounce_watcher.service.analysis.sandbox import landlock, limits, seccomp

MIB = 1024 * 1024

_OF_PACKAGES = frozenset({"site-packages", "dist-packages"})
_OF_LIBRARIES = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/usr/share/zoneinfo",
)


@dataclass(frozen=True, slots=True)
class Protections:
    """What a confined process found that it can't do. `memory` is how many bytes it may take, None = no limit."""

    no_network: bool
    no_files: bool
    no_processes: bool
    memory: int | None

    def described(self) -> tuple[str, str]:
        """Returns what is in force, and what is not, as two lists in words. "no secrets" needs no kernel support."""
        memory = f"a bound of memory ({self.memory // MIB} MB)" if self.memory else "a bound of memory"
        known = {
            "no network": self.no_network, "no files": self.no_files, "no other processes": self.no_processes,
            memory: self.memory is not None,
        }
        held = [name for name, holds in known.items() if holds]
        return ", ".join(["no secrets", *held]), ", ".join(name for name in known if name not in held)


def confine() -> Protections:
    """Gives up all that is not needed to compute, for good. Call it in a process with one thread."""
    memory = limits.apply()
    limits.give_up_privileges()
    landlock.allow_only_reading([path for path in dict.fromkeys(_own_code()) if path.exists()])
    seccomp.allow_only_computing()
    return Protections(_refused(_opens_a_socket), _refused(_reads_the_root), _refused(_forks), memory)


def _own_code() -> Iterator[Path]:
    """Yields Python's library, folders of installed packages, this package and shared libraries, for late imports.

    Nothing else of `sys.path`: a source tree may hold a configuration, and secrets beside it.
    """
    yield Path(bounce_watcher.__file__).parent
    yield from (Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    yield from (path for path in map(Path, sys.path) if path.name in _OF_PACKAGES)
    yield from map(Path, _OF_LIBRARIES)


def _refused(attempt: Callable[[], None]) -> bool:
    try:
        attempt()
    except OSError:
        return True
    return False


def _opens_a_socket() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()


def _reads_the_root() -> None:
    os.listdir("/")  # noqa: PTH208 - Path.iterdir asks in the same way, but later


def _forks() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
