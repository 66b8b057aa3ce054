"""`python -m tests`: everything that must hold before a change lands, ending with pytest's own summary.

Arguments go to pytest: `python -m tests -k outbox`.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CHECKS = (
    ("ruff", "check", "."),
    ("mypy",),
    ("importlinter.cli",),
)


def module(name: str, *arguments: str) -> int:
    print(f"-- {name} {' '.join(arguments)}".rstrip(), flush=True)
    return subprocess.run([sys.executable, "-m", name, *arguments], cwd=ROOT, check=False).returncode


def main() -> int:
    failed = [check[0] for check in CHECKS if module(*check)]
    status = module("pytest", *sys.argv[1:])
    if failed:
        print(f"failed: {', '.join(failed)}", flush=True)
    return status or bool(failed)


if __name__ == "__main__":
    sys.exit(main())
