"""Sets limits by setrlimit(2), and gives up privileges for good."""

import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

from bounce_watcher.service.analysis.sandbox import kernel

MEMORY = 1024 * 1024 * 1024
"""How many more bytes a process may take than it has at its start. The worst mail that we know takes 140 MB."""

OPEN_FILES = 64

_LIMITS = {
    "RLIMIT_CORE": 0,    # a core file would hold mail
    "RLIMIT_FSIZE": 0,   # no file grows; pipes and sockets are no files
    "RLIMIT_NPROC": 0,   # no thread and no process; binds all but root
    "RLIMIT_NOFILE": OPEN_FILES,
    "RLIMIT_MEMLOCK": 0,
    "RLIMIT_MSGQUEUE": 0,
}


def apply() -> int | None:
    """Sets the limits that the system knows. Returns how many bytes of memory the process may take, None = no limit.

    Limits address space only on Linux: elsewhere nothing says how much the process already has.
    """
    for name, limit in _LIMITS.items():
        _set(name, limit)
    has = _address_space()
    return MEMORY if has is not None and _set("RLIMIT_AS", has + MEMORY) else None


def _set(name: str, limit: int) -> bool:
    kind = getattr(resource, name, None)
    if kind is None:
        return False
    with suppress(OSError, ValueError):
        hard = resource.getrlimit(kind)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (limit, limit))
        return True
    return False


def _address_space() -> int | None:
    with suppress(OSError, ValueError):
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return None


def give_up_privileges() -> None:
    """Stops programs from adding rights, ends with the parent, and makes this process die first if memory runs out."""
    if sys.platform != "linux":
        return
    with suppress(OSError):
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
