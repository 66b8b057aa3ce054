"""On a terminal: tables and bars for a person, and nothing of them in what is piped elsewhere."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Program

ROOT = Path(__file__).parents[2]


_STYLE = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")


def on_terminal(script: str, cwd: Path, columns: int = 160) -> str:
    """What a shell line shows on a terminal, without colours and the like."""
    main, other = pty.openpty()
    environ = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(["bash", "-c", script], stdin=other, stdout=other, stderr=other, cwd=cwd, env=environ):
        os.close(other)
        shown = bytearray()
        while True:
            try:
                part = os.read(main, 65536)
            except OSError:  # Linux: the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(main)
    return _STYLE.sub("", shown.decode())


PROGRAM = f"{sys.executable} -m bounce_watcher"


def test_tables_are_drawn(mail: Path) -> None:
    shown = on_terminal(f"{PROGRAM} classify {mail}", mail)
    assert "─────" in shown
    assert "anna@gone.example" in shown
    assert "\t" not in shown


@pytest.mark.parametrize("command", ["suppressions list", "events list", "outbox list"])
@pytest.mark.parametrize("columns", [98, 200])
def test_a_word_of_a_table_stays_in_one_piece(filled: Program, command: str, columns: int) -> None:
    shown = on_terminal(f"{PROGRAM} {command} -c {filled.config}", filled.folder, columns)
    assert "anna@gone.example" in shown
    assert max(map(len, shown.splitlines())) <= columns
    assert ("hidden (terminal too narrow): " in shown) == (columns < 200)


def test_prose_is_wrapped_where_the_terminal_ends(mail: Path) -> None:
    shown = on_terminal(f"{PROGRAM} explain {mail}/1.eml", mail, 70)
    _, *lines = shown.splitlines()
    assert max(map(len, lines)) <= 70


def test_a_poll_shows_how_far_it_is(filled: Program) -> None:
    shown = on_terminal(f"{PROGRAM} poll -c {filled.config}", filled.folder)
    assert "polling" in shown
    assert "interrupted" in shown


def test_a_bar_does_not_get_into_the_output(mail: Path) -> None:
    shown = on_terminal(f"{PROGRAM} classify --json {mail} > ../out.json", mail)
    assert "messages" in shown
    lines = (mail.parent / "out.json").read_text().splitlines()
    assert len(lines) == 4
    assert all(line.startswith("{") for line in lines)


def test_a_simulation_shows_how_far_it_is(filled: Program) -> None:
    shown = on_terminal(f"{PROGRAM} simulate --json -c {filled.config} > out.json", filled.folder)
    assert "simulating" in shown
    assert all(line.startswith("{") for line in (filled.folder / "out.json").read_text().splitlines())


def test_no_bar_and_no_colour_in_a_pipe(mail: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bounce_watcher", "classify", str(mail)], capture_output=True, text=True, check=True,
        cwd=ROOT, timeout=60,
    )
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
