"""The process that forks the workers. It has read the rules, and never held a secret, a thread or a connection.

It is a program of its own, started with an empty environment, so its memory begins with nothing from the service. The
service sends requests over a socket, eight bytes each. A 0 with a socket asks for a new worker; the answer is the
worker's process id, or 0 if none could be made. A process id asks to end that worker. It ends when the service does.
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
        signal.signal(number, signal.SIG_IGN)  # the service handles Ctrl-C and systemd's SIGTERM
    load_builtin()
    gc.freeze()  # keeps memory that is never collected shared with the workers
    control = socket.socket(fileno=control_descriptor)
    with suppress(OSError):
        _answer(control)
    os._exit(0)  # on Linux this ends the workers; elsewhere each ends when its connection does


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
    """Kills a worker and waits for it.

    Only this process can be sure that the id still belongs to the worker: nobody else has waited for it.
    """
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    return process
