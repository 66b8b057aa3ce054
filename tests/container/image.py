"""README's commands for a container, between real servers: built, run, looked into, ended. See __main__.py."""

import http.client
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.container import kept
from tests.container.podman import BASE_IMAGE, LIMITS, Podman, command, commands
from tests.integration.house import wait_until
from tests.mail import START, Letter, postfix
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.receiver import SECRET, Receiver

USER = 10025
TOKEN = "a-token-of-the-tests-that-is-long-enough"
IMAGE = NAME = "bounce-watcher"
RUN = command("run")
UNKNOWN = "550 5.1.1 <user@gone.example>: Recipient address rejected: User unknown"


def configuration(dovecot: Dovecot, receiver: Receiver) -> str:
    return f"""
[database]
url = "sqlite:////var/lib/bounce-watcher/ledger.db"

[[mailbox]]
name = "returns"
host = "127.0.0.1"
port = {dovecot.imap_port}
security = "none"
username = "bounces"
password_credential = "imap-password"
poll_every = "1s"

[[webhook]]
name = "platform"
url = "{receiver.url}"
secret_credential = "webhook-secret"

[web]
listen = "0.0.0.0:8025"
token_credential = "web-token"
"""


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    """With the image, built by README's command, and its secrets."""
    root = Path(tempfile.mkdtemp(prefix="podman-"))
    root.chmod(0o755)
    it = Podman(root, root / "etc")
    it.etc.mkdir()
    (it.etc / "secrets").mkdir(mode=0o700)
    for name, secret in {"imap-password": PASSWORD, "webhook-secret": SECRET, "web-token": TOKEN}.items():
        (it.etc / "secrets" / name).write_text(secret)
    (root / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels-of-others\n")
    try:
        it("import", str(kept.BASE), BASE_IMAGE)
        it.told(*command("build"))
        for words in commands():
            if words[:2] == ["secret", "create"]:
                it.told(*words)
        yield it
    finally:
        it.clean()
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def house(podman: Podman, dovecot: Dovecot, receiver: Receiver) -> Iterator[Podman]:
    """Configured for these servers, with an empty ledger and nothing running."""
    (podman.etc / "config.toml").write_text(configuration(dovecot, receiver))
    yield podman
    podman("rm", "--force", "--all", "--time", "1")
    podman("volume", "prune", "--force")


def started(podman: Podman) -> None:
    """README's command. The servers of the tests are on loopback, where only the host's own network leads."""
    podman.told(*RUN, instead={"--publish": ("--network",), "127.0.0.1:8025:8025": ("host",)})


def once(podman: Podman, *arguments: str, status: int = 0) -> str:
    """Another command than `run` in such a container, which is gone afterwards."""
    instead = {"--detach": ("--rm",), "--restart": (), "unless-stopped": (), "--publish": ("--network",),
               "127.0.0.1:8025:8025": ("host",), "--health-on-failure": (), "kill": ()}
    return podman.told(*RUN, *arguments, instead=instead, status=status)


def inside(podman: Podman, *arguments: str, status: int = 0) -> str:
    return podman("exec", NAME, *arguments, status=status)


def python(podman: Podman, program: str) -> str:
    """What a program for the image's own Python prints."""
    return podman("run", *LIMITS, "--rm", "--entrypoint", "python", IMAGE, "-c", program)


def ask(port: int, path: str, token: str = "") -> tuple[int, str]:
    """Status and body from outside; 0 where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def bounce(dovecot: Dovecot, number: int = 1) -> None:
    letter = Letter(number, f"user{number}@gone.example", UNKNOWN, START)
    dovecot.deliver("bounces", [postfix(letter).encode()])


def facts(podman: Podman, of: str, name: str = NAME) -> str:
    return podman("inspect", "--format", "{{" + of + "}}", name).strip()


# ── one command after the other ─────────────────────────────────────────────────────────────────────────────────────

def test_the_program_is_there_and_a_bad_configuration_ends_it_with_2(house: Podman) -> None:
    assert once(house, "--version").startswith("bounce-watcher ")
    assert "config.toml is fine" in once(house, "check-config")
    config = house.etc / "config.toml"
    config.write_text(config.read_text().replace('token_credential = "web-token"', ""))
    assert "needs a token" in once(house, "check-config", status=2), "open to other machines without one"


def test_a_pass_reads_mail_and_the_ledger_stays_in_the_volume(
    house: Podman, dovecot: Dovecot, receiver: Receiver
) -> None:
    bounce(dovecot)
    once(house, "poll")
    assert dovecot.count("bounces", "Bounces/Processed") == 1
    assert [request.data["recipient"] for request in receiver.requests if request.verified] == ["user1@gone.example"]
    (event,) = [json.loads(line) for line in once(house, "events", "list", "--json").splitlines()]
    assert (event["recipient"], event["reason"]) == ("user1@gone.example", "invalid_recipient")
    volume = Path(house("volume", "inspect", "--format", "{{.Mountpoint}}", NAME).strip())
    ledger = volume / "ledger.db"
    assert (ledger.stat().st_uid, ledger.stat().st_mode & 0o777) == (USER, 0o600)
    assert volume.stat().st_mode & 0o777 == 0o700


# ── the service ─────────────────────────────────────────────────────────────────────────────────────────────────────

def test_the_service_works_is_healthy_reloads_and_ends_well(house: Podman, dovecot: Dovecot) -> None:
    started(house)
    wait_until(lambda: ask(8025, "/healthz")[0] == 200, 60, "the service answers")
    house("healthcheck", "run", NAME)
    assert '{"status":"ok","stuck":0}' in facts(house, ".State.Health.Log")
    bounce(dovecot)
    wait_until(lambda: dovecot.count("bounces", "Bounces/Processed") == 1, 60, "mail is read")
    house.told(*command("exec"))  # doctor
    config = house.etc / "config.toml"
    config.write_text(config.read_text() + '\n[log]\nformat = "json"\n')
    house.told(*command("kill"))
    wait_until(lambda: "reloaded" in house.told(*command("logs")), 30, "the new configuration holds")
    house("stop", NAME)
    assert facts(house, ".State.ExitCode") == "0"
    assert "service_stopped" in house("logs", NAME)
    assert PASSWORD not in house("logs", NAME)


def test_stopped_while_it_begins_it_ends_and_is_not_killed(house: Podman) -> None:
    started(house)
    house("stop", "--time", "60", NAME)
    assert facts(house, ".State.ExitCode") in {"0", "143"}, "137 is SIGKILL"


def test_it_has_no_rights_and_can_write_nothing_but_its_volume(house: Podman) -> None:
    started(house)
    wait_until(lambda: ask(8025, "/healthz")[0] == 200, 60, "the service answers")
    status = dict(line.split(":\t", 1) for line in inside(house, "cat", "/proc/1/status").splitlines() if ":\t" in line)
    assert status["Uid"].split() == [str(USER)] * 4
    assert status["Gid"].split() == [str(USER)] * 4
    assert {status[each] for each in ("CapEff", "CapPrm", "CapBnd")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    mounts = {each[1]: each[3].split(",") for each in map(str.split, inside(house, "cat", "/proc/mounts").splitlines())}
    assert {place: "ro" in mounts[place] for place in ("/", "/etc/bounce-watcher", "/var/lib/bounce-watcher")} == {
        "/": True, "/etc/bounce-watcher": True, "/var/lib/bounce-watcher": False,
    }
    assert "Read-only file system" in inside(house, "touch", "/opt/bounce-watcher/x", status=1)
    inside(house, "touch", "/var/lib/bounce-watcher/x", "/tmp/x")
    assert "nologin" in inside(house, "grep", "bounce-watcher", "/etc/passwd")
    modes = inside(house, "stat", "-c", "%u %a", "/run/secrets/imap-password", "/run/secrets/web-token")
    assert set(modes.splitlines()) == {f"{USER} 400"}
    assert PASSWORD not in house("inspect", NAME) + house("inspect", IMAGE)


def test_where_nobody_answers_it_is_unhealthy(house: Podman) -> None:
    """As without [web]."""
    config = house.etc / "config.toml"
    config.write_text(config.read_text().partition("[web]")[0])
    started(house)
    wait_until(lambda: "service_started" in house("logs", NAME), 60, "the service is up")
    house("healthcheck", "run", NAME, status=1)
    assert "Connection refused" in facts(house, ".State.Health.Log")


def test_it_is_reached_from_outside_by_the_published_port_and_asks_for_the_token(house: Podman) -> None:
    house.told(*RUN)
    wait_until(lambda: ask(8025, "/healthz")[0], 60, "the service answers")
    assert ask(8025, "/healthz")[0] == 200
    assert ask(8025, "/api/v1/suppressions")[0] == 401
    assert ask(8025, "/api/v1/suppressions", TOKEN)[0] == 200


# ── the image ───────────────────────────────────────────────────────────────────────────────────────────────────────

def test_all_of_the_package_and_nothing_of_the_build_is_inside(house: Podman) -> None:
    look = (
        "import importlib.util, json, pathlib, shutil, sys, bounce_watcher\n"
        "package = pathlib.Path(bounce_watcher.__file__).parent\n"
        "inside = list(package.rglob('*'))\n"
        "print(json.dumps({'files': [str(each.relative_to(package)) for each in inside if each.is_file()],\n"
        "  'links': [str(each) for each in inside if each.is_symlink()],\n"
        "  'tools': [each for each in ('gcc', 'cc', 'make') if shutil.which(each)],\n"
        "  'pip': importlib.util.find_spec('pip') is not None, 'at': sys.prefix,\n"
        "  'left': [each for each in ('/source', '/build', '/wheels') if pathlib.Path(each).exists()]}))"
    )
    found = json.loads(python(house, look))
    ours = subprocess.run(["git", "ls-files", "bounce_watcher"], cwd=kept.ROOT, check=True, capture_output=True,
                          text=True).stdout.splitlines()
    assert {name.removeprefix("bounce_watcher/") for name in ours} - set(found["files"]) == set()
    assert (found["links"], found["tools"], found["pip"], found["left"]) == ([], [], False, [])
    assert found["at"] == "/opt/bounce-watcher"


def test_what_it_says_of_itself(house: Podman) -> None:
    labels = json.loads(facts(house, "json .Config.Labels", IMAGE))
    assert once(house, "--version").split()[-1] == labels["org.opencontainers.image.version"]
    assert facts(house, "json .Config.Volumes", IMAGE) == '{"/var/lib/bounce-watcher":{}}'
    assert "healthz" in facts(house, "json .HealthCheck", IMAGE)
    assert facts(house, "json .Config.StopSignal", IMAGE) == '"SIGTERM"'


def test_each_distribution_is_of_the_version_that_is_locked(house: Podman) -> None:
    look = (
        "from importlib import metadata\n"
        "print('\\n'.join(f\"{d.metadata['Name']}=={d.version}\" for d in metadata.distributions()))"
    )
    there = {_plain(line) for line in python(house, look).splitlines()}
    locked = {_plain(line.split()[0]) for line in (kept.ROOT / "requirements-all.lock").read_text().splitlines()
              if "==" in line.partition(" ")[0]}
    ours = once(house, "--version").strip().replace(" ", "==")
    assert there - locked == {_plain(ours)}


def test_quadlet_makes_a_unit_of_the_same(tmp_path: Path) -> None:
    quadlet = Path("/usr/libexec/podman/quadlet")
    if not quadlet.exists() or int(subprocess.check_output([quadlet, "-version"], text=True).split(".")[0]) < 5:
        pytest.skip("podman here is older than 5.0")
    shutil.copy(kept.ROOT / "systemd" / "bounce-watcher.container", tmp_path)
    done = subprocess.run([quadlet, "-dryrun"], capture_output=True, text=True, check=False,
                          env={"QUADLET_UNIT_DIRS": str(tmp_path)})
    assert (done.returncode, "converting" in done.stderr) == (0, False), done.stderr
    (started_by,) = [line.split() for line in done.stdout.splitlines() if line.startswith("ExecStart=")]
    for option in ("--volume", "--secret", "--publish"):
        given = [after for word, after in pairwise(started_by) if word in (option, option[1:3])]
        assert given == [after for word, after in pairwise(RUN) if word == option], option


def _plain(requirement: str) -> str:
    """Names of distributions don't tell case, - and _ apart."""
    return requirement.lower().replace("_", "-").replace(".", "-")
