"""A group of commands whose modules are imported when a command is called, not when the commands are listed.

What one command needs (SQLAlchemy, an IMAP server, HTTP) takes longer to import than all the work of another one.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """A command, or a group of them, as the list shows it. `module`.register(app) adds the real one to a Typer.

    `summary` is the first paragraph of the command's own help.
    """

    name: str
    module: str
    panel: str
    summary: str


class LazyGroup(TyperGroup):
    """Shows `CommandEntry`s. The command that is called replaces its entry."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self._modules: dict[str, str] = {}

    def promise(self, entry: CommandEntry) -> None:
        self._modules[entry.name] = entry.module
        self.commands[entry.name] = TyperCommand(
            entry.name, help=entry.summary, short_help=entry.summary, rich_help_panel=entry.panel
        )

    def load(self, name: str) -> Any:
        """Imports and returns the command. Raises KeyError for an unknown name."""
        app = typer.Typer(rich_markup_mode=self.rich_markup_mode, callback=_nothing)
        import_module(self._modules[name]).register(app)
        return _unwrapped(_group(app).commands[name])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Resolves the command. The parser and shell completion use it."""
        name, promised, rest = super().resolve_command(ctx, args)
        return name, promised if name is None else self.load(name), rest


def lazy_group(app: typer.Typer, entries: tuple[CommandEntry, ...]) -> LazyGroup:
    """Returns `app`, whose class is LazyGroup, with a command for each entry."""
    group = _group(app)
    assert isinstance(group, LazyGroup)
    for entry in entries:
        group.promise(entry)
    return group


def _group(app: typer.Typer) -> TyperGroup:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def _unwrapped(command: Any) -> Any:
    """Returns the command with its help in whole paragraphs: typer keeps the line breaks of a docstring."""
    command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in (command.help or "").split("\n\n"))
    command.short_help = command.help.partition("\n\n")[0]  # otherwise shells would show only a part of it
    for each in getattr(command, "commands", {}).values():
        _unwrapped(each)
    return command


def _nothing() -> None:
    """Without a callback typer takes an app with one command for that command."""
