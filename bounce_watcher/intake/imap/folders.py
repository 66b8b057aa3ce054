"""Folder names as a server has them: its hierarchy delimiter and its namespaces (RFC 2342)."""

import contextlib
from dataclasses import dataclass

from imapclient import IMAPClient

from bounce_watcher.intake.imap.failures import CommandRefused, refusals
from bounce_watcher.logs import log


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A server's naming scheme. `delimiter` is None if its names have no levels.

    `prefix` begins every name of ours but INBOX.
    `foreign` are the prefixes of the namespaces of other users and of shared folders.
    """

    delimiter: str | None
    prefix: str
    foreign: tuple[str, ...] = ()

    def name(self, configured: str) -> str:
        """Returns the server's name for a folder that is written with "/" between its levels."""
        first, *rest = configured.split("/")
        if first.upper() == "INBOX":  # RFC 3501 section 5.1: in any case
            return (self.delimiter or "-").join(["INBOX", *rest])
        name = configured.replace("/", self.delimiter or "-")
        return name if name.startswith((self.prefix, *self.foreign)) else self.prefix + name

    def splits(self, configured: str) -> bool:
        """Checks whether a name contains the server's delimiter, though "/" is meant to separate its levels."""
        below = configured.removeprefix(self.prefix)
        return self.delimiter not in (None, "/") and self.delimiter in below


@dataclass(frozen=True, slots=True)
class ResolvedFolder:
    """A configured folder's name on the server, and whether the folder exists."""

    name: str
    exists: bool


def hierarchy_of(client: IMAPClient) -> Hierarchy:
    if client.has_capability("NAMESPACE"):
        told = client.namespace()
        foreign = tuple(prefix for prefix, _ in (*(told.other or ()), *(told.shared or ())) if prefix)
        if told.personal:
            prefix, delimiter = told.personal[0]
            return Hierarchy(delimiter or None, prefix, foreign)
    listed = client.list_folders("", "")  # RFC 3501 section 6.3.8: an empty name asks for the delimiter
    delimiter = listed[0][1] if listed else None
    return Hierarchy(delimiter.decode("ascii") if delimiter else None, "")


def find(client: IMAPClient, hierarchy: Hierarchy, configured: str) -> ResolvedFolder:
    """Resolves a configured folder: to an existing folder with exactly this name, else to the one that `Hierarchy.name`
    returns, else to one outside the personal namespace."""
    name = hierarchy.name(configured)
    if same(name, "INBOX"):
        return ResolvedFolder(name, True)
    outside = configured.replace("/", hierarchy.delimiter or "-")
    tried = dict.fromkeys((configured, name, outside))
    return next((ResolvedFolder(each, True) for each in tried if exists(client, each)), ResolvedFolder(name, False))


def exists(client: IMAPClient, name: str) -> bool:
    """Checks whether there is a folder with exactly this name that can hold mail."""
    unusable = {b"\\noselect", b"\\nonexistent"}
    try:
        with refusals():
            listed = client.list_folders("", name)
    except CommandRefused:  # a name that is not valid on this server
        return False
    return any(same(found, name) and not unusable & {flag.lower() for flag in flags} for flags, _, found in listed)


def same(one: str, other: str) -> bool:
    """Compares two names. INBOX is the same in any case, other names must match exactly (RFC 3501 section 5.1)."""
    return one == other or one.upper() == other.upper() == "INBOX"


def create(client: IMAPClient, name: str) -> None:
    """Creates a folder and subscribes to it. It may exist already. Raises CommandRefused."""
    try:
        with refusals():
            client.create_folder(name)
        log.info("folder created", action="folder_created", folder=name)
    except CommandRefused:
        if not exists(client, name):
            raise
    with contextlib.suppress(CommandRefused), refusals():  # so that a person's mail program shows it
        client.subscribe_folder(name)
