"""Fixes that name settings of a mailbox, as values: each reader gets the names that apply where they are."""

from collections.abc import Mapping
from enum import Enum, unique

KEYS: Mapping[str, str] = {
    "host": "`host`", "port": "`port`", "place": "`host` and `port`", "security": "`security`", "ca_file": "ca_file",
    "username": "username", "password": "password", "oauth2": "[mailbox.oauth2]",
}
"""The settings by their keys in the configuration."""


@unique
class Advice(Enum):
    """A fix. What stands in braces is a setting; see `KEYS`."""

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
