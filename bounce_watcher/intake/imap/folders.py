"""Folder names as a server has them: its hierarchy delimiter and its namespaces (RFC 2342)."""

import contextlib
from dataclasses import dataclass

from imapclient import IMAPClient

from bounce_watcher.intake.imap.failures import CommandRefused, refusals
from bounce_watcher.logs import log


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """`delimiter` is None on a server whose names have no levels. `prefix` begins every name of ours but INBOX;
    `foreign` are the prefixes of the namespaces of other users and of shared folders."""

    delimiter: str | None
    prefix: str
    foreign: tuple[str, ...] = ()

    def name(self, configured: str) -> str:
        """The server's name for a folder that is written with "/" between its levels."""
        first, *rest = configured.split("/")
        if first.upper() == "INBOX":  # RFC 3501 section 5.1: in any case
            return (self.delimiter or "-").join(["INBOX", *rest])
        name = configured.replace("/", self.delimiter or "-")
        return name if name.startswith((self.prefix, *self.foreign)) else self.prefix + name

    def splits(self, configured: str) -> bool:
        """Whether a name holds what the server takes for the end of a level, where "/" was to be it."""
        below = configured.removeprefix(self.prefix)
        return self.delimiter not in (None, "/") and self.delimiter in below


@dataclass(frozen=True, slots=True)
class ResolvedFolder:
    """A configured folder's name on the server, and whether there is such a folder."""

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
    """A folder that exists just as it is written is meant; else the one that `Hierarchy.name` tells; if there is none,
    one outside the personal namespace."""
    name = hierarchy.name(configured)
    if same(name, "INBOX"):
        return ResolvedFolder(name, True)
    outside = configured.replace("/", hierarchy.delimiter or "-")
    tried = dict.fromkeys((configured, name, outside))
    return next((ResolvedFolder(each, True) for each in tried if exists(client, each)), ResolvedFolder(name, False))


def exists(client: IMAPClient, name: str) -> bool:
    """Whether there is a folder of just this name that can hold mail."""
    unusable = {b"\\noselect", b"\\nonexistent"}
    try:
        with refusals():
            listed = client.list_folders("", name)
    except CommandRefused:  # a name that can be none here
        return False
    return any(
        same(found, name) and not unusable & {flag.lower() for flag in flags} for flags, _, found in listed
    )


def same(one: str, other: str) -> bool:
    """RFC 3501 section 5.1: INBOX is one in any case, all else is as written."""
    return one == other or one.upper() == other.upper() == "INBOX"


def create(client: IMAPClient, name: str) -> None:
    """Makes a folder and subscribes to it; one that is there already is fine. Raises CommandRefused."""
    try:
        with refusals():
            client.create_folder(name)
        log.info("folder created", action="folder_created", folder=name)
    except CommandRefused:
        if not exists(client, name):
            raise
    with contextlib.suppress(CommandRefused), refusals():  # a convenience for a person's mail program
        client.subscribe_folder(name)
