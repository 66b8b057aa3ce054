"""podman with a store of its own, apart from this machine's containers and images; gone at the end."""

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.container.kept import WHEELS
from tests.docs.pages import README, ROOT, marked

BASE_IMAGE = "localhost/debian-python:kept"
ON_ANY_MACHINE = ("--runtime", "runc", "--cgroup-manager", "cgroupfs", "--events-backend", "file")
"""None of these asks systemd, and runc does not ask for cgroups of the second version alone."""
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096")
"""Without CAP_SYS_RESOURCE podman's own, which are higher, can't be set."""
MORE: Mapping[str, tuple[str, ...]] = {
    "build": (*LIMITS, "--network", "none", "--volume", f"{WHEELS}:/wheels-of-others:ro"),
    # On a read-only system runc makes no files for secrets to be mounted on; crun, podman's default, does.
    "run": (*LIMITS, "--log-driver", "k8s-file", "--tmpfs", "/run/secrets"),
}
"""What the tests add to README's commands."""


@dataclass(frozen=True, slots=True)
class Podman:
    root: Path
    etc: Path
    """Stands for /etc/bounce-watcher."""

    def __call__(self, *arguments: str, status: int = 0) -> str:
        """What the command prints, stderr after stdout."""
        done = subprocess.run(
            [*self._beginning(), *arguments], capture_output=True, text=True, timeout=500, check=False, cwd=ROOT,
            env=os.environ | {"BASE": BASE_IMAGE, "DISABLE_HC_SYSTEMD": "true"},  # no timer: `healthcheck run` asks
        )
        said = done.stdout + done.stderr
        assert done.returncode == status, f"{arguments}: exit status {done.returncode}\n{said}"
        return said

    def told(self, *arguments: str, instead: Mapping[str, tuple[str, ...]] | None = None, status: int = 0) -> str:
        """A command as README tells it; `instead` puts other words in the place of some."""
        replaced = [word for told in arguments for word in (instead or {}).get(told, (told,))]
        command, *words = [word.replace("/etc/bounce-watcher", str(self.etc), 1)
                           if word.startswith("/etc/bounce-watcher") else word for word in replaced]
        pip = ("--volume", f"{self.etc.parent / 'pip.conf'}:/etc/pip.conf:ro") if command == "build" else ()
        return self(command, *MORE.get(command, ()), *pip, *words, status=status)

    def clean(self) -> None:
        self("system", "reset", "--force")

    def _beginning(self) -> tuple[str, ...]:
        return ("podman", "--root", str(self.root / "store"), "--runroot", str(self.root / "run"), *ON_ANY_MACHINE)


def commands() -> list[list[str]]:
    """The words behind `podman` of each command that README shows."""
    text = marked(README, "container").text.replace("\\\n", " ")
    lines = [shlex.split(line, comments=True) for line in text.splitlines()]
    assert all(line[0] == "podman" for line in lines)
    return [line[1:] for line in lines]


def command(*beginning: str) -> list[str]:
    (found,) = [words for words in commands() if words[: len(beginning)] == list(beginning)]
    return found
