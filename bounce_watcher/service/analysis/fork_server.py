"""The process that workers are copies of: it has read the rules, and never held a secret, a thread or a connection.

It is a program of its own, started with an empty environment, so that its memory begins with nothing of the service's.
The service asks it over a socket, eight bytes at a time: 0 and a socket for a new worker, answered by the worker's
process id (0 where none could be made), or a process id, for the end of that worker. Ends when the service does.
"""

import gc
import os
import signal
import socket
import struct
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import NoReturn

from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.service.analysis.worker import serve

NUMBER = struct.Struct("=q")
NEW = 0


def main(control_descriptor: int) -> NoReturn:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C and systemd's SIGTERM are the service's to handle
    load_builtin()
    gc.freeze()  # what is never collected stays shared with the copies
    control = socket.socket(fileno=control_descriptor)
    with suppress(OSError):
        _answer(control)
    os._exit(0)  # Linux ends the workers then, others end by themselves when their connection does


def _answer(control: socket.socket) -> None:
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, NUMBER.size, 1)
        if len(message) < NUMBER.size:
            return
        (process,) = NUMBER.unpack(message)
        control.sendall(NUMBER.pack(_new_worker(control, *descriptors) if process == NEW else _end(process)))


def _new_worker(control: socket.socket, descriptor: int) -> int:
    try:
        process = os.fork()
    except OSError:
        process = 0
    else:
        if process == 0:
            _become_worker(control, descriptor)
    os.close(descriptor)
    return process


def _become_worker(control: socket.socket, descriptor: int) -> NoReturn:
    status = 1
    try:
        control.close()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):
            os.dup2(nowhere, standard)
        os.close(nowhere)
        serve(Connection(descriptor))
        status = 0
    finally:
        os._exit(status)


def _end(process: int) -> int:
    """Only here is its number known to be still its own: nobody else has waited for it."""
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    return process
