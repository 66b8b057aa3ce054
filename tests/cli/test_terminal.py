"""On a terminal: tables and bars for a person, and nothing of them in what is piped elsewhere."""

import os
import pty
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def on_terminal(script: str, cwd: Path) -> str:
    """What a shell line shows on a terminal of 160 columns."""
    main, other = pty.openpty()
    environ = {**os.environ, "COLUMNS": "160", "TERM": "xterm", "PYTHONPATH": str(ROOT)}
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
    return shown.decode()


PROGRAM = f"{sys.executable} -m bounce_watcher"


def test_tables_are_drawn(mail: Path) -> None:
    shown = on_terminal(f"{PROGRAM} classify {mail}", mail)
    assert "─────" in shown
    assert "anna@gone.example" in shown
    assert "\t" not in shown


def test_a_bar_does_not_get_into_the_output(mail: Path) -> None:
    shown = on_terminal(f"{PROGRAM} classify --json {mail} > ../out.json", mail)
    assert "messages" in shown
    lines = (mail.parent / "out.json").read_text().splitlines()
    assert len(lines) == 4
    assert all(line.startswith("{") for line in lines)


def test_no_bar_and_no_colour_in_a_pipe(mail: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bounce_watcher", "classify", str(mail)], capture_output=True, text=True, check=True,
        cwd=ROOT, timeout=60,
    )
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
