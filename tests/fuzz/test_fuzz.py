"""A short run over the samples finds nothing."""

import subprocess
import sys

import pytest

from tests.fuzz.__main__ import keeps_its_promise


def test_a_short_run_finds_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "20"], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-4_000:]


def test_what_breaks_the_promise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.__main__.SECONDS_A_BYTE", 0.0)
    monkeypatch.setattr("tests.fuzz.__main__.BASE_SECONDS", 0.0)
    with pytest.raises(AssertionError, match="for 3 bytes"):
        keeps_its_promise(b"abc")
