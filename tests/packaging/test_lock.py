"""The lock files hold everything with hashes: what has no line there is of whatever version was published last."""

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.lock import EXTRAS, IN_EXTRAS, NEEDED, PROJECT, ROOT, TESTS, locks

Wanted = tuple[str, frozenset[str]]
"""A distribution's name, and the extras of it that are asked for."""

_PIN = re.compile(r"([\w.-]+)==([\w.+!-]+)(?: ; ([^\\\n]+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)")


@dataclass(frozen=True, slots=True)
class Pin:
    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """On this machine."""
        return not self.marker or bool(Requirement(f"{self.name} ; {self.marker}").marker.evaluate())  # type: ignore[union-attr]


def pins(path: str) -> list[Pin]:
    """All of a lock; fails on a line that is none, as one without a hash."""
    text = (ROOT / path).read_text().partition("\n")[2]
    assert _PIN.sub("", text) == "", f"{path}: something has no hash, or no one version"
    return [Pin(name, version, marker, tuple(re.findall("sha256:([0-9a-f]+)", hashes)))
            for name, version, marker, hashes in _PIN.findall(text)]


def plain(name: str) -> str:
    """Names don't tell case, ".", "-" and "_" apart."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(requirements: Iterable[str], extras: Iterable[str] = ()) -> set[Wanted]:
    """What holds on this machine where `extras` are asked for."""
    return {
        (plain(each.name), frozenset(each.extras)) for each in map(Requirement, requirements)
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in (*extras, ""))
    }


def needed(requirements: Iterable[str]) -> set[str]:
    """What is needed of these, and what that needs in turn, by what is installed here."""
    found = set[Wanted]()
    more = wanted(requirements)
    while more:
        found |= more
        more = {each for name, extras in more for each in wanted(metadata.requires(name) or (), extras)} - found
    return {name for name, _ in found}


def names(path: str) -> set[str]:
    return {plain(pin.name) for pin in pins(path)}


ALL = [lock.path for lock in locks()]


def test_everything_that_is_needed_is_locked() -> None:
    everything = needed([*NEEDED, *IN_EXTRAS, *TESTS])
    assert {"fastapi", "pydantic-core", "psycopg-binary", "pytest"} <= everything
    assert sorted(everything - names("tests/requirements.lock")) == []
    assert sorted(needed([*NEEDED, *IN_EXTRAS]) - names("requirements-all.lock")) == []
    assert sorted(needed(NEEDED) - names("requirements.lock")) == []
    assert sorted(needed(PROJECT["build-system"]["requires"]) - names("requirements-build.lock")) == []


def test_what_runs_has_nothing_of_the_tests_and_the_build() -> None:
    assert {"pytest", "hatchling", "mypy"} & names("requirements-all.lock") == set()


def test_without_extras_nothing_of_them_is_installed() -> None:
    alone = {plain(Requirement(each).name) for each in IN_EXTRAS}
    assert alone >= {"apprise", "botocore", "pymap"}
    assert alone & names("requirements.lock") == set()
    assert names("requirements.lock") < names("requirements-all.lock")


def test_all_is_every_extra() -> None:
    assert PROJECT["project"]["optional-dependencies"]["all"] == [f"bounce-watcher[{','.join(sorted(EXTRAS))}]"]


@pytest.mark.parametrize("path", ALL)
def test_each_is_one_version_once_with_hashes(path: str) -> None:
    found = [plain(pin.name) for pin in pins(path)]
    assert found
    assert sorted({name for name in found if found.count(name) > 1}) == []
    assert all(len(set(pin.hashes)) == len(pin.hashes) for pin in pins(path))


@pytest.mark.parametrize("path", ALL)
def test_no_lock_tells_where_it_was_made(path: str) -> None:
    text = (ROOT / path).read_text()
    assert re.findall(r"https?://|file:|--index-url|--find-links|@ |(?m:^/)", text) == []


def test_locks_are_of_one_mind() -> None:
    """What is tested is what runs, to the byte."""
    tested = {(pin.name, pin.version, pin.hashes) for pin in pins("tests/requirements.lock")}
    for path in ("requirements.lock", "requirements-all.lock", "requirements-build.lock"):
        assert [pin for pin in pins(path) if (pin.name, pin.version, pin.hashes) not in tested] == [], path


@pytest.mark.parametrize("path", [path for path in ALL if "/servers/" not in path])
def test_they_are_what_the_project_asks_for(path: str) -> None:
    asked = {plain(each.name): each.specifier for each in map(Requirement, [
        *NEEDED, *IN_EXTRAS, *TESTS, *PROJECT["build-system"]["requires"]])}
    outside = [pin for pin in pins(path) if plain(pin.name) in asked
               and not asked[plain(pin.name)].contains(Version(pin.version))]
    assert outside == []


def test_what_is_installed_here_is_what_is_locked() -> None:
    here = {plain(pin.name): metadata.version(pin.name) for pin in pins("tests/requirements.lock") if pin.holds}
    assert here == {plain(pin.name): pin.version for pin in pins("tests/requirements.lock") if pin.holds}


def test_every_system_finds_its_files() -> None:
    """A wheel a Python and machine: with the hashes of this machine's alone, no other could install anything."""
    few = {pin.name: len(pin.hashes) for pin in pins("requirements.lock")
           if pin.name in {"cryptography", "pydantic-core", "selectolax", "sqlalchemy", "zstandard"}}
    assert len(few) == 5
    assert {name: number for name, number in few.items() if number < 20} == {}


# ── pip and the locks ───────────────────────────────────────────────────────────────────────────────────────────────

def small_wheel(folder: Path, says: str) -> Path:
    path = folder / "smallest-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(zipfile.ZipInfo("smallest.py"), says)
        for name, text in {
            "METADATA": "Metadata-Version: 2.1\nName: smallest\nVersion: 1.0\n",
            "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "RECORD": "",
        }.items():
            wheel.writestr(zipfile.ZipInfo(f"smallest-1.0.dist-info/{name}"), text)
    return path


def test_a_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    """By the options that README's commands give to pip."""
    digest = sha256(small_wheel(tmp_path, "good = True").read_bytes()).hexdigest()
    lock = tmp_path / "small.lock"
    lock.write_text(f"smallest==1.0 \\\n    --hash=sha256:{digest}\n")
    install = [sys.executable, "-m", "pip", "install", "--no-index", "--find-links", str(tmp_path), "--target",
               str(tmp_path / "there"), "--require-hashes", "-r", str(lock)]
    assert subprocess.run(install, capture_output=True, check=False).returncode == 0
    small_wheel(tmp_path, "good = False")
    done = subprocess.run([*install, "--upgrade"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr


def test_every_command_that_installs_asks_for_hashes() -> None:
    """Of what comes from elsewhere; the project itself comes without dependencies and with the build tools at hand."""
    shown = [*(ROOT / "README.md").read_text().splitlines(), *(ROOT / ".ci" / "run").read_text().splitlines(),
             *(ROOT / "bounce_watcher" / "share" / "Containerfile").read_text().splitlines()]
    commands = [part for line in shown for part in line.split("&&")
                if re.search(r"/bin/pip\"? (--python \S+ )?(install|wheel) ", part)]
    assert len(commands) == 11, commands
    for command in commands:
        sealed = "--require-hashes -r " in command
        own = "--no-deps" in command and ("--no-build-isolation" in command or "--no-index" in command)
        assert sealed != own, command
