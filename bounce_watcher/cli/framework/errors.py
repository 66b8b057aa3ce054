"""What ends a command early beside the errors of the other rooms."""

from bounce_watcher.model.errors import BounceWatcherError


class WrongUsage(BounceWatcherError):
    """A command line that can't be meant: exit status 2."""


class ReaderGoneError(Exception):
    """Whoever read our output has stopped: `| head` has enough. (Typer would make exit status 1 of the original.)"""
