"""The manual page and what Tab offers: made of the commands, current, and readable by the tools that show them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.core import TyperGroup

from tests.cli.test_imports import DATABASE, NETWORK, SELDOM, WEB, imported
from tests.families import for_each
from tests.manual import PAGE, current, page

ROOT = Path(__file__).parents[2]


def tool(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not installed (apt-get install {package})")
    return found


def shown(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT, env={**os.environ, **environ}
    )


# ── the manual page ─────────────────────────────────────────────────────────────────────────────────────────────────

def test_it_is_current() -> None:
    assert PAGE.read_text() == current(), "out of date: python -m tests.manual"


def test_groff_has_nothing_to_say_of_it() -> None:
    done = shown(tool("groff", "groff"), "-man", "-ww", "-z", "-Tutf8", str(PAGE))
    assert (done.returncode, done.stderr) == (0, "")


def test_mandoc_has_nothing_to_say_of_it() -> None:
    done = shown(tool("mandoc", "mandoc"), "-T", "lint", "-W", "warning", str(PAGE))
    assert (done.returncode, done.stdout) == (0, "")


def test_the_page_reads_as_text() -> None:
    text = " ".join(shown(tool("groff", "groff"), "-man", "-Tascii", "-P-cbou", str(PAGE)).stdout.split())
    for words in (
        "bounce-watcher - bounce mailboxes to suppressions", "suppressions add ADDRESS", "--because TEXT",
        "EXIT STATUS", "outbox retry",
        "BOUNCE_WATCHER_CONFIG",
    ):
        assert words in text


def test_words_of_roff_are_words() -> None:
    def odd(z: Annotated[bool, typer.Option("--z", help=".so /etc/passwd")] = False) -> None: ...

    app = typer.Typer(help=".TH is a line's beginning")
    app.callback()(lambda: None)
    app.command(help="'quoted'. A back\\slash and `code`")(odd)
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    text = page(root, root.commands.__getitem__)
    assert not [line for line in text.splitlines() if line.startswith((".TH is", ".so", "'"))]
    assert "back\\eslash and \\fBcode\\fR" in text


# ── completion ──────────────────────────────────────────────────────────────────────────────────────────────────────

PROGRAM = (sys.executable, "-m", "bounce_watcher")


def bash(line: str, at: int) -> list[str]:
    done = shown(*PROGRAM, _BOUNCE_WATCHER_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(at))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@for_each("line, offered", [
    ("ev", ["events"]),
    ("suppressions rem", ["remove"]),
    ("suppressions list --st", ["--stream", "--state"]),
    ("suppressions list --state sup", ["suppressed"]),
    ("suppressions list --state p", ["pending"]),
    ("suppressions list --stream ", []),
    ("-c config.toml suppressions sh", ["show"]),
    ("suppressions list --json --js", []),
    ("classify ", []),
    ("nonsense --conf", ["--config"]),
    ("suppressions remove a@example.org --because 'mailbox is", []),
    ("init --platform-key a=b --platform-k", ["--platform-key"]),
])
def test_what_is_offered(line: str, offered: list[str]) -> None:
    """Where nothing is, bash offers files. An option is offered once, unless it may be repeated."""
    words = line.split(" ", 4)
    assert bash(f"bounce-watcher {line}", len(words)) == offered


def test_bash_itself_offers_it_through_the_function_that_is_installed(tmp_path: Path) -> None:
    by_name = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # else the shell that the tests are run from
    function = shown(*PROGRAM, "--show-completion", "bash", **by_name).stdout
    program = tmp_path / "bounce-watcher"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m bounce_watcher "$@"\n')
    program.chmod(0o755)
    script = f"""{function}
COMP_WORDS=(bounce-watcher suppressions ann) COMP_CWORD=2
_bounce_watcher_completion bounce-watcher
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = shown("bash", "-c", script, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.stdout.split() == ["announce"], done.stderr


def test_zsh_and_fish_ask_and_are_answered() -> None:
    zsh = shown(*PROGRAM, _BOUNCE_WATCHER_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="bounce-watcher db ").stdout
    assert zsh.startswith("_arguments '*: :((\"upgrade\":\"Creates the tables")
    files = shown(*PROGRAM, _BOUNCE_WATCHER_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="bounce-watcher classify ")
    assert files.stdout == "_files\n"
    fish = {"_BOUNCE_WATCHER_COMPLETE": "complete_fish", "_TYPER_COMPLETE_ARGS": "bounce-watcher db ch"}
    assert shown(*PROGRAM, **fish, _TYPER_COMPLETE_FISH_ACTION="get-args").stdout == (
        "check\tChecks whether the tables are those of this version. Exit status 1 if not.\n"
    )
    assert shown(*PROGRAM, **fish, _TYPER_COMPLETE_FISH_ACTION="is-args").returncode == 0
    fish["_TYPER_COMPLETE_ARGS"] = "bounce-watcher classify "
    assert shown(*PROGRAM, **fish, _TYPER_COMPLETE_FISH_ACTION="is-args").returncode == 1


def test_tab_waits_for_nothing_that_the_command_works_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_BOUNCE_WATCHER_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "bounce-watcher suppressions list --")
    monkeypatch.setenv("COMP_CWORD", "3")
    assert imported() & (DATABASE | NETWORK | WEB | SELDOM | {"rich", "structlog"}) == set()
