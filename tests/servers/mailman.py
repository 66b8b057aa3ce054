"""A private core of Mailman 3 on loopback: its own folder, its own high ports, its own process group.

    def test_something(mailman):
        mailman.subscribe("news", "user@example.org")
        mailman.post("news", "user@example.org") … mailman.sink.accepted …

`.ci/run` puts Mailman into an environment of its own, with versions that it was tried with.
"""

import contextlib
import shutil
import smtplib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers.processes import kill
from tests.servers.relay import UNPACKED
from tests.servers.sink import Sink
from tests.servers.sink import running as running_sink

PASSWORD = "correct-horse-battery"
DOMAIN = "lists.example.org"
_MASTER = UNPACKED / "mailman/bin/master"
_IDLE = ("archive", "bounces", "command", "retry", "task", "virgin", "digest")
"""Runners that nothing here needs, each a process."""


def _ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


@dataclass
class Mailman:
    """A running instance. What it sends goes to `sink`."""

    root: Path
    sink: Sink
    ports: tuple[int, int] = field(default_factory=_ports)
    _process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    def start(self) -> None:
        """Returns when its API and its LMTP answer."""
        idle = "".join(f"[runner.{name}]\nstart: no\n" for name in _IDLE)
        config = self.root / "mailman.cfg"
        config.write_text(f"""
[mailman]
layout: private
[paths.private]
var_dir: {self.root}/var
[webservice]
hostname: 127.0.0.1
port: {self.ports[0]}
admin_pass: {PASSWORD}
workers: 1
[mta]
incoming: mailman.mta.null.NullMTA
smtp_host: 127.0.0.1
smtp_port: {self.sink.port}
lmtp_host: 127.0.0.1
lmtp_port: {self.ports[1]}
{idle}""")
        with (self.root / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [str(_MASTER), "--force", "-C", str(config)], cwd=self.root, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )
        deadline = time.monotonic() + 120
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Mailman does not answer: {self.log()}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError, httpx.HTTPError):
            socket.create_connection(("127.0.0.1", self.ports[1]), 1).close()
            return self.api("GET", "system/versions").status_code == 200
        return False

    def stop(self) -> None:
        kill(self._process)

    def log(self) -> str:
        paths = (self.root / "out", *(self.root / "var/logs").glob("*.log"))
        return "\n".join(path.read_text("utf-8", "replace")[-4000:] for path in paths if path.exists())

    def api(self, method: str, path: str, **data: str) -> httpx.Response:
        """A call of its REST API, past our own code."""
        asked: dict[str, Any] = {"params" if method == "GET" else "data": data} if data else {}
        return httpx.request(
            method, f"{self.url}/3.1/{path}", auth=("restadmin", PASSWORD), timeout=30, trust_env=False, **asked
        )

    def make_list(self, name: str) -> str:
        """Its id."""
        self._made("domains", {"mail_host": DOMAIN}, ok=(201, 400))  # 400: is there already
        self._made("lists", {"fqdn_listname": f"{name}@{DOMAIN}"})
        return f"{name}.{DOMAIN}"

    def subscribe(self, list_id: str, *addresses: str) -> None:
        for address in addresses:
            self._made("members", _subscription(list_id, address))

    def may_subscribe(self, list_id: str, address: str) -> bool:
        """Tries it."""
        return self.api("POST", "members", **_subscription(list_id, address)).status_code == 201

    def _made(self, what: str, data: dict[str, str], ok: tuple[int, ...] = (201,)) -> None:
        answer = self.api("POST", what, **data)
        assert answer.status_code in ok, f"{what}: {answer.status_code} {answer.text}"

    def member(self, list_id: str, address: str) -> str:
        """The id of a membership."""
        found = self.api("GET", "members/find", list_id=list_id, subscriber=address, role="member").json()
        (entry,) = found["entries"]
        return str(entry["member_id"])

    def delivery(self, list_id: str, address: str) -> str:
        """The delivery_status that holds for a member."""
        status = self.api("GET", f"members/{self.member(list_id, address)}/all/preferences").json()["delivery_status"]
        return str(status)

    def set_delivery(self, list_id: str, address: str, status: str) -> None:
        path = f"members/{self.member(list_id, address)}/preferences"
        assert self.api("PATCH", path, delivery_status=status).status_code == 204

    def post(self, list_id: str, sender: str) -> None:
        """Hands a message to the list over, as its mail server would."""
        address = list_id.replace(".", "@", 1)
        number = next(self._numbers)
        text = f"From: {sender}\nTo: {address}\nSubject: news {number}\nMessage-ID: <{number}@example.org>\n\nHello.\n"
        with smtplib.LMTP("127.0.0.1", self.ports[1], timeout=30) as door:
            door.sendmail(sender, [address], text)


def _subscription(list_id: str, address: str) -> dict[str, str]:
    yes = dict.fromkeys(("pre_verified", "pre_confirmed", "pre_approved"), "true")
    return {"list_id": list_id, "subscriber": address, "send_welcome_message": "false", **yes}


@pytest.fixture(scope="module")
def mailman() -> Iterator[Mailman]:
    if not _MASTER.exists():
        pytest.fail(f"Mailman is not installed in {_MASTER.parent.parent}: .ci/run puts it there")
    root = Path(tempfile.mkdtemp(prefix="mailman-"))
    try:
        with running_sink(()) as sink:
            server = Mailman(root, sink)
            try:
                server.start()
                yield server
            finally:
                server.stop()
    finally:
        shutil.rmtree(root, ignore_errors=True)
