"""The unit file, judged by systemd's own tools."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bounce_watcher.service.setup.writing import drop_in

UNIT = Path(__file__).parents[2] / "systemd" / "bounce-watcher.service"
INSTALLED = "/opt/bounce-watcher/bin/bounce-watcher"
EXPOSURE_AT_MOST = 1.1

IMPORT_ALL_WITHOUT_WRITABLE_CODE = """
import ctypes, sys
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1   # what MemoryDenyWriteExecute=yes asks of the kernel since Linux 6.3
if ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0):
    sys.exit(77)
import importlib, pkgutil, ssl
import bounce_watcher, flufl.bounce, psycopg, pymap.imap
for module in pkgutil.walk_packages(bounce_watcher.__path__, "bounce_watcher."):
    if not module.name.endswith("__main__") and ".migrations." not in module.name:
        importlib.import_module(module.name)
ssl.create_default_context()
"""


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("systemd-analyze is not installed")
    return found


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    """The unit with a program that is there on this machine."""
    program = tmp_path / "bounce-watcher"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(INSTALLED, str(program)))
    return unit


def verified(analyze: str, unit: Path) -> str:
    """What `systemd-analyze verify` has to say; with 252 a warning alone does not show in its exit status."""
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"exit status {done.returncode}")


def test_verify_is_clean(analyze: str, staged: Path) -> None:
    assert verified(analyze, staged) == ""


def test_the_examples_in_its_comments_are_clean(analyze: str, staged: Path) -> None:
    text = staged.read_text()
    examples = re.findall(r"^#   ((?:LoadCredential|IPAddress\w+|Exec\w+|Environment)=.*)$", text, re.MULTILINE)
    assert len(examples) == 9
    drop_in = "\n".join(examples).replace("/usr/local/bin/bounce-watcher", str(staged.parent / "bounce-watcher"))
    staged.write_text(text.replace("\n[Install]", f"\n{drop_in}\n\n[Install]"))
    assert verified(analyze, staged) == ""


def test_verify_would_have_said_so(analyze: str, staged: Path) -> None:
    staged.write_text(staged.read_text().replace("ProtectHome=yes", "ProtectHouse=yes"))
    assert "Unknown key 'ProtectHouse'" in verified(analyze, staged)


def test_exposure(analyze: str) -> None:
    done = subprocess.run(
        [analyze, "security", "--offline=yes", "--no-pager", str(UNIT)],
        capture_output=True, text=True, check=True, env={**os.environ, "SYSTEMD_COLORS": "0"},
    )
    told = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert told, done.stdout
    assert float(told[1]) <= EXPOSURE_AT_MOST


def test_what_it_may_take_of_the_machine_is_bounded_and_its_end_is_not_the_services() -> None:
    lines = UNIT.read_text().splitlines()
    assert {"MemoryMax=75%", "TasksMax=2048", "IPAddressDeny=multicast", "LimitCORE=0"} <= set(lines)
    assert "OOMPolicy=continue" in lines, "or one mail that takes all memory would stop the service"


def test_the_program_needs_no_memory_that_is_writable_and_executable() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL_WITHOUT_WRITABLE_CODE],
        capture_output=True, text=True, check=False, cwd=UNIT.parents[1],
    )
    if done.returncode == 77:
        pytest.skip("this kernel knows no PR_SET_MDWE")
    assert done.returncode == 0, done.stderr


# ── the user and the folders ────────────────────────────────────────────────────────────────────────────────────────

def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not installed")
    return found


def test_the_user_is_made_once_and_is_the_units(tmp_path: Path) -> None:
    """A user that is there already takes the place of a dynamic one: systemd.exec(5), DynamicUser=."""
    asked = [tool("systemd-sysusers"), f"--root={tmp_path}", "--dry-run", str(UNIT.with_suffix(".sysusers"))]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert re.findall(r"Would create user (\S+)|Creating user '(\S+)'", told), told
    assert not re.search(r"sysusers:\d+|ignoring", told), told
    assert "User=bounce-watcher" in UNIT.read_text().splitlines()


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to root")
def test_the_folder_of_secrets_is_roots_alone(tmp_path: Path) -> None:
    secrets = tmp_path / "etc" / "bounce-watcher" / "secrets"
    secrets.mkdir(parents=True, mode=0o755)
    (secrets / "imap-password").write_text("hunter2\n")
    create = [tool("systemd-tmpfiles"), f"--root={tmp_path}", "--create", str(UNIT.with_suffix(".tmpfiles"))]
    done = subprocess.run(create, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert (secrets / "imap-password").stat().st_mode & 0o777 == 0o600
    assert secrets.parent.stat().st_mode & 0o777 == 0o755


def test_what_init_writes_beside_the_unit_is_clean(analyze: str, staged: Path) -> None:
    program, config = staged.parent / "bounce-watcher", Path("/etc/bounce-watcher/100% of it/config.toml")
    folder = staged.parent / f"{UNIT.name}.d"
    folder.mkdir()
    (folder / "init.conf").write_text(drop_in(program, config, ["imap-password", "webhook-secret"]))
    assert verified(analyze, staged) == ""
    (folder / "init.conf").write_text("[Service]\nLoadCredential=\nNoSuchKey=1\n")
    assert "NoSuchKey" in verified(analyze, staged), "the drop-in is read"
