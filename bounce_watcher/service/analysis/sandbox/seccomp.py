"""seccomp (Linux 4.14): a process gives up all system calls except those needed to compute and to read files.

This is written by hand, as no library fits: `pyseccomp` had its last release in 2021 and needs libseccomp on the
system, libseccomp's own binding is not on PyPI, and `seccompy` is new and by a single author. A filter is a short
program for the kernel. Source: https://docs.kernel.org/userspace-api/seccomp_filter.html, linux/filter.h,
linux/seccomp.h.

A call that is not in the table fails as on a kernel without it (ENOSYS), which every libc can handle. No call in the
table makes a socket, a process, a thread or a program, or reaches into another process.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

from bounce_watcher.service.analysis.sandbox.kernel import PR_SET_SECCOMP, prctl

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""The column of the table, and the kernel's number for the architecture (linux/audit.h)."""

CALLS: dict[str, tuple[int | None, int | None]] = {
    # most frequent first: the kernel checks them in this order
    "read": (0, 63), "write": (1, 64), "futex": (202, 98), "mmap": (9, 222), "munmap": (11, 215), "brk": (12, 214),
    "madvise": (28, 233), "mprotect": (10, 226), "mremap": (25, 216), "membarrier": (324, 283),
    # reading files
    "close": (3, 57), "close_range": (436, 436), "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67),
    "lseek": (8, 62), "stat": (4, None), "fstat": (5, 80), "lstat": (6, None), "newfstatat": (262, 79),
    "statx": (332, 291), "getdents64": (217, 61), "readlink": (89, None), "readlinkat": (267, 78),
    "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439), "getcwd": (79, 17), "dup": (32, 23),
    "dup3": (292, 24), "fcntl": (72, 25), "ioctl": (16, 29),
    # waiting, time, own signals
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72), "clock_gettime": (228, 113),
    "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "nanosleep": (35, 101), "gettimeofday": (96, 169),
    "time": (201, None), "times": (100, 153), "getitimer": (36, 102), "setitimer": (38, 103), "alarm": (37, None),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    # who and where the process is
    "getpid": (39, 172), "getppid": (110, 173), "gettid": (186, 178), "getuid": (102, 174), "geteuid": (107, 175),
    "getgid": (104, 176), "getegid": (108, 177), "getrusage": (98, 165), "getrlimit": (97, 163), "uname": (63, 160),
    "sysinfo": (99, 179), "getrandom": (318, 278), "getcpu": (309, 168), "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123), "set_robust_list": (273, 99), "rseq": (334, 293), "arch_prctl": (158, None),
    "exit": (60, 93), "exit_group": (231, 94),
}
"""The numbers on x86_64 and on aarch64, None where there is none."""

OPENING: dict[str, tuple[tuple[int | None, int | None], int]] = {"openat": ((257, 56), 2), "open": ((2, None), 1)}
"""Calls that open a file, each with its numbers and the index of the argument with the flags."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_LOAD, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000 | errno.ENOSYS
_FILTER_MODE = 2


def allow_only_computing() -> bool:
    """Limits this thread to these calls, for good. Returns False if that is impossible.

    The process must have given up new privileges.
    """
    known = _ARCHITECTURES.get(platform.machine())
    if sys.platform != "linux" or known is None or sys.maxsize < 2**32:
        return False
    code = _program(*known)
    instructions = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(code) // 8, ctypes.addressof(instructions))  # struct sock_fprog
    try:
        prctl(PR_SET_SECCOMP, _FILTER_MODE, ctypes.create_string_buffer(header, len(header)))
    except OSError:
        return False
    return True


def _program(column: int, architecture: int) -> bytes:
    """Builds instructions of eight bytes: an operation, how many steps to skip if true and if false, a number."""
    steps = [(_LOAD, 0, 0, _ARCHITECTURE), (_IF_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _FAIL),
             (_LOAD, 0, 0, _NUMBER)]
    for numbers in CALLS.values():
        if (number := numbers[column]) is not None:
            steps += [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    for numbers, argument in OPENING.values():
        if (number := numbers[column]) is not None:
            steps += [(_IF_EQUAL, 0, 4, number), (_LOAD, 0, 0, _ARGUMENTS + 8 * argument),
                      (_IF_ANY_BIT, 0, 1, _WRITING), (_RETURN, 0, 0, _FAIL), (_RETURN, 0, 0, _ALLOW)]
    steps.append((_RETURN, 0, 0, _FAIL))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
