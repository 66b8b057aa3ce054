"""A private name server on loopback: dnsmasq with records of one's own and nobody behind it.

    def test_something(nameserver):
        nameserver.serve(txt={"s1._domainkey.example.com": ("v=DKIM1; ", "p=…")})
        nameserver.resolver()      # asks it and nobody else

What is not below `example.com` it refuses to answer; a name below it that it does not know does not exist.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from dns.exception import DNSException
from dns.resolver import Resolver

_ALIVE = "alive.example.com"
_CONFIG = """
port={port}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
local=/example.com/
txt-record={alive},yes
{records}
"""


def ask_only(port: int) -> Resolver:
    """A resolver that knows one server, on loopback."""
    resolver = Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = port
    return resolver


def free_port() -> int:
    """One that is free for UDP and TCP alike, as far as one can say."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind(("127.0.0.1", port))
                return port


@dataclass
class Nameserver:
    """Starts with its first records; `serve` puts others in their place, at another port."""

    binary: str
    root: Path
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def serve(
        self, txt: Mapping[str, Sequence[str]], aliases: Mapping[str, str] | None = None, more: Sequence[str] = ()
    ) -> None:
        """`txt`: the strings of each record, at most 255 bytes each; `more`: other lines of dnsmasq.conf(5).

        Returns when it answers.
        """
        lines = ["txt-record=" + ",".join((name, *(f'"{each}"' for each in texts))) for name, texts in txt.items()]
        lines += [f"cname={alias},{name}" for alias, name in (aliases or {}).items()] + [*more]
        assert all(len(line) < 1000 for line in lines), "dnsmasq cuts longer lines"
        for _ in range(5):
            self.stop()
            self._start("\n".join(lines))
            if self._answers():
                return
        raise RuntimeError(f"dnsmasq does not answer: {(self.root / 'log').read_text()}")

    def resolver(self) -> Resolver:
        return ask_only(self.port)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def _start(self, records: str) -> None:
        self.port = free_port()
        config = self.root / "dnsmasq.conf"
        config.write_text(_CONFIG.format(port=self.port, alive=_ALIVE, records=records))
        with (self.root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.binary, "--keep-in-foreground", "--pid-file", "--log-facility=-", f"--conf-file={config}"],
                stdout=log, stderr=log,
            )

    def _answers(self) -> bool:
        assert self._process is not None
        for _ in range(100):
            with contextlib.suppress(DNSException):
                self.resolver().resolve(f"{_ALIVE}.", "TXT", lifetime=0.5)
                return True
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
                return False  # somebody else has taken the port
        return False


@pytest.fixture(scope="session")
def shared_nameserver() -> Iterator[Nameserver]:
    binary = shutil.which("dnsmasq", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if binary is None:
        if os.environ.get("CI"):
            pytest.fail("dnsmasq is not installed; apt-get install dnsmasq-base")
        pytest.skip("dnsmasq is not installed")
    with tempfile.TemporaryDirectory(prefix="dnsmasq-") as folder:
        server = Nameserver(binary, Path(folder))
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def nameserver(shared_nameserver: Nameserver) -> Nameserver:
    return shared_nameserver
