"""sd_notify: reports the service's state to systemd (sd_notify(3), sd_watchdog_enabled(3))."""

import os
import socket
import time
from datetime import timedelta


def notify(*lines: str) -> None:
    """Sends the lines ("READY=1", "STATUS=…") to the service manager. Does nothing if there is none."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # Linux's abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto("\n".join(lines).encode(), address)
        except OSError:  # a manager that is gone is no reason to stop watching
            return


def reloading() -> None:
    """Sends RELOADING=1 with the time at which the reload began, in microseconds of the monotonic clock."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def watchdog_interval() -> timedelta | None:
    """Returns how often to send WATCHDOG=1: half of what the manager allows. None if it does not watch this process."""
    limit = os.environ.get("WATCHDOG_USEC", "")
    owner = os.environ.get("WATCHDOG_PID", "")
    if not limit.isdecimal() or int(limit) == 0 or (owner and owner != str(os.getpid())):
        return None
    return timedelta(microseconds=int(limit) / 2)
