"""Errors that end a command early."""

from bounce_watcher.model.errors import BounceWatcherError


class WrongUsage(BounceWatcherError):
    """A command line that makes no sense: exit status 2."""


class ReaderGoneError(Exception):
    """Whoever read our output has stopped: `| head` has enough. (Typer would make exit status 1 of the original.)"""
