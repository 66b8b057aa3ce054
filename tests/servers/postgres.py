"""A private PostgreSQL on loopback: its own folder, its own high port, no fsync.

    def test_something(postgres_url): …                  # a fresh, empty database for each test
    def test_outage(postgres_url, postgres_server):
        postgres_server.stop(); postgres_server.start()  # the port stays the same
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.servers.processes import free_port

_USER = "ledger"
# The zone is not UTC on purpose: what comes back must not depend on the server's.
_CONFIG = """
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 60
shared_buffers = 128MB
timezone = 'America/Caracas'
lc_messages = 'C'
"""


@cache
def _binaries() -> Path | None:
    """The folder of the newest initdb and postgres: Debian keeps them out of PATH."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if in_path := shutil.which("initdb"):
        found.append(Path(in_path).resolve().parent)
    return max(found, key=lambda folder: folder.parent.name.zfill(4), default=None)


def _owner() -> pwd.struct_passwd:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("neither a user postgres nor a user nobody to run PostgreSQL as")


def _ticks(stat: Path, mother: int) -> int:
    """What a process has used, 0 where it is neither the mother nor one of her children (proc(5))."""
    try:
        told = stat.read_text()
    except OSError:  # it is gone
        return 0
    fields = told.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12]) if mother in (int(fields[1]), int(told.split()[0])) else 0


@dataclass
class Postgres:
    """One instance, running or stopped. The port stays the same over stop() and start()."""

    root: Path
    binaries: Path
    owner: pwd.struct_passwd = field(default_factory=_owner)
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None
    _names: Iterator[int] = field(default_factory=count)

    def create(self) -> None:
        os.chown(self.root, self.owner.pw_uid, self.owner.pw_gid)
        self._run("initdb", "-D", f"{self.root}/data", "-U", _USER, "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8",
                  "--no-sync")
        with (self.root / "data/postgresql.conf").open("a") as config:
            config.write(_CONFIG)

    def start(self) -> None:
        """Returns when it takes connections; a running one is left alone."""
        if self._process is not None:
            return
        self._process = subprocess.Popen(
            [*self._as_owner(), str(self.binaries / "postgres"), "-D", f"{self.root}/data", "-p", str(self.port),
             "-h", "127.0.0.1", "-k", str(self.root)],
            start_new_session=True, cwd=self.root, stdout=subprocess.DEVNULL,
            stderr=(self.root / "log").open("ab"),
        )
        for _ in range(150):
            if self._run("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "1", check=False) == 0:
                return
            if self._process.poll() is not None:
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
        raise RuntimeError(f"PostgreSQL does not listen on {self.port}: {(self.root / 'log').read_text()}")

    def stop(self) -> None:
        """Breaks all connections off at once ("fast shutdown"); what was committed stays."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)
        self._process = None

    def cpu_seconds(self) -> float:
        """Of all its processes that live."""
        mother = self._process.pid if self._process else 0
        ticks = (_ticks(path, mother) for path in Path("/proc").glob("[0-9]*/stat"))
        return sum(ticks) / os.sysconf("SC_CLK_TCK")

    def create_database(self, like: str = "template1") -> str:
        """The SQLAlchemy URL of a fresh database: empty, or a copy of the one of this name or URL."""
        name, template = f"test{next(self._names)}", like.rpartition("/")[2]
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return f"postgresql+psycopg://{_USER}@127.0.0.1:{self.port}/{name}"

    def drop_database(self, url: str) -> None:
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)".encode())

    def _address(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user={_USER} dbname={database}"

    def _as_owner(self) -> list[str]:
        """setpriv puts itself away for what it runs, so a signal to the process is a signal to the server."""
        if os.getuid() != 0:
            return []
        owner = self.owner
        return ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        done = subprocess.run(
            [*self._as_owner(), str(self.binaries / program), *arguments], cwd=self.root, check=False, timeout=120,
            capture_output=True, text=True,
        )
        if check and done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")
        return done.returncode


@contextlib.contextmanager
def one_running() -> Iterator[Postgres]:
    """Raises RuntimeError where PostgreSQL is not installed."""
    binaries = _binaries()
    if binaries is None:
        raise RuntimeError("PostgreSQL is not installed; apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder), binaries)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    if _binaries() is None and not os.environ.get("CI"):
        pytest.skip("PostgreSQL is not installed")
    with one_running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """A fresh, empty database, dropped when the test is over."""
    postgres_server.start()
    url = postgres_server.create_database()
    yield url
    postgres_server.start()
    postgres_server.drop_database(url)
