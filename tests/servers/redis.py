"""A private Redis on loopback: nothing is kept on a disk. It is not skipped where Redis is not installed: it fails."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from tests.servers.processes import free_port

PASSWORD = "pa/ss@w0rd"


@dataclass
class RedisServer:
    """One instance. The port stays the same over stop() and start(); what it held is lost with it."""

    root: Path
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:pa%2Fss%40w0rd@127.0.0.1:{self.port}/0"

    @property
    def client(self) -> "redis.Redis":
        return redis.Redis(port=self.port, password=PASSWORD, decode_responses=True)

    def start(self) -> None:
        """Returns when it answers."""
        program = shutil.which("redis-server")
        if program is None:
            pytest.fail("Redis is not installed; apt-get install redis-server")
        self._process = subprocess.Popen(
            [program, "--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", PASSWORD, "--save", "",
             "--appendonly", "no", "--dir", str(self.root), "--daemonize", "no"],
            start_new_session=True, cwd=self.root, stdout=(self.root / "log").open("ab"), stderr=subprocess.STDOUT,
        )
        for _ in range(200):
            with contextlib.suppress(redis.RedisError), self.client as client:
                client.ping()
                return
            if self._process.poll() is not None:
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
        raise RuntimeError(f"Redis does not listen on {self.port}: {(self.root / 'log').read_text()}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="redis-", ignore_cleanup_errors=True) as folder:
        server = RedisServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
