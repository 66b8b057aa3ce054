"""A ledger that every user of the machine can get at is told of, with the command that ends it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bounce_watcher.ledger.db.modes import Exposure, exposures, sqlite_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o750)
    path = folder / "ledger.db"
    path.touch(0o600)
    return path


def found(file: Path) -> list[tuple[str, bool]]:
    return [(each.path.name, each.can_change) for each in exposures(f"sqlite:///{file}")]


@pytest.mark.parametrize(("mode", "exposed"), [
    (0o600, []), (0o640, []), (0o660, []), (0o644, [("ledger.db", False)]), (0o666, [("ledger.db", True)]),
    (0o602, [("ledger.db", True)]),
])
def test_the_file(file: Path, mode: int, exposed: list[tuple[str, bool]]) -> None:
    file.chmod(mode)
    assert found(file) == exposed


@pytest.mark.parametrize("ending", ["-wal", "-shm", "-journal"])
def test_the_files_beside_it(file: Path, ending: str) -> None:
    Path(f"{file}{ending}").touch()
    Path(f"{file}{ending}").chmod(0o644)
    assert found(file) == [(f"ledger.db{ending}", False)]


@pytest.mark.parametrize(("mode", "exposed"), [
    (0o700, []), (0o755, []), (0o770, []), (0o777, [("state", True)]), (0o1777, [("state", True)]),
])
def test_the_folder(file: Path, mode: int, exposed: list[tuple[str, bool]]) -> None:
    file.parent.chmod(mode)
    assert found(file) == exposed


def test_the_command_that_is_told_ends_it(file: Path) -> None:
    file.chmod(0o666)
    file.parent.chmod(0o777)
    for each in exposures(f"sqlite:///{file}"):
        subprocess.run(each.fix.split(), check=True)
    assert found(file) == []


def test_what_is_no_file_is_nothing_to_tell_of(tmp_path: Path) -> None:
    assert list(exposures("postgresql+psycopg://user@host/db")) == []
    assert list(exposures(f"sqlite:///{tmp_path}/nowhere/ledger.db")) == []
    assert sqlite_file("sqlite:///file:x?uri=true") is None
    assert "addresses" in Exposure(tmp_path / "x", can_change=False).detail


_SCRIPT = """
import json, os, pathlib, sys
from bounce_watcher.ledger.store import Ledger
os.umask(0)
with Ledger.connect(f"sqlite:///{sys.argv[1]}/ledger.db") as ledger:
    ledger.upgrade()
    print(json.dumps({each.name: each.stat().st_mode & 0o777 for each in pathlib.Path(sys.argv[1]).iterdir()}))
"""


def test_a_ledger_is_made_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT, tmp_path], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == dict.fromkeys(("ledger.db", "ledger.db-wal", "ledger.db-shm"), 0o600)
