"""Errors, grouped by what the caller should do about them, and fixes that name settings."""

import copyreg
from collections.abc import Mapping
from enum import Enum, unique
from typing import Any

from bounce_watcher.model.about import About

KEYS: Mapping[str, str] = {
    "host": "`host`", "port": "`port`", "place": "`host` and `port`", "security": "`security`", "ca_file": "ca_file",
    "username": "username", "password": "password", "oauth2": "[mailbox.oauth2]",
}
"""The settings by their keys in the configuration."""


@unique
class Advice(Enum):
    """A fix that names settings of a mailbox: each reader gets the names that apply where they are.

    What stands in braces is a setting; see `KEYS`.
    """

    PLACE = "is the server up? Check {place}"
    NAME = "is {host} right, and does DNS answer here?"
    NETWORK = "is this machine's network up, and is {host} right?"
    CERTIFICATE = "set {ca_file} to the authority that signed it, or fix the server's certificate or {host}"
    TLS = "check {port} and {security} (993 is tls, 143 is starttls)"
    NO_STARTTLS = "set {security} to tls and {port} to 993"
    NO_PASSWORD = "set {security} to tls or starttls, or use {oauth2}"
    CREDENTIALS = "check {username} and {password}"

    def naming(self, settings: Mapping[str, str]) -> str:
        """Returns the sentence with the settings named as given."""
        return self.value.format_map(settings)

    def __str__(self) -> str:
        return self.naming(KEYS)


class BounceWatcherError(Exception):
    """Base of all our errors: what it is `about`, the `problem`, and the `fix` ("" if there is none).

    `advice` is the fix as a value, if it names settings: it can then be put into words for another place.
    `str()` joins all three in one line: `mailbox returns: the log-in was refused; check username and password`.
    """

    def __init__(self, problem: str, fix: str | Advice = "", *, about: About | None = None) -> None:
        super().__init__(problem, fix)
        self.problem, self.fix, self.about = problem, str(fix), about
        self.advice = fix if isinstance(fix, Advice) else None

    def __str__(self) -> str:
        return "; ".join(filter(None, (self.headline, self.fix)))

    @property
    def headline(self) -> str:
        """Returns the error's text without the fix."""
        return f"{self.about}: {self.problem}" if self.about else self.problem

    def __reduce__(self) -> tuple[Any, ...]:
        """Lets copies and pickles keep all fields, whatever arguments the constructor of a subclass takes."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class TemporaryFailure(BounceWatcherError):
    """A failure that may pass: a server away, a time-out, a lock. Nothing was lost; the same call may succeed later."""


class PermanentFailure(BounceWatcherError):
    """A failure that recurs until a person changes something: a refused log-in, a missing schema."""


class ConfigError(BounceWatcherError):
    """A configuration that must not be used.

    `problems` holds every fault found, one line each: the key, what is wrong, the fix.
    """

    def __init__(self, source: str, problems: tuple[str, ...]) -> None:
        self.source = source
        self.problems = problems
        super().__init__("; ".join(f"{source}: {problem}" for problem in problems))
