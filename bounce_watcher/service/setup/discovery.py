"""Finds servers for an address's mailbox: by its provider, the DNS, and the usual server names.

RFC 6186: a domain names its IMAP servers in SRV records. DNS answers are not signed, so a person must confirm a server
before it gets a password (section 6), unless it is a known provider's or below the address's own domain.
"""

import ssl
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from dns.resolver import Resolver

from bounce_watcher.config.values import is_loopback
from bounce_watcher.intake.imap.account import ImapAccount, Security
from bounce_watcher.intake.imap.connection import Connection
from bounce_watcher.intake.imap.oauth2 import TokenStore
from bounce_watcher.intake.imap.watchdog import Watchdog
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
                            is_sure=_is_below(each.host, domain))
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


def _is_below(host: str, domain: str) -> bool:
    return host.casefold().endswith(f".{domain.casefold()}")


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
        super().__init__(failure.problem, failure.fix, about=failure.about)
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
