"""`python -m tests`: everything that must hold before a change lands, ending with pytest's own summary.

Arguments go to pytest: `python -m tests -k outbox`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent

CHECKS = {
    "ruff": ("-m", "ruff", "check", "."),
    "mypy": ("-m", "mypy"),
    "import-linter": ("-c", "from importlinter.cli import lint_imports_command as run; run()"),
}


PYTEST = ("-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder")
"""A process a core; the tests of one file share their servers. conftest.py says which files come first."""

MEMORY = Path("/dev/shm")
ROOM = 4 << 30
"""In bytes: what databases and mailboxes of the tests need at most, and as much again."""


def python(title: str, *arguments: str, env: Mapping[str, str] | None = None) -> int:
    print(f"-- {title}", flush=True)
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, check=False).returncode


@contextmanager
def environment() -> Iterator[dict[str, str]]:
    """What pytest and the hundreds of programs that it starts run in.

    Modules are compiled once and not by each program. Files lie in memory where there is room: a ledger waits for the
    disk at each commit, and the tests commit some ten thousand times.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    if "TMPDIR" in inherited or not _holds_files(MEMORY):
        yield inherited
        return
    with TemporaryDirectory(prefix="bw-", dir=MEMORY, ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o1777)  # servers run as users of their own
        yield {**inherited, "TMPDIR": folder}


def _holds_files(folder: Path) -> bool:
    """Whether there is room, and programs may be run from there as some tests do."""
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        return False
    return shutil.disk_usage(folder).free >= ROOM and not os.statvfs(folder).f_flag & os.ST_NOEXEC


def main() -> int:
    failed = [title for title, arguments in CHECKS.items() if python(title, *arguments)]
    with environment() as env:
        status = python("pytest", "-m", "pytest", *PYTEST, *sys.argv[1:], env=env)
    if failed:
        print(f"failed: {', '.join(failed)}", flush=True)
    return status or bool(failed)


if __name__ == "__main__":
    sys.exit(main())
