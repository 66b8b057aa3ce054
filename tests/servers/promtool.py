"""Prometheus' own tool, which judges names, rules and what they make of figures."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def promtool(*arguments: str, stdin: str = "", within: Path | None = None) -> str:
    """What it complains of, "" where all is well. Where it is not installed the test is skipped, on CI it fails."""
    program = shutil.which("promtool")
    if program is None:
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent("promtool is not installed; apt-get install prometheus")
    done = subprocess.run(
        [program, *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False, cwd=within
    )
    return "" if done.returncode == 0 else f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
