"""The real command between real servers: one configuration, run as its user would."""

import io
import json
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog

from bounce_watcher.cli.main import main
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.receiver import SECRET, Receiver

ALL_EVENTS = ["recipient.suppressed", "recipient.released", "bounce.recorded", "complaint.recorded"]
FOLDERS = {"processed": "Bounces/Processed", "review": "Bounces/Review", "quarantine": "Bounces/Quarantine"}

HURRIED = """
import sys
from datetime import timedelta
from bounce_watcher.cli.main import main
from bounce_watcher.service import app
app.EXPIRE_EVERY = timedelta(seconds=1)
sys.exit(main(sys.argv[1:]))
"""


@dataclass
class House:
    """A folder with a config.toml. `start` and `process` are `python -m bounce_watcher`, `call` is what that runs."""

    root: Path
    dovecot: Dovecot
    receiver: Receiver
    database_url: str
    user: str = "bounces"
    mailbox_keys: str = ""
    webhook_keys: str = f"events = {ALL_EVENTS}"
    more: str = ""
    guarded: bool = True
    capped: bool = True
    hurried: bool = False
    """Whether what the service does each minute it does each second."""
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.root / "config.toml"

    def configure(self) -> None:
        self.config.write_text(f"""
[database]
url = "{self.database_url}"

[[mailbox]]
name = "returns"
host = "127.0.0.1"
port = {self.dovecot.imap_port}
security = "none"
username = "{self.user}"
password = "{PASSWORD}"
stream = "news"
poll_every = "1s"
{self.mailbox_keys}

[[webhook]]
name = "platform"
url = "{self.receiver.url}"
secret = "{SECRET}"
{self.webhook_keys}

[policy.guard]
enabled = {str(self.guarded).lower()}
[policy.flood]
enabled = {str(self.capped).lower()}

{self.more}
""")
        self.config.chmod(0o600)

    def command(self, *arguments: str) -> list[str]:
        program = ["-c", HURRIED] if self.hurried else ["-m", "bounce_watcher"]
        return [sys.executable, *program, "-c", str(self.config), *arguments]

    def process(self, *arguments: str, status: int = 0, timeout: float = 120) -> str:
        """What the command prints; its stderr is shown when the exit status is another than expected."""
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=timeout, check=False, cwd=self.root
        )
        assert done.returncode == status, f"{arguments}: exit status {done.returncode}\n{done.stderr}\n{done.stdout}"
        return done.stdout

    def call(self, *arguments: str, status: int = 0) -> str:
        """As `process`, in this process: the start of another takes as long as twenty lists or five polls.

        Each command that a test here calls is somewhere a `process` as well.
        """
        done = called("-c", str(self.config), *arguments)
        assert done.returncode == status, f"{arguments}: exit status {done.returncode}\n{done.stderr}\n{done.stdout}"
        return done.stdout

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """A list as JSON."""
        return [json.loads(line) for line in self.call(*arguments, "--json").splitlines()]

    def events(self) -> list[dict[str, Any]]:
        return self.rows("events", "list")

    def suppressions(self) -> list[dict[str, Any]]:
        return self.rows("suppressions", "list")

    def outbox(self) -> list[dict[str, Any]]:
        return self.rows("outbox", "list")

    def start(self, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """The command in the background, its stderr in a file of its own; see `log`."""
        with (self.root / "log").open("a") as log:
            process = subprocess.Popen(
                self.command(*arguments), stderr=log, stdout=log, text=True, cwd=self.root, env=env
            )
        self.processes.append(process)
        return process

    def log(self) -> str:
        return (self.root / "log").read_text()

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()

    def folder(self, name: str) -> list[bytes]:
        return self.dovecot.messages(self.user, FOLDERS.get(name, name))

    def filed(self) -> dict[str, int]:
        """How many messages lie where; safe to ask while the service runs, as is `left`."""
        return {name: self.dovecot.count(self.user, folder) for name, folder in FOLDERS.items()}

    def left(self) -> int:
        return self.dovecot.count(self.user)


_ALONE = threading.Lock()


def called(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """What the program comes to in this process, by the same function that a process of its own would run.

    One thread at a time: what it writes to, and its logging, are the process's.
    """
    out, err, given = io.StringIO(), io.StringIO(), io.TextIOWrapper(io.BytesIO(stdin.encode()))
    with _ALONE, logging_kept(), redirect_stdout(out), redirect_stderr(err), patch.object(sys, "stdin", given):
        status = main(arguments)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


@contextmanager
def logging_kept() -> Iterator[None]:
    """The program sets up logging for its process: here that is the tests' own."""
    handlers, level = logging.root.handlers, logging.root.level
    try:
        yield
    finally:
        logging.root.handlers = handlers
        logging.root.setLevel(level)
        structlog.reset_defaults()


def wait_until(true: Callable[[], object], seconds: float = 20, what: str = "condition") -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)
