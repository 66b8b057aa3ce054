"""What a shell offers at Tab, out of the snapshot of the commands. The shells' functions are typer's.

No command is imported for it: a person waits at each key.
"""

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bounce_watcher.cli.described import Described, Option, snapshot

VARIABLE = "_BOUNCE_WATCHER_COMPLETE"
"""Set by a shell's function to complete_SHELL; other values are typer's affair."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A word that fits, and what it means in a line."""

    word: str
    help: str = ""


def is_asked() -> bool:
    return os.environ.get(VARIABLE, "") in _SHELLS


def complete() -> int:
    """Prints what fits where the cursor is. Returns the exit status that the shell's function looks at."""
    return _SHELLS[os.environ[VARIABLE]](snapshot())


def offers(tree: Described, words: Sequence[str], begun: str) -> list[Offer]:
    """What may stand behind `words` and begins with `begun`; empty where the shell shall offer files."""
    here, waiting = _walk(tree, words)
    if waiting is not None:
        found: Iterator[Offer] = (Offer(choice) for choice in waiting.choices)
    elif begun.startswith("-"):
        found = (Offer(name, option.help) for option in here.options for name in option.names
                 if name.startswith("--") and not _is_given(option, words))
    else:
        found = (Offer(each.name, each.help.partition("\n\n")[0]) for each in here.commands)
    return [each for each in found if each.word.startswith(begun)]


def _walk(tree: Described, words: Sequence[str]) -> tuple[Described, Option | None]:
    """The command that the words have come to, and the option that still waits for its value."""
    here, waiting = tree, None
    for word in words:
        if waiting is not None:
            waiting = None
        elif word.startswith("-"):
            option = next((each for each in here.options if word in each.names), None)
            waiting = option if option and option.value else None
        else:
            here = next((each for each in here.commands if each.name == word), here)
    return here, waiting


def _is_given(option: Option, words: Sequence[str]) -> bool:
    return not option.repeats and any(name in words for name in option.names)


# ── how each shell asks and is answered ─────────────────────────────────────────────────────────────────────────────

def _split(line: str) -> list[str]:
    """As far as it goes: somebody is still typing, so a quote may be open."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    try:
        words.extend(lexer)
    except ValueError:
        words.append(lexer.token)
    return words


def _bash(tree: Described) -> int:
    words = _split(os.environ.get("COMP_WORDS", ""))
    at = int(os.environ.get("COMP_CWORD", "0"))
    begun = words[at] if at < len(words) else ""
    _print(each.word for each in offers(tree, words[1:at], begun))
    return 0


def _line(tree: Described) -> list[Offer]:
    """zsh and fish hand over the line up to the cursor."""
    line = os.environ.get("_TYPER_COMPLETE_ARGS", "")
    words = _split(line)[1:]
    begun = words.pop() if words and not line.endswith(" ") else ""
    return offers(tree, words, begun)


def _zsh(tree: Described) -> int:
    found = [f'"{_quoted(each.word)}":"{_quoted(each.help)}"' if each.help else f'"{_quoted(each.word)}"'
             for each in _line(tree)]
    _print(["_arguments '*: :((" + "\n".join(found) + "))'" if found else "_files"])
    return 0


def _quoted(text: str) -> str:
    """What the function hands to eval, within double quotes within single ones."""
    for sign, escaped in (('"', '""'), ("'", "''"), ("$", "\\$"), ("`", "\\`"), (":", r"\\:")):
        text = text.replace(sign, escaped)
    return text


def _fish(tree: Described) -> int:
    found = _line(tree)
    if os.environ.get("_TYPER_COMPLETE_FISH_ACTION") == "is-args":
        return 0 if found else 1
    _print(f"{each.word}\t{each.help}" if each.help else each.word for each in found)
    return 0


def _print(lines: Iterator[str] | Sequence[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


_SHELLS: Mapping[str, Callable[[Described], int]] = {
    "complete_bash": _bash, "complete_zsh": _zsh, "complete_fish": _fish,
}
