"""Calls to Linux that Python has no function for, by ctypes. Every function raises OSError where the kernel refuses."""

import ctypes
import os

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
"""linux/prctl.h"""

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, *arguments: int | ctypes.Array[ctypes.c_char]) -> None:
    """prctl(2). An array goes in by its address."""
    longs = [each if isinstance(each, ctypes.Array) else ctypes.c_ulong(each) for each in arguments]
    _checked(_libc.prctl(ctypes.c_int(option), *longs, *(ctypes.c_ulong(0),) * (4 - len(longs))))


def syscall(number: int, *arguments: int | bytes | None) -> int:
    """syscall(2): what the call gives back. Bytes go in by their address."""
    longs = [ctypes.c_long(each) if isinstance(each, int) else ctypes.c_char_p(each) for each in arguments]
    return _checked(_libc.syscall(ctypes.c_long(number), *longs))


def _checked(status: int) -> int:
    if status < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return status
