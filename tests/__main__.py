"""`python -m tests`: everything that must hold before a change lands, ending with pytest's own summary.

Arguments go to pytest: `python -m tests -k outbox`. With `--all` everything is run; without it what conftest.py leaves
out is not: what is marked `whole`, and PostgreSQL where the mark `dialects` does not ask for it.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CHECKS = {
    "ruff": ("-m", "ruff", "check", "."),
    "import-linter": ("-c", "from importlinter.cli import lint_imports_command as run; run()"),
}
MYPY = ("-m", "mypy")

PROCESSES = (os.cpu_count() or 1) + 1
"""One more than cores: the tests of servers wait a good deal."""
PYTEST = ("-n", str(PROCESSES), "--dist", "loadfile", "--no-loadscope-reorder", "--durations", "40")
"""The tests of one file share their servers. conftest.py says which files come first."""


def python(title: str, *arguments: str, env: Mapping[str, str] | None = None) -> int:
    print(f"-- {title}", flush=True)
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, check=False).returncode


def environment() -> dict[str, str]:
    """What pytest and the hundreds of programs that it starts run in: each module is compiled once."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def main() -> int:
    """mypy takes half a minute of one core: it speaks while tests go on, or after the few that were asked for."""
    mypy = subprocess.Popen([sys.executable, *MYPY], cwd=ROOT)
    failed = [title for title, arguments in CHECKS.items() if python(title, *arguments)]
    status = python("pytest, and beside it mypy", "-m", "pytest", *PYTEST, *sys.argv[1:], env=environment())
    if mypy.wait():
        failed.append("mypy")
    if failed:
        print(f"failed: {', '.join(failed)}", flush=True)
    return status or bool(failed)


if __name__ == "__main__":
    sys.exit(main())
