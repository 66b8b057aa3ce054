"""`python -m tests.lock [--upgrade]`: writes the lock files anew, by uv (`pip install uv`).

Each holds every version that is needed, on whatever system and Python the project runs on, with the hashes of all files
that PyPI has of it. Versions stay as they are unless the project asks for others, or `--upgrade` is given: then run the
tests.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NEEDED = tuple(PROJECT["project"]["dependencies"])
EXTRAS = {name: tuple(wanted) for name, wanted in PROJECT["project"]["optional-dependencies"].items()
          if name not in {"all", "fuzz", "test"}}
IN_EXTRAS = tuple(each for wanted in EXTRAS.values() for each in wanted)
TESTS = tuple(PROJECT["project"]["optional-dependencies"]["test"])
OLDEST = PROJECT["project"]["requires-python"].removeprefix(">=")


@dataclass(frozen=True, slots=True)
class Lock:
    """`wanted` are requirements; `beside` are locks whose versions hold in it too."""

    path: str
    what: str
    wanted: tuple[str, ...]
    beside: tuple[str, ...] = ()
    everywhere: bool = True


def locks() -> list[Lock]:
    whole, ran, built = "requirements-all.lock", "requirements.lock", "requirements-build.lock"
    everything = (*NEEDED, *IN_EXTRAS)
    return [
        Lock(whole, "What the program runs with, with all extras", everything),
        Lock(ran, "What the program runs with, without extras", NEEDED, (whole,)),
        Lock(built, "What it is built with", tuple(PROJECT["build-system"]["requires"]), (whole,)),
        Lock("tests/requirements.lock", "What it is built, run and tested with", (*everything, *TESTS), (whole, built)),
        Lock("tests/servers/mailman.txt", "Mailman 3 with what it runs on, for tests", (
            "mailman==3.3.10", "sqlalchemy<2.1",  # 2.1 breaks its /members/find and /bans
        ), everywhere=False),  # no release of it installs on a Python newer than 3.12
    ]


def write(lock: Lock, *, upgrade: bool) -> None:
    path = ROOT / lock.path
    with tempfile.TemporaryDirectory() as folder:
        wanted, made = Path(folder, "wanted.in"), Path(folder, "made.lock")
        wanted.write_text("\n".join(lock.wanted) + "\n")
        if path.exists() and not upgrade:
            made.write_text(path.read_text())
        constraints = [word for each in lock.beside for word in ("--constraint", str(ROOT / each))]
        subprocess.run([
            sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-config", "--generate-hashes", "--no-header",
            "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--python-version", OLDEST,
            *(["--universal"] if lock.everywhere else []), *constraints, str(wanted), "-o", str(made),
        ], check=True)
        path.write_text(f"# {lock.what}. Written by: python -m tests.lock\n{made.read_text()}")


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.lock", description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--upgrade", action="store_true", help="take the newest versions that the project allows")
    upgrade = asked.parse_args().upgrade
    if importlib.util.find_spec("uv") is None:
        print("uv is not installed: pip install uv", file=sys.stderr)
        return 1
    for lock in locks():
        print(f"-- {lock.path}", flush=True)
        write(lock, upgrade=upgrade)
    return 0


if __name__ == "__main__":
    sys.exit(main())
