"""Errors that end a command early."""

from bounce_watcher.model.errors import BounceWatcherError


class WrongUsage(BounceWatcherError):
    """A command line that makes no sense: exit status 2."""


class ReaderGoneError(Exception):
    """The reader of our output has stopped, as `| head` does. (Typer would turn the original into exit status 1.)"""
