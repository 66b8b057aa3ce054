"""`python -m tests.manual`: writes the manual page, bounce_watcher/share/bounce-watcher.1, out of the commands.

By hand, as click-man (0.6, October 2026) reads Click's own options, and Typer has others since it brings a Click of its
own; it would also write sixty pages, one a command.
"""

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from typer.core import TyperGroup

from bounce_watcher.cli.commands import commands
from bounce_watcher.cli.framework.options import CONFIG_VARIABLE, DEFAULT_CONFIG

_WIDTH = 78
_LONG = 40
_DATE = "2026-11-27"
"""Of the last change to what stands in this module."""
PAGE = Path(__file__).parents[1] / "bounce_watcher" / "share" / "bounce-watcher.1"
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
    ("0", "Done."), ("1", "The work failed: one line on standard error says what, and the fix."),
    ("2", "Wrong usage or configuration."), ("130", "Interrupted."),
)


def page(root: TyperGroup, load: Callable[[str], Any]) -> str:
    """A page for man(7), readable by groff and mandoc. `load` gives the command of a name, with all that it takes."""
    lines = (wrapped for line in _lines(root, load)
             for wrapped in ((line,) if line.startswith(".") or len(line) <= _WIDTH else _wrapped(line)))
    return "\n".join(lines) + "\n"


def _lines(root: TyperGroup, load: Callable[[str], Any]) -> Iterator[str]:
    yield '.\\" Made by python -m tests.manual'
    yield f'.TH BOUNCE-WATCHER 1 "{_DATE}" "bounce-watcher" "User Commands"'
    yield ".nh"
    yield ".ad l"
    yield ".SH NAME"
    yield f"bounce-watcher \\- {_text('bounce mailboxes to suppressions')}"
    yield ".SH SYNOPSIS"
    yield ".B bounce-watcher"
    yield "[\\fB\\-c\\fR \\fIFILE\\fR] \\fICOMMAND\\fR [\\fIOPTIONS\\fR]"
    yield ".SH DESCRIPTION"
    yield from _paragraphs(root.help or "")
    yield from _section("COMMON OPTIONS", (each for each in _options(root) if not _ONLY_BEFORE & set(each.opts)))
    yield from _section("OPTIONS WITHOUT A COMMAND", (each for each in _options(root) if _ONLY_BEFORE & set(each.opts)))
    yield ".SH COMMANDS"
    for panel, below in groupby(root.commands, lambda name: str(getattr(root.commands[name], "rich_help_panel", ""))):
        yield f".SS {_text(panel)}"
        for name in below:
            yield from _entry(load(name), name)
    for title, rows in (("EXIT STATUS", _STATUS), ("ENVIRONMENT", _ENVIRONMENT), ("FILES", _FILES)):
        yield f".SH {_text(title)}"
        for name, meaning in rows:
            yield from (".TP", f".B {_text(name)}", _text(meaning))
    yield ".SH SEE ALSO"
    yield ".BR systemctl (1),"
    yield ".BR systemd.exec (5),"
    yield ".BR journalctl (1)"


def _options(command: Any) -> list[Any]:
    return [each for each in command.params if each.param_type_name == "option" and not each.hidden]


def _section(title: str, options: Iterable[Any]) -> Iterator[str]:
    yield f".SH {_text(title)}"
    for option in options:
        yield from _switch(option)


def _entry(command: Any, name: str) -> Iterator[str]:
    if below := getattr(command, "commands", None):
        for each in below:
            yield from _entry(below[each], f"{name} {each}")
        return
    arguments = [(_text(each.metavar or each.name.upper()), each.help)
                 for each in command.params if each.param_type_name == "argument"]
    options = [each for each in _options(command) if not _COMMON & set(each.opts)]
    yield ".TP"
    yield f"\\fB{_text(name)}\\fR" + "".join(f" \\fI{value}\\fR" for value, _ in arguments)
    first, *others = (command.help or "").split("\n\n")
    yield _text(first)
    for other in others:
        yield from (".IP", _text(other))
    explained = [each for value, meaning in arguments if meaning
                 for each in (".TP", f"\\fI{value}\\fR", _text(meaning))]
    explained += [line for option in options for line in _switch(option)]
    if explained:
        yield from (".RS", *explained, ".RE")
    if example := (command.epilog or "").removeprefix("Example:").strip():
        yield from (".IP", f"Example: \\fB{_text(example)}\\fR")


def _switch(option: Any) -> Iterator[str]:
    yield ".TP"
    names = ", ".join(f"\\fB{_text(name)}\\fR" for name in (*option.opts, *option.secondary_opts))
    yield names if option.is_flag else f"{names} \\fI{_text(option.metavar or 'VALUE')}\\fR"
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


def current() -> str:
    root = commands()
    return page(root, root.load)


if __name__ == "__main__":
    PAGE.write_text(current(), "utf-8")
