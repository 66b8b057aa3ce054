"""A newcomer finds a way in: every command explains itself, with an example that the program takes."""

import shlex
from collections.abc import Iterator
from typing import Any

from bounce_watcher.cli.commands import commands
from tests.cli.conftest import Program
from tests.families import for_each

CONTRACT = {
    "demo", "run", "poll", "classify", "explain", "import", "check-config", "doctor", "suppressions list",
    "suppressions show", "suppressions add", "suppressions remove", "recipients show", "events list", "outbox list",
    "outbox retry", "outbox discard", "db upgrade", "db check", "token make", "token read", "classify-reply",
}
WITHOUT_CONFIG = {"demo", "classify", "classify-reply"}


ROOT = commands()
LOADED = {name: ROOT.load(name) for name in ROOT.commands}


def below(group: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.items():
        full = f"{path} {name}".strip()
        if hasattr(command, "commands"):
            assert command.help, full
            yield from below(command.commands, full)
        else:
            yield full, command


ALL = dict(below(LOADED))


def test_the_commands_are_those_of_the_contract() -> None:
    assert set(ALL) >= CONTRACT


@for_each("path", ALL)
def test_every_command_has_help_with_an_example(path: str, program: Program) -> None:
    command = ALL[path]
    prefix = f"Example:  bounce-watcher {path} "
    assert command.help.strip()
    assert f"{command.epilog} ".startswith(prefix)
    shown = program.call(*path.split(), "--help")
    assert shown.status == 0
    assert shown.err == ""
    assert "Example:" in shown.out
    assert "[]" not in shown.out, "rich has taken a word in brackets for markup"


@for_each("path", ALL)
def test_the_example_parses(path: str) -> None:
    line = ALL[path].epilog.removeprefix("Example:  bounce-watcher ").split(" | ")[0]
    arguments = shlex.split(line)[len(path.split()):]
    ALL[path].make_context(path, arguments)


@for_each("path", sorted(set(ALL) - WITHOUT_CONFIG))
def test_the_configuration_may_be_named_behind_the_command(path: str) -> None:
    names = {name for parameter in ALL[path].params for name in parameter.opts}
    assert {"-c", "--config", "--debug"} <= names


@for_each("path", [path for path in ALL if path.endswith(("list", "show"))])
def test_lists_have_json(path: str) -> None:
    assert any("--json" in parameter.opts for parameter in ALL[path].params)


@for_each("name", LOADED)
def test_the_list_says_of_a_command_what_its_own_help_says(name: str) -> None:
    assert ROOT.commands[name].help == LOADED[name].help.partition("\n\n")[0]


def test_the_program_alone_shows_its_commands_in_groups(program: Program) -> None:
    shown = program.call()
    assert shown.status == 0
    for heading in ("Start here", "Running it", "Looking at mail", "The ledger", "Administration"):
        assert heading in shown.out


def test_version(program: Program) -> None:
    shown = program.call("--version")
    assert shown.status == 0
    assert shown.out.startswith("bounce-watcher ")
