"""The manual page, out of the commands themselves.

    python -m bounce_watcher.cli.manual

writes bounce_watcher/share/bounce-watcher.1 and share/commands.json anew; a test holds both against the commands.
"""

import re
import textwrap
from collections.abc import Iterator
from enum import Enum
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from bounce_watcher.cli.commands import commands
from bounce_watcher.cli.described import SNAPSHOT, Described, Option, written
from bounce_watcher.cli.lazy import LazyGroup
from bounce_watcher.cli.options import CONFIG_VARIABLE, DEFAULT_CONFIG

PAGE = "bounce_watcher/share/bounce-watcher.1"
_WIDTH = 78
_LONG = 40
_DATE = "2026-11-27"
"""Of the last change to what stands in this module."""
_SOURCE = Path(__file__).resolve().parents[2]
_COMMON = frozenset({"--config", "--debug", "--help"})
_ONLY_BEFORE = frozenset({"--version", "--install-completion", "--show-completion"})

_ENVIRONMENT = (
    (CONFIG_VARIABLE, f"The configuration file, where no -c names one. Else {DEFAULT_CONFIG}."),
    ("CREDENTIALS_DIRECTORY", "The folder of systemd credentials. Where it is not set, the folder `secrets` beside the "
                              "configuration."),
    ("NO_COLOR", "Set to anything, no colours are shown."),
)
_FILES = (
    (str(DEFAULT_CONFIG), "The configuration. `bounce-watcher init` writes it, with an explanation of every key."),
    ("/etc/bounce-watcher/secrets/", "Passwords, keys and tokens, each in a file that root alone reads; the unit loads "
                                     "them as credentials."),
    ("/var/lib/bounce-watcher/ledger.db", "The ledger, where it is SQLite."),
)
_STATUS = (
    ("0", "Done."), ("1", "The work failed: one line on standard error says what, and the mend."),
    ("2", "Wrong usage or configuration."), ("130", "Interrupted."),
)


def described(root: LazyGroup) -> Described:
    """All commands, loaded."""
    below = tuple(
        _command(name, root.load(name), str(getattr(entry, "rich_help_panel", "") or ""))
        for name, entry in root.commands.items()
    )
    return Described(str(root.name), root.help or "", options=_options(root), commands=below)


def _command(name: str, command: Any, panel: str = "") -> Described:
    below = tuple(_command(each, its) for each, its in getattr(command, "commands", {}).items())
    arguments = tuple(
        (each.metavar or each.name.upper(), each.help or "") for each in command.params
        if each.param_type_name == "argument"
    )
    example = (command.epilog or "").removeprefix("Example:").strip()
    return Described(name, command.help or "", panel, example, arguments, _options(command), below)


def _options(command: Any) -> tuple[Option, ...]:
    return tuple(
        Option(
            (*each.opts, *each.secondary_opts), each.help or "",
            "" if each.is_flag else each.metavar or "VALUE", _choices(each.type_descriptor.annotation), each.multiple,
        )
        for each in command.params if each.param_type_name == "option" and not each.hidden
    )


def _choices(kind: object) -> tuple[str, ...]:
    return tuple(str(each.value) for each in kind) if isinstance(kind, type) and issubclass(kind, Enum) else ()


def page(tree: Described) -> str:
    """A page for man(7), readable by groff and mandoc."""
    lines = (wrapped for line in _lines(tree)
             for wrapped in ((line,) if line.startswith(".") or len(line) <= _WIDTH else _wrapped(line)))
    return "\n".join(lines) + "\n"


def _lines(tree: Described) -> Iterator[str]:
    yield '.\\" Made by python -m bounce_watcher.cli.manual'
    yield f'.TH BOUNCE-WATCHER 1 "{_DATE}" "bounce-watcher" "User Commands"'
    yield ".nh"
    yield ".ad l"
    yield ".SH NAME"
    yield f"bounce-watcher \\- {_text('bounce mailboxes to suppressions')}"
    yield ".SH SYNOPSIS"
    yield ".B bounce-watcher"
    yield "[\\fB\\-c\\fR \\fIFILE\\fR] \\fICOMMAND\\fR [\\fIOPTIONS\\fR]"
    yield ".SH DESCRIPTION"
    yield from _paragraphs(tree.help)
    yield from _section("COMMON OPTIONS", (each for each in tree.options if not _ONLY_BEFORE & set(each.names)))
    yield from _section("OPTIONS WITHOUT A COMMAND", (each for each in tree.options if _ONLY_BEFORE & set(each.names)))
    yield ".SH COMMANDS"
    for panel, below in groupby(tree.commands, attrgetter("panel")):
        yield f".SS {_text(panel)}"
        for each in below:
            yield from _entry(each, each.name)
    for title, rows in (("EXIT STATUS", _STATUS), ("ENVIRONMENT", _ENVIRONMENT), ("FILES", _FILES)):
        yield f".SH {_text(title)}"
        for name, meaning in rows:
            yield from (".TP", f".B {_text(name)}", _text(meaning))
    yield ".SH SEE ALSO"
    yield ".BR systemctl (1),"
    yield ".BR systemd.exec (5),"
    yield ".BR journalctl (1)"


def _section(title: str, options: Iterator[Option]) -> Iterator[str]:
    yield f".SH {_text(title)}"
    for option in options:
        yield from _switch(option)


def _entry(tree: Described, name: str) -> Iterator[str]:
    if tree.commands:
        for each in tree.commands:
            yield from _entry(each, f"{name} {each.name}")
        return
    yield ".TP"
    arguments = "".join(f" \\fI{_text(each)}\\fR" for each, _ in tree.arguments)
    yield f"\\fB{_text(name)}\\fR{arguments}"
    first, *others = tree.help.split("\n\n")
    yield _text(first)
    for other in others:
        yield from (".IP", _text(other))
    explained = [(value, meaning) for value, meaning in tree.arguments if meaning]
    options = [each for each in tree.options if not _COMMON & set(each.names)]
    if explained or options:
        yield ".RS"
        for value, meaning in explained:
            yield from (".TP", f"\\fI{_text(value)}\\fR", _text(meaning))
        for option in options:
            yield from _switch(option)
        yield ".RE"
    if tree.example:
        yield from (".IP", f"Example: \\fB{_text(tree.example)}\\fR")


def _switch(option: Option) -> Iterator[str]:
    yield ".TP"
    names = ", ".join(f"\\fB{_text(name)}\\fR" for name in option.names)
    yield names + (f" \\fI{_text(option.value)}\\fR" if option.value else "")
    yield _text(option.help or "Show this.")


def _paragraphs(text: str) -> Iterator[str]:
    for number, each in enumerate(text.split("\n\n")):
        if number:
            yield ".PP"
        yield _text(each)


_SPECIAL = {"\\": "\\e", "-": "\\-", "`": "\\(ga", "'": "\\(aq", "^": "\\(ha", "~": "\\(ti", "…": "\\&...",
            "–": "\\(en", "→": "\\(->", "“": "\\(lq", "”": "\\(rq"}


def _text(text: str) -> str:
    """Words that roff takes for nothing but words: code in bold."""
    escaped = "".join(_SPECIAL.get(each, each) for each in " ".join(text.split()))
    escaped = " ".join(_breakable(word) for word in escaped.split(" "))
    bold = re.sub(r"\\\(ga(.+?)\\\(ga", r"\\fB\1\\fR", escaped)
    return _no_request(bold)


def _breakable(word: str) -> str:
    """A long address may go on in the next line."""
    return re.sub(r"([=/@])(?=\w)", r"\1\\:", word) if len(word) > _LONG else word


def _no_request(line: str) -> str:
    return f"\\&{line}" if line.startswith((".", "'")) else line


def _wrapped(text: str) -> Iterator[str]:
    """Short lines, none of which begins a request of roff's."""
    for line in textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False):
        yield _no_request(line)


def main() -> None:
    tree = described(commands())
    (_SOURCE / PAGE).write_text(page(tree), "utf-8")
    (_SOURCE / "bounce_watcher" / "share" / SNAPSHOT).write_text(written(tree), "utf-8")


if __name__ == "__main__":
    main()
