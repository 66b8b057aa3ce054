"""What a mail that has taken over its process might try: each new worker imports this, and little else."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bounce_watcher.model.finding import Analysis, Kind
from bounce_watcher.model.ledger import MessageRecord
from bounce_watcher.model.message import Destination, RawMessage, message_digest
from bounce_watcher.service.analysis.judging import message_record
from bounce_watcher.service.analysis.worker import Analysed


def connects(port: str) -> None:
    socket.create_connection(("127.0.0.1", int(port)), timeout=5)


def sends_a_datagram(port: str) -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", int(port)))


def speaks_to_systemd(path: str) -> None:
    socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).connect(path)


def reads(path: str) -> None:
    Path(path).read_bytes()


def lists(path: str) -> None:
    list(Path(path).iterdir())


def writes(path: str) -> None:
    Path(path).write_text("x")


def forks(_: str) -> None:
    while True:
        if os.fork() == 0:
            os._exit(0)


def starts_a_thread(_: str) -> None:
    try:
        threading.Thread(target=int).start()
    except RuntimeError as refused:
        raise OSError("no thread") from refused


def runs(program: str) -> None:
    os.execv(program, [program])


def kills(process: str) -> None:
    os.kill(int(process), signal.SIGTERM)


def traces(process: str) -> None:
    """Reads another's memory."""
    Path(f"/proc/{process}/mem").open("rb").close()


def allocates(size: str) -> None:
    try:
        bytearray(int(size))
    except MemoryError as refused:
        raise OSError("no memory") from refused


DEEDS: dict[str, Callable[[str], None]] = {
    each.__name__: each for each in (
        connects, sends_a_datagram, speaks_to_systemd, reads, lists, writes, forks, starts_a_thread, runs, kills,
        traces, allocates,
    )
}


def hostile(page: Sequence[RawMessage]) -> list[Analysed]:
    """Does what a content says, and tells in `error` what came of it."""
    return [Analysed(None, error=tried(*raw.content.decode().split(maxsplit=1))) for raw in page]


def tried(deed: str, about: str) -> str:
    try:
        DEEDS[deed](about)
    except OSError:
        return "refused"
    return "done"


def exhausts(pages: Sequence[RawMessage]) -> list[Analysed]:
    """Takes memory until there is none where the mail asks for it, and does not look what becomes of it."""
    kept = []
    while any(raw.content == b"exhaust" for raw in pages):
        kept.append(bytearray(50_000_000))
    return [Analysed(None, Destination.PROCESSED) for _ in pages]


def lies(pages: Sequence[RawMessage]) -> list[Analysed]:
    """Says to the service what a content holds, as it is."""
    for raw in pages:
        if raw.content == b"honest":
            continue
        for descriptor in range(3, 64):
            try:
                os.write(descriptor, raw.content)
            except OSError:
                continue
    return [Analysed(None, Destination.PROCESSED) for _ in pages]


def mischievous(page: Sequence[RawMessage]) -> list[Analysed]:
    """Does to its worker what a content says."""
    for raw in page:
        if raw.content == b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        if raw.content == b"hang":
            time.sleep(600)
    return [Analysed(record(raw), Destination.PROCESSED) for raw in page]


def record(raw: RawMessage) -> MessageRecord:
    return message_record(raw, Analysis(Kind.OTHER, message_digest(raw.content)), None)
