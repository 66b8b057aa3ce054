"""`python -m tests`: everything that must hold before a change lands, ending with pytest's own summary.

Arguments go to pytest: `python -m tests -k outbox`.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CHECKS = {
    "ruff": ("-m", "ruff", "check", "."),
    "mypy": ("-m", "mypy"),
    "import-linter": ("-c", "from importlinter.cli import lint_imports_command as run; run()"),
}


PYTEST = ("-n", "auto", "--dist", "loadfile")
"""A process a core; the tests of one file share their servers."""


def python(title: str, *arguments: str) -> int:
    print(f"-- {title}", flush=True)
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, check=False).returncode


def main() -> int:
    failed = [title for title, arguments in CHECKS.items() if python(title, *arguments)]
    status = python("pytest", "-m", "pytest", *PYTEST, *sys.argv[1:])
    if failed:
        print(f"failed: {', '.join(failed)}", flush=True)
    return status or bool(failed)


if __name__ == "__main__":
    sys.exit(main())
