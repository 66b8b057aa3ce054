"""The program in this process, with a configuration and some mail."""

import io
import json
import logging
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from bounce_watcher.cli.main import main
from tests.ledger.conftest import new_file
from tests.mail import START, Letter, auto_reply, complaint, postfix

CONFIG = """\
[database]
url = "sqlite:///ledger.db"

[[mailbox]]
name = "returns"
host = "127.0.0.1"
port = 9
security = "none"
username = "bounces"
password = "secret-of-the-mailbox"
stream = "news"
timeout = "2s"

[[webhook]]
name = "platform"
url = "http://127.0.0.1:9/hook"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

[service]
workers = 1
"""

TOKENS = """
[attribution]
return_path = "returns@bounces.example.com"
token_key = "0123456789abcdef0123456789abcdef"
"""


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [cast(dict[str, Any], json.loads(line)) for line in self.out.splitlines()]

    @property
    def complaint(self) -> str:
        """The one line on stderr."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


@dataclass
class Program:
    """`call` runs a command line in `folder`; `mail` names a folder with some reports."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    def call(self, *arguments: str, stdin: str | bytes = "") -> Done:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        self.capture.readouterr()
        status = main(arguments)
        out, err = self.capture.readouterr()
        return Done(status, out, err)

    def ledger(self, *arguments: str, stdin: str | bytes = "") -> Done:
        """With the configuration."""
        return self.call(*arguments, "-c", str(self.config), stdin=stdin)


USER_UNKNOWN = "550 5.1.1 <{}>: Recipient address rejected: User unknown"
OVER_QUOTA = "552 5.2.2 <{}>: user is over quota"


def letter(number: int, recipient: str, reply: str = USER_UNKNOWN) -> Letter:
    return Letter(number, recipient, reply.format(recipient), START)


@pytest.fixture
def program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Program]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BOUNCE_WATCHER_CONFIG", raising=False)
    handlers, level = logging.root.handlers, logging.root.level
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())  # `run` blocks more, and whatever is started inherits that
    it = Program(tmp_path, capsys, monkeypatch)
    it.config.write_text(CONFIG)
    it.config.chmod(0o600)
    yield it
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    logging.root.handlers = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def mail(program: Program) -> Path:
    """Four messages: a hard bounce, a full mailbox, a complaint, an auto-reply."""
    folder = program.folder / "mail"
    folder.mkdir()
    (folder / "1.eml").write_text(postfix(letter(1, "anna@gone.example")))
    (folder / "2.eml").write_text(postfix(letter(2, "bela@full.example", OVER_QUOTA)))
    (folder / "3.eml").write_text(complaint(letter(3, "carla@cross.example")))
    (folder / "4.eml").write_text(auto_reply(letter(4, "dario@away.example")))
    return folder


@pytest.fixture
def filled(program: Program, mail: Path) -> Program:
    """The program, with the mail in its ledger."""
    ledger = program.folder / "ledger.db"
    ledger.touch(0o600)
    ledger.write_bytes(new_file())
    assert program.ledger("import", str(mail)).status == 0
    return program
