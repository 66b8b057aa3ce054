"""An error is one line on stderr, with the right exit status; a traceback only with --debug."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Program


@pytest.mark.parametrize("arguments, says", [
    (("no-such-command",), "no-such-command"),
    (("poll", "--no-such-option"), "--no-such-option"),
    (("suppressions",), "Missing command"),
    (("suppressions", "add", "nobody"), "nobody"),
    (("suppressions", "add", "a@b.example"), "--because"),
    (("suppressions", "add", "a@b.example", "--because", "x", "--until", "soon"), "soon"),
    (("suppressions", "add", "a@b.example", "--because", "x", "--until", "2020-01-01"), "2020-01-01"),
    (("events", "list", "--reason", "bad_luck"), "bad_luck"),
    (("events", "list", "--since", "yesterday"), "yesterday"),
    (("events", "list", "--kind", "letter"), "letter"),
    (("outbox", "discard"), "--target"),
    (("outbox", "retry", "--target", "nobody"), "nobody"),
    (("token", "make"), "--recipient"),
    (("token", "make", "--recipient", "a@b.example"), "return_path"),
    (("classify",), "PATH"),
    (("classify", "-", "-"), "standard input"),
])
def test_wrong_usage_is_status_2(program: Program, arguments: tuple[str, ...], says: str) -> None:
    program.monkeypatch.setenv("BOUNCE_WATCHER_CONFIG", str(program.config))
    done = program.call(*arguments)
    assert done.status == 2
    assert says in done.complaint
    assert done.out == ""


def test_a_missing_configuration_is_status_2_and_named(program: Program) -> None:
    done = program.call("poll", "-c", "nowhere.toml")
    assert done.status == 2
    assert "nowhere.toml" in done.complaint


def test_every_fault_of_a_configuration_has_a_line(program: Program) -> None:
    program.config.write_text("[[mailbox]]\nname = 'x'\nprot = 1\n\n[polcy]\n")
    done = program.ledger("check-config")
    assert done.status == 2
    lines = done.err.splitlines()
    assert len(lines) >= 3
    assert all(line.startswith(f"bounce-watcher: {program.config}: ") for line in lines)
    assert any("port" in line and "prot" in line for line in lines)


@pytest.mark.parametrize("arguments, says", [
    (("classify", "nowhere.eml"), "nowhere.eml"),
    (("explain", "nowhere.eml"), "nowhere.eml"),
    (("suppressions", "remove", "a@b.example", "--because", "x"), "a@b.example"),
    (("outbox", "retry", "msg_unknown"), "msg_unknown"),
    (("poll",), "returns"),
])
def test_work_that_failed_is_status_1(program: Program, arguments: tuple[str, ...], says: str) -> None:
    program.monkeypatch.setenv("BOUNCE_WATCHER_CONFIG", str(program.config))
    done = program.call(*arguments)
    assert done.status == 1
    assert says in done.complaint


def test_a_traceback_comes_with_debug_only(program: Program) -> None:
    assert "Traceback" not in program.call("classify", "nowhere.eml").err
    assert "Traceback" in program.call("--debug", "classify", "nowhere.eml").err
    assert "Traceback" in program.call("classify", "--debug", "nowhere.eml").err


def test_the_configuration_may_stand_before_or_behind_or_in_the_environment(program: Program) -> None:
    config, other = str(program.config), str(program.folder / "other.toml")
    assert program.call("-c", config, "check-config").status == 0
    assert program.call("check-config", "--config", config).status == 0
    assert program.call("-c", other, "check-config", "-c", config).status == 0
    program.monkeypatch.setenv("BOUNCE_WATCHER_CONFIG", config)
    assert program.call("check-config").status == 0
    assert other in program.call("check-config", "-c", other).complaint


def test_a_reader_that_has_enough_ends_it_quietly(mail: Path) -> None:
    paths = " ".join([str(mail)] * 400)
    line = f"{sys.executable} -m bounce_watcher classify --json {paths} | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True, timeout=60,
                          cwd=Path(__file__).parents[2])
    assert done.stdout.splitlines()[1:] == ["0"]
    assert done.stderr == ""


def test_interrupted_is_130(program: Program) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    program.monkeypatch.setattr(sys, "stdout", type("Out", (), {"write": interrupted, "flush": lambda _: None,
                                                                "isatty": lambda _: False, "encoding": "utf-8"})())
    from bounce_watcher.cli.main import main

    assert main(["classify-reply", "550 no such user"]) == 130
