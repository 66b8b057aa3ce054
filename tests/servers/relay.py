"""What a test needs of a mail server between a sender and a sink: mail goes in, reports come out into Dovecot.

A relay sends everything to the sink, and what comes back for the return path goes to a mailbox, by the relay's own LMTP
or by the sink; an alias at the relay leads outside again. It gives up in seconds where its packaged self takes days.
"""

import contextlib
import os
import shutil
import smtplib
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path
from typing import ClassVar, Self

import pytest

from tests.servers.processes import free_port, kill
from tests.servers.sink import Sink

MAILBOX = "bounces@example.com"
RETURN_PATH = "returns@example.com"
ALIAS, BEHIND_ALIAS = "friends@lists.example.com", "r04@behind.example.org"
"""An address that the relay itself passes on to another."""


@dataclass(frozen=True, slots=True)
class Mail:
    recipients: tuple[str, ...]
    sender: str = RETURN_PATH

    def message(self) -> EmailMessage:
        message = EmailMessage()
        message["From"] = "News <news@example.com>"
        message["To"] = ", ".join(self.recipients)
        message["Subject"] = "What is new"
        message["Message-ID"] = make_msgid(domain="news.example.com")
        message.set_content("Nothing much.\n")
        return message


def unavailable(why: str) -> None:
    """Ends the test: skipped on a laptop, failed where CI is set."""
    no_server = pytest.fail if os.environ.get("CI") else pytest.skip
    no_server(why)


UNPACKED = Path(os.environ.get("BOUNCE_WATCHER_SERVERS") or Path(__file__).parents[2] / "build/servers")
"""Debian lets one mail server be installed at a time: the packages of the others lie here, each in a folder."""


def unpacked(name: str) -> Path:
    """The folder of one server."""
    folder = UNPACKED.absolute() / name
    if not folder.is_dir():
        unavailable(f"{name} is not unpacked in {folder}: .ci/run tells how")
    return folder


@dataclass
class Relay(ABC):
    """A private instance in `root`, running or stopped.

    `warns`: it tells of a delay before it gives up. `has_aliases`: it passes ALIAS on; `alias_told` is the address that
    it then reports. `is_believed`: its reports are more than text, so that the default policy suppresses by them.
    """

    warns: ClassVar[bool] = True
    has_aliases: ClassVar[bool] = True
    alias_told: ClassVar[str] = ALIAS
    is_believed: ClassVar[bool] = True

    root: Path
    sink: Sink
    lmtp_port: int
    smtp_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextlib.contextmanager
    def running(cls, sink: Sink, lmtp_port: int) -> Iterator[Self]:
        """A started instance, gone with its folder at the end."""
        if os.getuid() != 0:
            unavailable(f"{cls.__name__} starts as root only")
        root = Path(tempfile.mkdtemp(prefix=f"{cls.__name__.lower()}-"))
        root.chmod(0o755)
        server = cls(root, sink, lmtp_port)
        try:
            server.start()
            yield server
        finally:
            server.stop()
            shutil.rmtree(root, ignore_errors=True)

    @abstractmethod
    def start(self) -> None:
        """Returns as soon as mail is taken; raises RuntimeError with the server's own words where it never is."""

    @abstractmethod
    def log(self) -> str: ...

    @abstractmethod
    def queued(self) -> int:
        """How many mails it still has in hand, reports included. May miss one on its way between two folders."""

    def is_done(self) -> bool:
        """Nothing is in hand any more: seen twice, because a mail moves from folder to folder."""
        return not self.queued() and not self.queued()

    def makes_up(self, status: str | None, action: str) -> bool:
        """Whether it writes this into its Status field where the reply holds no enhanced status."""
        return status in {"4.0.0", "5.0.0"}

    def printed(self, words: str, charset: str) -> str:
        """Words of the other side, which wrote them in `charset`, as its reports show them."""
        return words

    def send(self, mails: Iterable[Mail]) -> None:
        """Each mail in a transaction of its own, all over one connection."""
        with smtplib.SMTP("127.0.0.1", self.smtp_port, "client.example.com", timeout=20) as client:
            for mail in mails:
                client.send_message(mail.message(), mail.sender, mail.recipients)

    def launch(self, command: list[str]) -> None:
        with (self.root / "stderr").open("wb") as output:
            self._process = subprocess.Popen(command, start_new_session=True, stdout=output, stderr=output)
        for _ in range(500):
            with contextlib.suppress(OSError), smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=5):
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"{command[0]} takes no mail: {(self.root / 'stderr').read_text()}\n{self.log()}")

    def stop(self) -> None:
        """Ends all processes of the instance at once."""
        kill(self._process)
        self._process = None
