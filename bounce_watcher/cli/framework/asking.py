"""Asks a person at a terminal. Unattended, it takes each proposal; what has none must come as an option."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import typer

from bounce_watcher.cli.framework.output import WrongUsage, clean, complain, say
from bounce_watcher.config.values import text_of
from bounce_watcher.model.keys import ValueKind

LONGEST_SECRET = 64 * 1024

T = TypeVar("T")


class Asker:
    """Asks questions if `attended`, which means that a person answers. Otherwise it asks nothing."""

    def __init__(self, *, attended: bool) -> None:
        self.attended = attended

    def text(
        self, question: str, option: str, given: str | None, proposal: str | None = None,
        check: Callable[[str], str] = lambda text: text,
    ) -> str:
        """Returns the option's value, a person's answer, or the proposal. `check` raises ValueError for a bad one."""
        if given is not None:
            try:
                return check(given)
            except ValueError as error:
                raise WrongUsage(f"{option}: {error}") from None
        if not self.attended:
            if proposal is None:
                raise WrongUsage(f"{option} is missing: {question[0].lower()}{question[1:]}")
            return proposal
        while True:
            answer = typer.prompt(clean(question), default=proposal).strip()
            try:
                return check(answer)
            except ValueError as error:
                complain(f"{answer}: {error}")

    def secret(self, question: str, option: str, file: str | None) -> str:
        """Reads a secret from the file an option names ("-": standard input), or from the terminal without echo."""
        if file is not None:
            return _secret_in(option, file)
        if not self.attended:
            raise WrongUsage(f"{option} is missing: name the file that holds it, or - for standard input")
        answer: str = typer.prompt(question, hide_input=True)
        return answer

    def yes(self, question: str, given: bool | None, *, proposal: bool) -> bool:
        if given is not None or not self.attended:
            return proposal if given is None else given
        return typer.confirm(clean(question), default=proposal)

    def note(self, text: str = "", *, indent: int = 0) -> None:
        say(" " * indent + clean(text))


def attended(*, take_proposals: bool) -> bool:
    """Checks whether there is a person to ask. Raises WrongUsage if there is none and --yes is missing."""
    if take_proposals:
        return False
    if sys.stdin.isatty() and sys.stdout.isatty():
        return True
    raise WrongUsage("no terminal to ask on: add --yes, which accepts all defaults, and the options needed")


def fits(kind: ValueKind | None) -> Callable[[str], str]:
    """Returns a check that applies the configuration's rules for such a text, in its words."""
    return lambda text: str(text_of(kind, text))


def _secret_in(option: str, file: str) -> str:
    try:
        if file == "-":
            content = sys.stdin.buffer.readline(LONGEST_SECRET)
        else:
            with Path(file).open("rb") as source:
                content = source.read(LONGEST_SECRET)
        text = content.decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{option}: {file}: {getattr(error, 'strerror', None) or 'is not UTF-8 text'}") from None
    if not text.strip():
        raise WrongUsage(f"{option}: {'standard input' if file == '-' else file} is empty")
    return text
