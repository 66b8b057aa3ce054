"""What an image is made of where no registry of images is reached: a base of Debian's packages, and the wheels.

Both lie in `build/container` and are made once: a minute or two, most of it downloads.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "container"
SUITE, PYTHON = "trixie", "3.13"
"""The Debian that today's python:3.13-slim is made of, whose own Python is of the same version."""
BASE = KEPT / f"{SUITE}.tar"
WHEELS = KEPT / "wheels"


def make() -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    if not BASE.exists():
        _make_base()
    if not _is_complete():
        _make_wheels()


def _make_base() -> None:
    """With what python:3.13-slim has as well: certificates, and a Python with venv."""
    print(f"-- {BASE.relative_to(ROOT)}", flush=True)
    begun = BASE.with_suffix(".begun.tar")
    packages = "--include=ca-certificates,python3,python3-venv"
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", packages, SUITE, str(begun)], check=True)
    begun.rename(BASE)


LOCKS = ("requirements-all.lock", "requirements-build.lock")


def _key() -> str:
    """Whoever changes a version gets other wheels."""
    return "\n".join([PYTHON, *((ROOT / lock).read_text() for lock in LOCKS)])


def _is_complete() -> bool:
    mark = WHEELS / "complete"
    return mark.exists() and mark.read_text() == _key()


def _make_wheels() -> None:
    """Fails if one of the locked versions has no wheel for this Python: the slim base has no compiler."""
    print(f"-- {WHEELS.relative_to(ROOT)}", flush=True)
    locked = [word for lock in LOCKS for word in ("-r", str(ROOT / lock))]
    subprocess.run([sys.executable, "-m", "pip", "download", "-qq", "--require-hashes", "--no-deps", "-d", str(WHEELS),
                    "--only-binary", ":all:", "--python-version", PYTHON, *locked], check=True)
    (WHEELS / "complete").write_text(_key())
