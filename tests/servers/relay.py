"""What a test needs of a mail server between a sender and a sink: mail goes in, reports come out into Dovecot.

A relay sends every recipient to the sink but those at example.com: there lives the return path, and what comes to it
is handed over LMTP to the mailbox "bounces"; an alias there leads outside again. It gives up in seconds where its
packaged self takes days.
"""

import contextlib
import os
import signal
import smtplib
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path

import pytest

MAILBOX = "bounces@example.com"
RETURN_PATH = "returns@example.com"
ALIAS, BEHIND_ALIAS = "friends@example.com", "r04@behind.example.org"
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Relay(ABC):
    """A private instance in `root`, running or stopped."""

    root: Path
    sink_port: int
    lmtp_port: int
    smtp_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

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

    def status_without_status(self, code: int, action: str) -> str:
        """What the Status field of its reports says of a reply that holds no enhanced status."""
        return f"{code // 100}.0.0"

    def printed(self, words: str) -> str:
        """Words of the other side as its reports show them."""
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
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
