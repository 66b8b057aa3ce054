"""A mail that takes over the process which analyses it gains nothing: no network, file, secret, process or memory."""

import json
import os
import pickle
import platform
import re
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.config import Settings, load
from bounce_watcher.model.message import Destination, RawMessage
from bounce_watcher.service.analysis import analyser as workers
from bounce_watcher.service.analysis.analyser import Analyser
from bounce_watcher.service.analysis.sandbox import Protections, landlock, limits, seccomp
from bounce_watcher.service.setup.doctor import examine
from bounce_watcher.service.setup.mailbox_doctor import Check
from tests.families import for_each
from tests.service.taken_over import (
    allocates,
    connects,
    exhausts,
    forks,
    hostile,
    kills,
    lies,
    lists,
    reads,
    runs,
    sends_a_datagram,
    speaks_to_systemd,
    starts_a_thread,
    traces,
    writes,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
UNIT = Path(__file__).parents[2] / "systemd" / "bounce-watcher.service"

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")
shut_in = pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")
computing = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in {"x86_64", "aarch64"}, reason="no filter for this system"
)


def page(*contents: bytes | str) -> list[RawMessage]:
    texts = [content.encode() if isinstance(content, str) else content for content in contents]
    return [RawMessage(f"test#{number}", content, NOW) for number, content in enumerate(texts)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "config.toml").write_text(f'[database]\nurl = "sqlite:///{tmp_path}/ledger.db"\n')
    return load(tmp_path / "config.toml")


@pytest.fixture
def analyser() -> Iterator[Analyser]:
    with Analyser(AttributionSettings(), workers=1, work=hostile) as made:
        yield made


def outcome(analyser: Analyser, deed: Callable[[str], None], about: object) -> str | None:
    (analysed,) = analyser.result(analyser.submit(page(f"{deed.__name__} {about}")))
    return analysed.error


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(0.2)
        yield made


@computing
def test_no_connection_comes_of_it(analyser: Analyser, listener: socket.socket, tmp_path: Path) -> None:
    port = listener.getsockname()[1]
    connects(port)
    listener.accept()[0].close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", 0))
        datagrams.settimeout(0.2)
        assert outcome(analyser, connects, port) == "refused"
        assert outcome(analyser, sends_a_datagram, datagrams.getsockname()[1]) == "refused"
        with pytest.raises(TimeoutError):
            listener.accept()
        with pytest.raises(TimeoutError):
            datagrams.recv(1)
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(tmp_path / "bus"))
        bus.listen()
        assert outcome(analyser, speaks_to_systemd, tmp_path / "bus") == "refused"


@shut_in
def test_no_file_is_read_but_code(analyser: Analyser, tmp_path: Path) -> None:
    secret = tmp_path / "imap-password"
    secret.write_text("hunter2")
    reads(str(secret))
    tree = UNIT.parents[1]
    for path in (secret, "/etc/passwd", "/proc/self/environ", "/proc/self/maps", tree / "config.example.toml"):
        assert outcome(analyser, reads, path) == "refused", path
    for path in (tmp_path, "/", "/proc", tree):
        assert outcome(analyser, lists, path) == "refused", path
    assert outcome(analyser, reads, tree / "bounce_watcher" / "pipeline.py") == "done", "modules may be imported late"


@linux
def test_no_file_is_written(analyser: Analyser, tmp_path: Path) -> None:
    there = tmp_path / "config.toml"
    there.write_text("precious")
    writes(str(tmp_path / "made"))
    assert outcome(analyser, writes, there) == "refused"
    assert outcome(analyser, writes, tmp_path / "new") == "refused"
    assert there.read_text() == "precious"
    assert not (tmp_path / "new").exists()


@computing
def test_no_process_comes_of_it_and_none_is_touched(analyser: Analyser) -> None:
    assert outcome(analyser, forks, "away") == "refused"
    assert outcome(analyser, starts_a_thread, "away") == "refused"
    assert outcome(analyser, runs, shutil.which("true")) == "refused"
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert outcome(analyser, kills, sleeper.pid) == "refused"
        assert outcome(analyser, kills, os.getpid()) == "refused"
        assert outcome(analyser, traces, os.getpid()) == "refused"
        assert sleeper.poll() is None
    finally:
        sleeper.communicate(b"\n")


@linux
def test_memory_is_bounded(analyser: Analyser) -> None:
    assert outcome(analyser, allocates, limits.MEMORY // 4) == "done"
    assert outcome(analyser, allocates, limits.MEMORY * 2) == "refused"


@linux
def test_a_mail_that_exhausts_memory_is_singled_out() -> None:
    with Analyser(AttributionSettings(), workers=1, work=exhausts) as analyser:
        analysed = analyser.result(analyser.submit(page("a", "exhaust", "b")))
        assert [each.destination for each in analysed] == [
            Destination.PROCESSED, Destination.QUARANTINE, Destination.PROCESSED,
        ]
        assert analyser.result(analyser.submit(page("c")))[0].error is None, "and it goes on"


# ── secrets ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def memory(process: int) -> bytes:
    """All of it that can be read."""
    areas = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) r", Path(f"/proc/{process}/maps").read_text(), re.MULTILINE)
    found = bytearray()
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as file:
        for start, end in areas:
            try:
                file.seek(int(start, 16))
                found += file.read(int(end, 16) - int(start, 16))
            except (OSError, OverflowError):  # what the kernel maps for itself
                continue
    return bytes(found)


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="only root reads another's memory, on Linux")
def test_no_secret_lies_in_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a worker and of the process that it is a copy of. Planted as text that nothing else in the source holds."""
    key, password = "-".join(["planted", "token", "key"]), "-".join(["planted", "imap", "password"])
    monkeypatch.setattr(workers, "_server", workers.ForkServer())
    monkeypatch.setenv("RETURNS_PASSWORD", password)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", f"/run/credentials/{password}")
    settings = AttributionSettings("returns@seen-by-all.example.org", (key.encode(),))
    with Analyser(settings, workers=1) as analyser:
        analyser.result(analyser.submit(page(b"Subject: in-plain-sight\n\n")))
        (worker,) = analyser._all
        server = workers._server._process
        assert server is not None
        seen, before = memory(worker.process), memory(server.pid)
    assert b"seen-by-all.example.org" in seen, "or nothing was read"
    assert b"bounce_watcher" in before
    for secret in (key.encode(), password.encode()):
        assert secret in memory(os.getpid())
        assert secret not in seen
        assert secret not in before


# ── what it may say ─────────────────────────────────────────────────────────────────────────────────────────────────

class Bomb:
    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self._path,)


def framed(message: bytes) -> bytes:
    return struct.pack("!i", len(message)) + message


def analysed(*each: object) -> bytes:
    return framed(b"d" + json.dumps(each).encode())


@for_each("lie", [
    framed(b"d\x80\x04not json"),
    framed(b"?what"),
    framed(b""),
    framed(b"t" + b"a" * 12 + b" no hex"),
    struct.pack("!i", -1) + struct.pack("!Q", 1 << 40),
    analysed(),
    analysed({"record": None, "destination": "nowhere", "error": None}),
    analysed({"record": {"digest": 7}, "destination": "processed", "error": None}),
    analysed(*[{"record": None, "destination": "processed", "error": None}] * 9),
])
def test_a_lie_sends_its_own_mail_to_quarantine(lie: bytes) -> None:
    with Analyser(AttributionSettings(), workers=1, work=lies) as analyser:
        found = analyser.result(analyser.submit(page(b"honest", lie, b"honest")))
        assert [each.destination for each in found] == [
            Destination.PROCESSED, Destination.QUARANTINE, Destination.PROCESSED,
        ]


def test_what_it_says_runs_nothing_here(tmp_path: Path) -> None:
    made = tmp_path / "made by the service"
    with Analyser(AttributionSettings(), workers=1, work=lies) as analyser:
        for lie in (framed(pickle.dumps(Bomb(str(made)))), framed(b"d" + pickle.dumps(Bomb(str(made))))):
            (found,) = analyser.result(analyser.submit(page(lie)))
            assert found.destination is Destination.QUARANTINE
    assert not made.exists()
    pickle.loads(pickle.dumps(Bomb(str(made))))
    assert made.exists()


def test_a_fork_server_that_dies_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    server = workers.ForkServer()
    monkeypatch.setattr(workers, "_server", server)
    with Analyser(AttributionSettings(), workers=1) as analyser:
        for _ in range(2):
            (found,) = analyser.result(analyser.submit(page(b"Subject: x\n\n")))
            assert found.error is None
            assert server._process is not None
            server._process.kill()
            server._process.wait()
            for worker in analyser._all:
                worker._connection.poll(10)  # it ends with the server


# ── where the kernel does not help ──────────────────────────────────────────────────────────────────────────────────

WITHOUT = """
import json, os, sys
from dataclasses import asdict
from bounce_watcher.service.analysis import sandbox
from bounce_watcher.service.analysis.sandbox import kernel, landlock, limits, seccomp
def refused(*arguments):
    raise OSError(1, "not permitted")
kernel.prctl = landlock.syscall = seccomp.prctl = refused
limits._set = lambda name, limit: False
print(json.dumps(asdict(sandbox.confine())), flush=True)
"""


def test_what_the_kernel_refuses_is_told_and_stops_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout) == {"no_network": False, "no_files": False, "no_processes": False, "memory": None}, (
        done.stderr
    )


def test_an_architecture_that_no_table_knows_has_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "s390x")
    assert seccomp.allow_only_computing() is False


@computing
@shut_in
def test_on_this_machine_all_of_it_holds(analyser: Analyser) -> None:
    found = analyser.protections()
    assert (found.no_network, found.no_files, found.no_processes, found.memory) == (True, True, True, limits.MEMORY)


@computing
@shut_in
def test_doctor_tells_what_is_in_force(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    (check,) = [check for check in examine(settings) if check.name == "analysis"]
    assert check == Check("analysis", True, "processes that read mail have no secrets, no network, no files, "
                                            "no other processes, a bound of memory (1024 MB)")
    bare = Protections(no_network=False, no_files=False, no_processes=True, memory=None)
    monkeypatch.setattr(Analyser, "protections", lambda _: bare)
    (check,) = [check for check in examine(settings) if check.name == "analysis"]
    assert check.ok
    assert check.detail.endswith(
        "no secrets, no other processes; not in force: no network, no files, a bound of memory"
    )
    assert "Landlock" in check.fix


HEADERS = ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h")


@pytest.mark.skipif(not all(Path(each).exists() for each in HEADERS), reason="needs linux-libc-dev, on x86_64")
def test_numbers_are_those_of_the_kernels_headers() -> None:
    for column, path in enumerate(HEADERS):
        told = re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)", Path(path).read_text(), re.MULTILINE)
        numbers = {name: int(number) for name, number in told}
        numbers.setdefault("newfstatat", numbers.get("fstatat", -1))
        table = seccomp.CALLS | {name: numbers for name, (numbers, _) in seccomp.OPENING.items()}
        assert {name: each[column] for name, each in table.items()} == {name: numbers.get(name) for name in table}


def test_the_unit_lets_it_shut_itself_in() -> None:
    """A unit that forbids these calls would leave analysing processes freer than without it."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("systemd-analyze is not installed")
    allowed = set[str]()
    for line in re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text(), re.MULTILINE):
        names = {name for word in line.lstrip("~").split() for name in expanded(analyze, word)}
        allowed = allowed - names if line.startswith("~") else allowed | names
    needed = {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "prctl", "seccomp", "prlimit64",
              "setsid", "fork", "clone", "clone3", "setitimer"}
    assert needed - allowed == set()
    assert {"mount", "ptrace", "bpf", "nice"} & allowed == set()


def expanded(analyze: str, word: str) -> set[str]:
    if not word.startswith("@"):
        return {word}
    done = subprocess.run([analyze, "syscall-filter", "--no-pager", word], capture_output=True, text=True, check=True)
    names = [line.strip() for line in done.stdout.splitlines()[1:] if line.strip() and "#" not in line]
    return {name for each in names for name in expanded(analyze, each)}
