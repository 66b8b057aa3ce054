"""Finds servers for an address's mailbox, by its provider, the DNS, and the usual server names; and tries to log in.

RFC 6186: a domain names its IMAP servers in SRV records. DNS answers are not signed, so a person must confirm a server
before it gets a password (section 6), unless it is a known provider's or below the address's own domain.
"""

import contextlib
import hashlib
import imaplib
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from dns.resolver import Resolver
from imapclient import IMAPClient

from bounce_watcher.config.values import is_loopback
from bounce_watcher.intake.imap.account import ImapAccount, Security
from bounce_watcher.intake.imap.connection import Connection
from bounce_watcher.intake.imap.folders import Hierarchy, hierarchy_of
from bounce_watcher.intake.imap.oauth2 import TokenStore
from bounce_watcher.intake.imap.watchdog import Watchdog
from bounce_watcher.intake.imap.wire import Wire
from bounce_watcher.intake.mailbox_providers import (
    IMAPS_PORT,
    LoginWith,
    MailboxProvider,
    provider_of_domain,
    provider_of_exchangers,
)
from bounce_watcher.model.errors import BounceWatcherError, PermanentFailure, TemporaryFailure
from bounce_watcher.service.analysis.resolver import mail_exchangers, service_records
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.setup.mailbox_doctor import connected

T = TypeVar("T")

USUAL_PORTS: Mapping[Security, int] = {Security.TLS: IMAPS_PORT, Security.STARTTLS: 143, Security.NONE: 143}
USUAL_NAMES = ("imap", "mail")
ANSWER_WITHIN = timedelta(seconds=8)
"""How long one try to connect may take: there are many, and a person waits."""


@dataclass(frozen=True, slots=True)
class ServerCandidate:
    """A server that may hold the mailbox. `port` and `security` are None if they must be found out.

    `because` says how it was found. `is_sure` means that nobody can have made it up by changing the DNS.
    """

    host: str
    because: str
    port: int | None = None
    security: Security | None = None
    provider: MailboxProvider | None = None
    is_sure: bool = True


def places(domain: str, resolver: Callable[[], Resolver] = Resolver) -> list[ServerCandidate]:
    """Returns where the mailboxes of a domain may be, likeliest first. Never fails: a DNS that is away adds nothing."""
    if is_loopback(domain):
        return [ServerCandidate(domain, "this machine itself")]
    if own := provider_of_domain(domain):
        return [_at_provider(own, f"an address of {own.name}")]
    with ThreadPoolExecutor(3) as threads:
        exchangers = threads.submit(_told, lambda: mail_exchangers(domain, resolver))
        tls = threads.submit(_told, lambda: service_records(f"_imaps._tcp.{domain}", resolver))
        plain = threads.submit(_told, lambda: service_records(f"_imap._tcp.{domain}", resolver))
        provider = provider_of_exchangers(exchangers.result())
        if provider is not None:
            return [_at_provider(provider, f"the MX of {domain} is of {provider.name}")]
        told = [
            *((each, Security.TLS) for each in tls.result()), *((each, Security.STARTTLS) for each in plain.result()),
        ]
        found = [
            ServerCandidate(each.host, f"an SRV record of {domain}", each.port, security,
                            is_sure=each.host.casefold().endswith(f".{domain.casefold()}"))
            for each, security in told
        ]
        found += [ServerCandidate(f"{name}.{domain}", f"a usual name below {domain}") for name in USUAL_NAMES]
        found += [ServerCandidate(host, f"the MX of {domain}", is_sure=False) for host in exchangers.result()[:1]]
    return list({place.host: place for place in reversed(found)}.values())[::-1]


def _told(ask: Callable[[], list[T]]) -> list[T]:
    try:
        return ask()
    except TemporaryFailure:
        return []


def _at_provider(provider: MailboxProvider, because: str) -> ServerCandidate:
    return ServerCandidate(provider.host, because, IMAPS_PORT, Security.TLS, provider)


# ── which of them answers, and how ──────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Greeting:
    """A server that speaks IMAP, and the abilities that it showed before a log-in."""

    place: ServerCandidate
    port: int
    security: Security
    abilities: frozenset[str]

    @property
    def access(self) -> frozenset[LoginWith]:
        """The kinds of log-in that it accepts."""
        by_password = {"AUTH=PLAIN", "AUTH=LOGIN"} & self.abilities or "LOGINDISABLED" not in self.abilities
        by_token = {"AUTH=XOAUTH2", "AUTH=OAUTHBEARER"} & self.abilities
        return frozenset({*([LoginWith.PASSWORD] if by_password else ()), *([LoginWith.OAUTH2] if by_token else ())})


def ways(place: ServerCandidate) -> Iterator[tuple[int, Security]]:
    """Yields the ports and kinds of encryption to try, the safest first.

    Nobody can listen in on traffic within this machine: there, no encryption goes before STARTTLS. Elsewhere it is not
    tried.
    """
    here = is_loopback(place.host)
    for security in (Security.TLS, *((Security.NONE,) if here else ()), Security.STARTTLS):
        if place.security in (None, security):
            yield place.port or USUAL_PORTS[security], security


class Untrusted(PermanentFailure):
    """The server's certificate is not trusted. `account` is how to reach it."""

    def __init__(self, failure: PermanentFailure, account: ImapAccount) -> None:
        super().__init__(failure.problem, failure.advice or failure.fix, about=failure.about)
        self.account = account


def greet(place: ServerCandidate, ca_file: str | None = None) -> Greeting:
    """Returns the first way to the server on which it speaks IMAP.

    Raises Untrusted at once, as no other way would be safer. Otherwise raises the PermanentFailure or TemporaryFailure
    of the first way that says most.
    """
    failures: list[BounceWatcherError] = []
    for port, security in ways(place):
        account = trial_account(place.host, port, security, ca_file=ca_file)
        try:
            with Watchdog(2 * ANSWER_WITHIN, ANSWER_WITHIN) as watchdog:
                abilities = Connection(account, watchdog, utcnow, TokenStore()).greet()
        except PermanentFailure as failure:
            if isinstance(failure.__cause__, ssl.SSLCertVerificationError):
                raise Untrusted(failure, account) from failure
            failures.append(failure)
        except TemporaryFailure as failure:
            failures.append(failure)
        else:
            return Greeting(place, port, security, abilities)
    raise next((each for each in failures if isinstance(each, PermanentFailure)), failures[0])


def first_to_greet(candidates: list[ServerCandidate]) -> Greeting | None:
    """Returns the first of several places, in their order, that answers; None if none does. Tries all at once."""
    def tried(place: ServerCandidate) -> Greeting | None:
        try:
            return greet(place)
        except BounceWatcherError:
            return None

    with ThreadPoolExecutor(max(1, len(candidates))) as threads:
        return next((found for found in threads.map(tried, candidates) if found), None)


def trial_account(
    host: str, port: int, security: Security, username: str = "", ca_file: str | None = None
) -> ImapAccount:
    return ImapAccount(
        name="returns", host=host, port=port, security=security, username=username, ca_file=ca_file,
        timeout=ANSWER_WITHIN,
    )


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

    def proposed(self, ours: Sequence[str]) -> str:
        """Returns the folder to watch: one whose name suggests bounces and that is not among `ours`, else INBOX."""
        named = (
            each.name for each in self.folders
            if each.name not in ours and not any(folder.startswith(f"{each.name}/") for folder in ours)
        )
        return next((name for name in named if _FOR_BOUNCES.search(name)), "INBOX")

    def messages_in(self, folder: str) -> int | None:
        return next((each.messages for each in self.folders if each.name == folder), None)


def look(account: ImapAccount, tokens: TokenStore) -> Look:
    """Logs in and looks around. Changes nothing. Raises TemporaryFailure, or PermanentFailure with the fix."""
    with connected(account, tokens) as connection:
        client = connection.client
        seen = tuple(_seen(client, hierarchy_of(client)))
        return Look(seen, tuple(word for word in _ABILITIES if client.has_capability(word)))


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
        certificate = x509.load_der_x509_certificate(der)
        return Certificate(
            pem=certificate.public_bytes(Encoding.PEM).decode(),
            sha256=":".join(re.findall("..", hashlib.sha256(der).hexdigest().upper())),
            subject=certificate.subject.rfc4514_string(),
            until=certificate.not_valid_after_utc,
            is_self_signed=_signs_itself(certificate),
        )
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


def _signs_itself(certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
