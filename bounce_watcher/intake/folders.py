"""Folder names as a server has them: its hierarchy delimiter and its personal namespace (RFC 2342)."""

import contextlib
import imaplib
from dataclasses import dataclass

import structlog
from imapclient import IMAPClient

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """`delimiter` is None on a server whose names have no levels. `prefix` begins every name of ours but INBOX."""

    delimiter: str | None
    prefix: str

    def name(self, configured: str) -> str:
        """The server's name for a folder that is written with "/" between its levels."""
        if configured.upper() == "INBOX":
            return "INBOX"
        name = configured.replace("/", self.delimiter or "-")
        return name if name.startswith(self.prefix) else self.prefix + name


def hierarchy_of(client: IMAPClient) -> Hierarchy:
    if client.has_capability("NAMESPACE"):
        personal = client.namespace().personal
        if personal:
            prefix, delimiter = personal[0]
            return Hierarchy(delimiter or None, prefix)
    listed = client.list_folders("", "")  # RFC 3501 section 6.3.8: an empty name asks for the delimiter
    delimiter = listed[0][1] if listed else None
    return Hierarchy(delimiter.decode("ascii") if delimiter else None, "")


def exists(client: IMAPClient, name: str) -> bool:
    """Whether there is a folder of just this name that can hold mail."""
    unusable = {b"\\noselect", b"\\nonexistent"}
    return any(
        same(listed, name) and not unusable & {flag.lower() for flag in flags}
        for flags, _, listed in client.list_folders("", name)
    )


def same(one: str, other: str) -> bool:
    """RFC 3501 section 5.1: INBOX is one in any case, all else is as written."""
    return one == other or one.upper() == other.upper() == "INBOX"


def create(client: IMAPClient, name: str) -> None:
    """Makes a folder and subscribes to it; one that is there already is fine."""
    try:
        client.create_folder(name)
        log.info("folder created", action="folder_created", folder=name)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error:
        if not exists(client, name):
            raise
    with contextlib.suppress(imaplib.IMAP4.error):  # a convenience for a person's mail program
        client.subscribe_folder(name)
