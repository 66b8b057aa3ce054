"""What the pages for people show: blocks of code, and code amid the text."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
WEBHOOKS = (ROOT / "bounce_watcher" / "outbox" / "webhooks.md").read_text()
PRIVACY = (ROOT / "bounce_watcher" / "privacy.md").read_text()
ARCHITECTURE = (ROOT / "bounce_watcher" / "README.md").read_text()

_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[\w-]+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_SPAN = re.compile(r"`([^`]+)`")
_HEREAFTER = re.compile(r"\s+(?:&&|\|)\s+")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `mark` is the name in the HTML comment right above it, "" where there is none."""

    mark: str
    language: str
    text: str


def blocks(page: str, language: str) -> list[Block]:
    return [block for block in _blocks(page) if block.language == language]


def marked(page: str, mark: str) -> Block:
    (block,) = [block for block in _blocks(page) if block.mark == mark]
    return block


def _blocks(page: str) -> list[Block]:
    return [Block(match["mark"] or "", match["language"], match["text"]) for match in _BLOCK.finditer(page)]


def spans(page: str) -> list[str]:
    """Code amid the text, each on one line."""
    return [" ".join(span.split()) for span in _SPAN.findall(_BLOCK.sub("", page))]


def invocations(page: str, program: str = "bounce-watcher") -> list[list[str]]:
    """The arguments of every call of `program` with some that a page shows, in blocks and amid the text."""
    shown = [line for kind in ("sh", "console") for block in blocks(page, kind) for line in block.text.splitlines()]
    calls = (command for line in [*shown, *spans(page)] for command in _HEREAFTER.split(line.removeprefix("$ ")))
    words = (_words(command) for command in calls)
    return [each[1:] for each in words if len(each) > 1 and Path(each[0]).name == program]


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command, comments=True)
    except ValueError:  # a lone apostrophe: no command
        return []
