"""The command line as data: what shell completion offers, and what the manual page is made of.

It is written to share/commands.json by `python -m bounce_watcher.cli.manual`: to ask the commands themselves takes the
imports of their whole work, more than a second for a Tab.
"""

import json
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

SNAPSHOT = "commands.json"


@dataclass(frozen=True, slots=True)
class Option:
    """`names` as they are written; `value` is the placeholder of what stands behind it, "" for a switch.

    One that `repeats` may be given several times.
    """

    names: tuple[str, ...]
    help: str
    value: str
    choices: tuple[str, ...] = ()
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """A command, or a group of them. `panel` is its heading in the list of commands, `arguments` their placeholders."""

    name: str
    help: str
    panel: str = ""
    example: str = ""
    arguments: tuple[tuple[str, str], ...] = ()
    options: tuple[Option, ...] = ()
    commands: tuple["Described", ...] = ()


def written(tree: Described) -> str:
    """A line a command, so that a change shows what it changes."""
    return json.dumps(asdict(tree), ensure_ascii=False, indent=1) + "\n"


def snapshot() -> Described:
    """The commands as they were when the package was made."""
    return _read(json.loads((files("bounce_watcher") / "share" / SNAPSHOT).read_text("utf-8")))


def _read(data: dict[str, Any]) -> Described:
    return Described(
        data["name"], data["help"], data["panel"], data["example"],
        tuple((name, help_) for name, help_ in data["arguments"]),
        tuple(Option(tuple(each["names"]), each["help"], each["value"], tuple(each["choices"]),
                     each["repeats"])
              for each in data["options"]),
        tuple(map(_read, data["commands"])),
    )
