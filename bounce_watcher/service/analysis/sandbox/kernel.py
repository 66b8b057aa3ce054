"""Calls Linux functions that Python lacks, by ctypes. Every function raises OSError if the kernel refuses."""

import ctypes
import os

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
"""linux/prctl.h"""

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, *arguments: int | ctypes.Array[ctypes.c_char]) -> None:
    """Calls prctl(2). Passes an array by its address."""
    longs = [each if isinstance(each, ctypes.Array) else ctypes.c_ulong(each) for each in arguments]
    _checked(_libc.prctl(ctypes.c_int(option), *longs, *(ctypes.c_ulong(0),) * (4 - len(longs))))


def syscall(number: int, *arguments: int | bytes | None) -> int:
    """Calls syscall(2) and returns its result. Passes bytes by their address."""
    longs = [ctypes.c_long(each) if isinstance(each, int) else ctypes.c_char_p(each) for each in arguments]
    return _checked(_libc.syscall(ctypes.c_long(number), *longs))


def _checked(status: int) -> int:
    if status < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return status
