"""Tries a mailbox before anything is written: the log-in, the folders, what the server can do."""

import contextlib
import hashlib
import imaplib
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from imapclient import IMAPClient

from bounce_watcher.intake.imap.account import ImapAccount, Security
from bounce_watcher.intake.imap.folders import Hierarchy, hierarchy_of
from bounce_watcher.intake.imap.oauth2 import TokenStore
from bounce_watcher.intake.imap.selecting import Settlement, settlement_of
from bounce_watcher.intake.imap.wire import Wire
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.service.setup.mailbox_doctor import connected

FOLDERS_COUNTED = 40
"""In how many folders messages are counted at most: some servers take a second for each."""

_ABILITIES = ("MOVE", "UIDPLUS", "IDLE", "CONDSTORE", "QRESYNC", "NAMESPACE", "SPECIAL-USE")
_FOR_BOUNCES = re.compile(r"\b(?:bounces?|returned|returns|undeliver(?:ed|able)|ndrs?|mailer-daemon)\b", re.IGNORECASE)
_UNUSABLE = frozenset({b"\\noselect", b"\\nonexistent"})


@dataclass(frozen=True, slots=True)
class FolderSeen:
    """A folder, with "/" between the levels of its name. `messages` is None if they were not counted."""

    name: str
    messages: int | None


@dataclass(frozen=True, slots=True)
class Look:
    """What a mailbox was found to be. `abilities` are those of the server that are of use here."""

    folders: tuple[FolderSeen, ...]
    abilities: tuple[str, ...]
    settlement: Settlement

    def proposed(self, ours: Sequence[str]) -> str:
        """Returns the folder to watch: one whose name suggests bounces and that is not among `ours`, else INBOX."""
        named = (each.name for each in self.folders if each.name not in ours and not _is_below_any(each.name, ours))
        return next((name for name in named if _FOR_BOUNCES.search(name)), "INBOX")

    def messages_in(self, folder: str) -> int | None:
        return next((each.messages for each in self.folders if each.name == folder), None)


def look(account: ImapAccount, tokens: TokenStore) -> Look:
    """Logs in and looks around. Changes nothing. Raises TemporaryFailure, or PermanentFailure with the fix."""
    with connected(account, tokens) as connection:
        client = connection.client
        hierarchy = hierarchy_of(client)
        seen = tuple(_seen(client, hierarchy))
        abilities = tuple(word for word in _ABILITIES if client.has_capability(word))
        return Look(seen, abilities, settlement_of(client))


def _seen(client: IMAPClient, hierarchy: Hierarchy) -> Iterator[FolderSeen]:
    listed = [
        name for flags, _, name in client.list_folders()
        if isinstance(name, str) and not _UNUSABLE & {flag.lower() for flag in flags}
    ]
    listed.sort(key=lambda name: (name.upper() != "INBOX", not _FOR_BOUNCES.search(name), name))
    for number, name in enumerate(listed):
        counted = None
        if number < FOLDERS_COUNTED:
            with contextlib.suppress(imaplib.IMAP4.error):
                counted = client.folder_status(name, ["MESSAGES"]).get(b"MESSAGES")
        yield FolderSeen(_written(name, hierarchy), counted)


def _written(name: str, hierarchy: Hierarchy) -> str:
    """Returns a server's folder name as the configuration writes it."""
    if name.upper() == "INBOX":
        return "INBOX"
    bare = name.removeprefix(hierarchy.prefix)
    return bare.replace(hierarchy.delimiter, "/") if hierarchy.delimiter else bare


def _is_below_any(name: str, folders: Sequence[str]) -> bool:
    return any(folder.startswith(f"{name}/") for folder in folders)


# ── a certificate that no authority vouches for ─────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as shown. `sha256`: its fingerprint, as `openssl x509 -fingerprint -sha256` writes it."""

    pem: str
    sha256: str
    subject: str
    until: datetime
    is_self_signed: bool


def shown_certificate(account: ImapAccount) -> Certificate:
    """Returns the certificate of the account's server, unchecked. Does not log in. Raises PermanentFailure."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        der = _peer(account, context)
        return _described(x509.load_der_x509_certificate(der))
    except (OSError, imaplib.IMAP4.error, ValueError) as error:
        place = f"{account.host}:{account.port}"
        raise PermanentFailure(f"the certificate of {place} cannot be read: {error}", "name a ca_file") from error


def _peer(account: ImapAccount, context: ssl.SSLContext) -> bytes:
    seconds = account.timeout.total_seconds()

    def plug() -> socket.socket:
        raw = socket.create_connection((account.host, account.port), seconds)
        is_tls = account.security is Security.TLS
        return context.wrap_socket(raw, server_hostname=account.host) if is_tls else raw

    client = Wire(account.host, account.port, plug)
    try:
        if account.security is Security.STARTTLS:
            client.starttls(context)
        assert isinstance(client.sock, ssl.SSLSocket)
        return client.sock.getpeercert(binary_form=True) or b""
    finally:
        client.shutdown()


def _described(certificate: x509.Certificate) -> Certificate:
    der = certificate.public_bytes(Encoding.DER)
    digest = hashlib.sha256(der).hexdigest().upper()
    return Certificate(
        pem=certificate.public_bytes(Encoding.PEM).decode(),
        sha256=":".join(re.findall("..", digest)),
        subject=certificate.subject.rfc4514_string(),
        until=certificate.not_valid_after_utc,
        is_self_signed=_signs_itself(certificate),
    )


def _signs_itself(certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True

