"""The container file holds with what stands beside it. Whether it builds and runs: `python -m tests.container`."""

import ast
import configparser
import json
import re
import shlex
import subprocess
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from bounce_watcher.config.settings import WebSettings
from bounce_watcher.web.http.access import OPEN
from tests.container import __main__ as tried_out
from tests.container import kept
from tests.container.podman import command
from tests.families import for_each

ROOT = Path(__file__).parents[2]
FILE = (ROOT / "bounce_watcher" / "share" / "Containerfile").read_text()
UNIT = (ROOT / "systemd" / "bounce-watcher.service").read_text()
QUADLET = (ROOT / "systemd" / "bounce-watcher.container").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONFIGURATION, STATE = "/etc/bounce-watcher", "/var/lib/bounce-watcher"

LINES = [line for line in FILE.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]


def told(instruction: str) -> list[str]:
    """What follows an instruction, wherever it stands."""
    return [line.partition(" ")[2].strip() for line in LINES if line.startswith(f"{instruction} ")]


def last(instruction: str) -> str:
    return told(instruction)[-1]


def words_after(option: str, words: list[str]) -> list[str]:
    return [after for word, after in pairwise(words) if word == option]


def keys(text: str) -> dict[str, list[str]]:
    """Each key of a unit file's section [Container] with all its values."""
    section = text.partition("[Container]\n")[2].partition("\n\n")[0]
    pairs = [line.partition("=") for line in section.splitlines() if "=" in line and not line.startswith("#")]
    return {key: [value for name, _, value in pairs if name == key] for key, _, _ in pairs}


# ── as the unit has it ──────────────────────────────────────────────────────────────────────────────────────────────

def test_paths_are_the_units() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.read_string(UNIT)
    (program, *arguments) = shlex.split(unit["Service"]["ExecStart"])
    assert last("WORKDIR") == last("VOLUME") == unit["Service"]["WorkingDirectory"] == STATE
    assert f"--home-dir {STATE} " in last("RUN")
    assert f"/etc/{unit['Service']['ConfigurationDirectory']}" == CONFIGURATION
    assert arguments == ["run", "-c", f"{CONFIGURATION}/config.toml"], "where `run` looks by itself"
    assert last("COPY").split()[-1] == str(Path(program).parents[1])
    assert last("ENV").startswith(f"PATH={Path(program).parent}:")
    assert unit["Service"]["TimeoutStopSec"] == "90s"
    assert words_after("--stop-timeout", command("run")) == keys(QUADLET)["StopTimeout"] == ["90"]


def test_what_is_started_is_the_projects_program() -> None:
    (program,) = json.loads(last("ENTRYPOINT"))
    assert program in PROJECT["scripts"]
    assert json.loads(last("CMD")) == ["run"]


def test_the_port_is_where_the_configuration_listens_by_itself() -> None:
    port = str(WebSettings().port)
    assert last("EXPOSE") == port
    assert words_after("--publish", command("run")) == keys(QUADLET)["PublishPort"] == [f"127.0.0.1:{port}:{port}"]
    assert f'listen = "127.0.0.1:{port}"' in (ROOT / "config.example.toml").read_text()


def test_the_health_check_is_a_program_that_asks_what_needs_no_token() -> None:
    check = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    assert check[:3] == ["python", "-I", "-c"]
    constants = [node.value for node in ast.walk(ast.parse(check[3])) if isinstance(node, ast.Constant)]
    assert int(last("EXPOSE")) in constants
    assert OPEN & set(map(str, constants))


def test_its_user_is_one_of_its_own_and_secrets_are_that_users() -> None:
    user = words_after("--uid", last("RUN").split())[0]
    assert last("USER") == f"{user}:{user}"
    assert 10_000 <= int(user) < 60_000
    assert "--shell /usr/sbin/nologin" in last("RUN")
    secrets = words_after("--secret", command("run"))
    assert secrets == keys(QUADLET)["Secret"]
    assert all(f",uid={user},mode=0400" in secret for secret in secrets)


# ── what it is built from ───────────────────────────────────────────────────────────────────────────────────────────

def test_labels_are_the_projects() -> None:
    labels = dict(word.split("=", 1) for word in shlex.split(last("LABEL")))
    assert labels["org.opencontainers.image.title"] == PROJECT["name"]
    assert labels["org.opencontainers.image.version"] == PROJECT["version"]
    assert labels["org.opencontainers.image.licenses"] == PROJECT["license"]


def test_both_stages_have_the_base_that_is_given() -> None:
    assert [each.split()[0] for each in told("FROM")] == ["${BASE}", "${BASE}"]
    assert told("ARG") == [f"BASE=docker.io/library/python:{kept.PYTHON}-slim", "BASE", "BASE"]


@for_each(("base", "status"), [
    ("docker.io/library/python@sha256:" + "0" * 64, 0), ("docker.io/library/python:3.13-slim@sha256:" + "0" * 64, 0),
    ("localhost/debian-python:kept", 0), ("docker.io/library/python:3.13-slim", 1), ("python", 1), ("", 1),
])
def test_a_base_is_named_by_its_digest(base: str, status: int) -> None:
    check = next(each for each in told("RUN") if each.startswith("case "))
    done = subprocess.run(["sh", "-c", check], env={"BASE": base}, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert ("--build-arg BASE=name@sha256:" in done.stderr) is bool(status)


def test_what_is_fetched_has_a_hash_in_a_lock() -> None:
    built = next(each for each in told("RUN") if "venv /build" in each)
    fetching = [part for part in built.split("&&") if "pip" in part.split("venv")[-1] and "--no-deps" not in part]
    assert [part.split("--require-hashes")[-1].split() for part in fetching if "install" in part] == [
        ["-r", "requirements-build.lock"], ["-r", "requirements-all.lock"],
    ]


def test_a_build_sees_what_the_wheel_is_made_of_and_no_more() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    linked = {path.resolve().relative_to(ROOT).parts[0] for path in (ROOT / "bounce_watcher").rglob("*")
              if path.is_symlink()}
    described = {"pyproject.toml", PROJECT["readme"], *PROJECT["license-files"]}
    assert let_in == {"bounce_watcher", "requirements-all.lock", "requirements-build.lock", *linked, *described}


# ── as README and Quadlet run it ────────────────────────────────────────────────────────────────────────────────────

@for_each(("option", "key", "value"), [
    ("--name", "ContainerName", None), ("--volume", "Volume", None), ("--cap-drop", "DropCapability", None),
    ("--health-on-failure", "HealthOnFailure", None), ("--read-only", "ReadOnly", "true"),
    ("--init", "RunInit", "true"), ("no-new-privileges", "NoNewPrivileges", "true"),
])
def test_quadlet_asks_for_what_readme_asks_for(option: str, key: str, value: str | None) -> None:
    words = command("run")
    assert option in words
    assert keys(QUADLET)[key] == ([value] if value else words_after(option, words))


def test_what_is_mounted_is_what_the_image_has() -> None:
    assert words_after("--volume", command("run")) == [f"{CONFIGURATION}:{CONFIGURATION}:ro", f"bounce-watcher:{STATE}"]
    assert command("build")[-1] == "."
    assert (ROOT / words_after("-f", command("build"))[0]).read_text() == FILE
    assert words_after("--format", command("build")) == ["docker"], "the OCI's has no health check"


def test_every_secret_is_made_before_it_is_used() -> None:
    used = [secret.split(",")[0] for secret in words_after("--secret", command("run"))]
    made = [command("secret", "create", name)[-1] for name in used]
    assert made == [f"{CONFIGURATION}/secrets/{name}" for name in used]


def test_who_lacks_something_is_told_how_to_get_it_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    (line,) = tried_out.missing().splitlines()
    assert re.search(r"apt-get install .*\bpodman\b.*\bmmdebstrap\b", line)
