"""Reads messages named on the command line."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from bounce_watcher.cli.framework.errors import WrongUsage
from bounce_watcher.model.message import RawMessage

DEFAULT_MESSAGE_BYTES = 1024 * 1024

Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH", show_default=False,
        help="A message (.eml), a folder (every file below it), a Maildir, an mbox, or - for standard input.",
    ),
]
MessageBytes = Annotated[
    int,
    typer.Option("--max-message-bytes", min=1024, metavar="N", help="Read at most N bytes of a message."),
]


def messages(paths: Sequence[str], max_message_bytes: int) -> Iterator[RawMessage]:
    """Yields messages in the given order. Raises PermanentFailure for a path that can't be read."""
    from bounce_watcher.intake.files import read_messages

    return read_messages(_given(paths), max_message_bytes=max_message_bytes, stdin=_stdin())


def messages_in_order_of_time(paths: Sequence[str], max_message_bytes: int) -> Iterator[RawMessage]:
    """Yields messages in the order of their Received headers or dates. Raises as `messages`."""
    from bounce_watcher.intake.files import messages_by_time

    return messages_by_time(_given(paths), max_message_bytes=max_message_bytes, stdin=_stdin())


def _given(paths: Sequence[str]) -> list[str | Path]:
    from bounce_watcher.intake.files import STDIN

    if paths.count(STDIN) > 1:
        raise WrongUsage("- is given twice: standard input can be read only once")
    return list(paths)


def _stdin() -> BinaryIO:
    return sys.stdin.buffer
