"""The manual page and what Tab offers: made of the commands, current, and readable by the tools that show them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bounce_watcher.cli.commands import commands
from bounce_watcher.cli.completing import offers
from bounce_watcher.cli.described import Described, Option, snapshot, written
from bounce_watcher.cli.manual import PAGE, described, page
from tests.cli.test_imports import DATABASE, NETWORK, imported

ROOT = Path(__file__).parents[2]
TREE = described(commands())
AGAIN = "out of date: python -m bounce_watcher.cli.manual"
MANUAL = ROOT / PAGE


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

def test_both_files_are_current() -> None:
    assert MANUAL.read_text() == page(TREE), f"{PAGE} is {AGAIN}"
    assert written(snapshot()) == written(TREE), f"share/commands.json is {AGAIN}"


def test_groff_has_nothing_to_say_of_it() -> None:
    done = shown(tool("groff", "groff"), "-man", "-ww", "-z", "-Tutf8", str(MANUAL))
    assert (done.returncode, done.stderr) == (0, "")


def test_mandoc_has_nothing_to_say_of_it() -> None:
    done = shown(tool("mandoc", "mandoc"), "-T", "lint", "-W", "warning", str(MANUAL))
    assert (done.returncode, done.stdout) == (0, "")


def test_the_page_reads_as_text() -> None:
    text = " ".join(shown(tool("groff", "groff"), "-man", "-Tascii", "-P-cbou", str(MANUAL)).stdout.split())
    for words in (
        "bounce-watcher - bounce mailboxes to suppressions", "suppressions add ADDRESS", "--because TEXT",
        "EXIT STATUS", "outbox retry",
        "BOUNCE_WATCHER_CONFIG",
    ):
        assert words in text


def test_words_of_roff_are_words() -> None:
    odd = Described("x", ".TH is a line's beginning", commands=(
        Described("y", "'quoted'. A back\\slash and `code`", "P", options=(Option(("--z",), ".so /etc/passwd", ""),)),
    ))
    text = page(odd)
    assert not [line for line in text.splitlines() if line.startswith((".TH is", ".so", "'"))]
    assert "back\\eslash and \\fBcode\\fR" in text


# ── completion ──────────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("words, begun, offered", [
    ([], "sup", ["suppressions"]),
    (["suppressions"], "rem", ["remove"]),
    (["suppressions", "list"], "--st", ["--stream", "--state"]),
    (["suppressions", "list", "--state"], "sup", ["suppressed"]),
    (["suppressions", "list", "--stream"], "", []),
    (["-c", "config.toml", "suppressions"], "sh", ["show"]),
    (["suppressions", "list", "--json"], "--js", []),
    (["classify"], "", []),
    (["nonsense"], "--conf", ["--config"]),
])
def test_what_is_offered(words: list[str], begun: str, offered: list[str]) -> None:
    assert [each.word for each in offers(TREE, words, begun)] == offered


def test_an_option_that_may_be_repeated_is_offered_again() -> None:
    assert [each.word for each in offers(TREE, ["init", "--platform-key", "a=b"], "--platform-k")] == ["--platform-key"]


PROGRAM = (sys.executable, "-m", "bounce_watcher")


def bash(line: str, at: int) -> list[str]:
    done = shown(*PROGRAM, _BOUNCE_WATCHER_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(at))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_bash_asks_and_is_answered() -> None:
    assert bash("bounce-watcher ev", 1) == ["events"]
    assert bash("bounce-watcher suppressions list --state p", 4) == ["pending"]
    assert bash("bounce-watcher suppressions remove a@example.org --because 'mailbox is", 5) == []


def test_bash_itself_offers_it_through_the_function_that_is_installed(tmp_path: Path) -> None:
    function = shown(*PROGRAM, "--show-completion", "bash").stdout
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
    assert zsh.startswith("_arguments '*: :((\"upgrade\":\"Makes the tables")
    files = shown(*PROGRAM, _BOUNCE_WATCHER_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="bounce-watcher classify ")
    assert files.stdout == "_files\n"
    fish = {"_BOUNCE_WATCHER_COMPLETE": "complete_fish", "_TYPER_COMPLETE_ARGS": "bounce-watcher db ch"}
    assert shown(*PROGRAM, **fish, _TYPER_COMPLETE_FISH_ACTION="get-args").stdout == (
        "check\tTells whether the tables are those of this version. Exit status 1 if not.\n"
    )
    assert shown(*PROGRAM, **fish, _TYPER_COMPLETE_FISH_ACTION="is-args").returncode == 0
    fish["_TYPER_COMPLETE_ARGS"] = "bounce-watcher classify "
    assert shown(*PROGRAM, **fish, _TYPER_COMPLETE_FISH_ACTION="is-args").returncode == 1


def test_tab_waits_for_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_BOUNCE_WATCHER_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "bounce-watcher suppressions list --")
    monkeypatch.setenv("COMP_CWORD", "3")
    assert imported() & (DATABASE | NETWORK | {"typer", "rich", "structlog", "pydantic"}) == set()

