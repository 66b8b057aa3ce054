"""A private MariaDB on loopback: its own folder, its own high port, nothing flushed.

    def test_something(mariadb_url): …                # a fresh, empty database for each test, and a user of its own

It is not skipped where MariaDB is not installed: it fails.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pymysql
import pytest

from tests.servers.processes import free_port

PASSWORD = "pa/ss@w0rd"
"""Of the user that `create_database` makes; it must be percent-encoded in a URL."""

_OWN_IO = "--innodb-use-native-aio=0"
"""Asks nothing of the kernel that other servers on this machine may have used up."""


def _own_scratch(root: Path) -> str:
    """A server that starts deletes all temporary tables in this folder, also those of another that is at work there."""
    return f"--tmpdir={root}/scratch"


@dataclass
class MariaDb:
    """One instance. The port stays the same over stop() and start()."""

    root: Path
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None
    _names: Iterator[int] = field(default_factory=count)

    def create(self) -> None:
        scratch = self.root / "scratch"
        scratch.mkdir()
        owner = ["--user=mysql"] if os.getuid() == 0 else []
        if owner:
            for folder in (self.root, scratch):
                shutil.chown(folder, "mysql")
        made = subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={self.root}/data", "--skip-test-db",
             "--auth-root-authentication-method=normal", _OWN_IO, _own_scratch(self.root), *owner],
            check=False, timeout=120, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        assert made.returncode == 0, made.stdout

    def start(self) -> None:
        """Returns when it takes connections; a running one is left alone."""
        if self._process is not None:
            return
        owner = ["--user=mysql"] if os.getuid() == 0 else []
        self._process = subprocess.Popen(
            ["/usr/sbin/mariadbd", "--no-defaults", f"--datadir={self.root}/data", f"--port={self.port}",
             "--bind-address=127.0.0.1", f"--socket={self.root}/socket", f"--pid-file={self.root}/pid",
             "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M", "--skip-log-bin",
             _OWN_IO, _own_scratch(self.root), *owner],
            start_new_session=True, cwd=self.root, stdout=subprocess.DEVNULL, stderr=(self.root / "log").open("ab"),
        )
        for _ in range(300):
            with contextlib.suppress(pymysql.err.OperationalError):
                self._root().close()
                return
            if self._process.poll() is not None:
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.1)
        raise RuntimeError(f"MariaDB does not listen on {self.port}: {(self.root / 'log').read_text()}")

    def stop(self) -> None:
        """Breaks all connections off; what was committed stays."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait(60)
        self._process = None

    def run(self, *statements: str) -> None:
        """As root."""
        connection = self._root()
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def create_database(self) -> str:
        """The URL of a fresh, empty database, for a user who may do there what is done to rows."""
        name = f"test{next(self._names)}"
        self.run(
            f"CREATE DATABASE {name}",
            f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
            f"GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON {name}.* TO {name}@'127.0.0.1'",
        )
        return f"mariadb://{name}:pa%2Fss%40w0rd@127.0.0.1:{self.port}/{name}"

    def drop_database(self, url: str) -> None:
        name = url.rpartition("/")[2]
        self.run(f"DROP DATABASE {name}", f"DROP USER {name}@'127.0.0.1'")

    def _root(self) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
        return pymysql.connect(unix_socket=f"{self.root}/socket", user="root", autocommit=True, connect_timeout=5)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDb]:
    if not Path("/usr/sbin/mariadbd").exists():
        pytest.fail("MariaDB is not installed; apt-get install mariadb-server")
    with tempfile.TemporaryDirectory(prefix="mariadb-", ignore_cleanup_errors=True) as folder:
        server = MariaDb(Path(folder))
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def mariadb_url(mariadb_server: MariaDb) -> Iterator[str]:
    """A fresh, empty database, dropped when the test is over."""
    mariadb_server.start()
    url = mariadb_server.create_database()
    yield url
    mariadb_server.start()
    mariadb_server.drop_database(url)
