"""The package as people install it: everything inside, in an environment that has never seen the source tree."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.lock import IN_EXTRAS, NEEDED, PROJECT
from tests.packaging.test_lock import pins, plain

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "bounce_watcher"
CODE_APART = {".py", ".pyc"}


def run(*command: str | Path, cwd: Path, status: int = 0) -> str:
    environ = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "BOUNCE_WATCHER_CONFIG"}}
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, timeout=120, cwd=cwd, env=environ
    )
    assert done.returncode == status, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def built(kind: str, source: Path, to: Path) -> Path:
    """As pip has it built, by the backend that pyproject names."""
    name = run(sys.executable, "-c", f"import hatchling.build as b; print(b.build_{kind}({str(to)!r}))", cwd=source)
    return to / name.split()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Installed from the wheel. What it needs of others comes from this environment."""
    home = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=home)
    python = home / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel, cwd=home)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home).strip())
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin" / "bounce-watcher"


def test_everything_of_the_package_is_inside(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("bounce_watcher/")}
    there = {
        str(path.relative_to(ROOT)) for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    assert there - inside == set()
    kinds = {Path(name).suffix for name in inside} - CODE_APART
    assert kinds >= {".toml", ".md", ".json", ".html", ".css", ".js", ".service", ".typed"}


def test_files_that_are_links_here_are_whole_there(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    for link in (path for path in PACKAGE.rglob("*") if path.is_symlink()):
        assert archive.read(str(link.relative_to(ROOT))) == link.read_bytes(), link


def test_the_manual_page_goes_where_man_looks(wheel: Path, program: Path) -> None:
    assert (program.parents[1] / "share" / "man" / "man1" / "bounce-watcher.1").read_text() == (
        ROOT / "bounce_watcher" / "share" / "bounce-watcher.1"
    ).read_text()


def test_its_bill_of_materials_is_the_lock(wheel: Path) -> None:
    """In the place of PEP 770, by CycloneDX's own schema."""
    from cyclonedx.schema import SchemaVersion  # here: its import takes seconds, and each process collects this file
    from cyclonedx.validation.json import JsonStrictValidator

    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if ".dist-info/sboms/" in name]
    assert name.endswith(".dist-info/sboms/bounce-watcher.cdx.json")
    text = archive.read(name).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.replace('"library"', '"libary"')) is not None
    told = json.loads(text)
    locked = {f"pkg:pypi/{plain(pin.name)}@{pin.version}" for pin in pins("requirements-all.lock")}
    assert {part["purl"] for part in told["components"]} == locked
    whole = told["metadata"]["component"]
    assert (whole["name"], whole["version"]) == ("bounce-watcher", PROJECT["project"]["version"])
    (edges,) = told["dependencies"]
    direct = {plain(Requirement(each).name) for each in (*NEEDED, *IN_EXTRAS)}
    assert {ref.removeprefix("pkg:pypi/").partition("@")[0] for ref in edges["dependsOn"]} == direct


def test_a_wheel_of_the_source_archive_is_the_same(wheel: Path, tmp_path: Path) -> None:
    """What PyPI's mirrors and distributions build from."""
    archive = built("sdist", ROOT, tmp_path)
    with tarfile.open(archive) as source:
        source.extractall(tmp_path, filter="data")
    again = zipfile.ZipFile(built("wheel", tmp_path / archive.name.removesuffix(".tar.gz"), tmp_path))
    once = zipfile.ZipFile(wheel)
    assert set(again.namelist()) == set(once.namelist())
    assert [name for name in once.namelist() if once.read(name) != again.read(name)] == []


def test_it_runs_from_there(program: Path, tmp_path: Path) -> None:
    project = (ROOT / "pyproject.toml").read_text()
    (version,) = re.findall(r'^version = "(.*)"$', project, re.MULTILINE)
    assert run(program, "--version", cwd=tmp_path) == f"bounce-watcher {version}\n"
    python = program.with_name("python")
    where = run(python, "-c", "import bounce_watcher; print(bounce_watcher.__file__)", cwd=tmp_path)
    assert where.startswith(str(program.parents[1])), "or the source tree would be tried out"
    (tmp_path / "secrets").mkdir(mode=0o700)
    for name, secret in {"imap": "hunter2", "hook": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}.items():
        (tmp_path / "secrets" / name).write_text(secret)
        (tmp_path / "secrets" / name).chmod(0o600)
    write = (
        "from bounce_watcher.service.setup.writing import written\n"
        "print(written({'mailbox': {'name': 'returns', 'host': 'imap.example.org', 'username': 'u', "
        "'password_file': 'secrets/imap'}, 'webhook': {'name': 'p', 'url': 'https://p.example.org/', "
        "'secret_credential': 'hook'}}))"
    )
    (tmp_path / "config.toml").write_text(run(python, "-c", write, cwd=tmp_path))
    assert "is fine" in run(program, "check-config", "-c", tmp_path / "config.toml", cwd=tmp_path)
    run(program, "db", "upgrade", "-c", _with_ledger(tmp_path), cwd=tmp_path)
    run(program, "init", "--yes", cwd=tmp_path, status=2)


def _with_ledger(folder: Path) -> Path:
    text = (folder / "config.toml").read_text()
    (folder / "with-ledger.toml").write_text(text.replace("[database]", '[database]\nurl = "sqlite:///ledger.db"', 1))
    return folder / "with-ledger.toml"


def test_it_reads_a_bounce_by_the_rules_inside(program: Path, tmp_path: Path) -> None:
    sample = next(path for path in sorted((ROOT / "tests" / "corpus").rglob("*.eml")))
    told = run(program, "classify", "--json", sample, cwd=tmp_path)
    assert '"kind"' in told
    refusal = "550 5.1.1 The email account that you tried to reach does not exist"
    reply = run(program, "classify-reply", "--jsonl", refusal, cwd=tmp_path)
    assert "invalid_recipient" in reply
