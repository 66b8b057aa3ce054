"""Asks the DNS through the system's resolvers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.name
from dns.resolver import NXDOMAIN, Resolver

from bounce_watcher.attribution.dkim import MAX_RECORD
from bounce_watcher.model.errors import TemporaryFailure

ANSWER_SECONDS = 2.0
"""How long one question may take."""


def txt_record(name: str, resolver: Callable[[], Resolver] = Resolver) -> str | None:
    """Returns the first TXT record of `name` that is not too long for a DKIM key, None if there is none.

    `resolver` is made anew for each question, so a change of the system's settings takes effect. Raises
    TemporaryFailure if no resolver answers. A name that can't exist in the DNS has no record: a made-up one must not
    look like an outage.
    """
    texts = (b"".join(record.strings).decode("utf-8", "replace") for record in _records(name, "TXT", resolver))
    return next((text for text in texts if len(text) <= MAX_RECORD), None)


@dataclass(frozen=True, slots=True)
class ServiceHost:
    """A host and port that an SRV record names for a service (RFC 2782)."""

    host: str
    port: int


def service_records(name: str, resolver: Callable[[], Resolver] = Resolver) -> list[ServiceHost]:
    """Returns the SRV records of `name`, the preferred first. Empty if "." says that there is no such service.

    Raises TemporaryFailure as `txt_record` does.
    """
    records = sorted(_records(name, "SRV", resolver), key=lambda record: (record.priority, -record.weight))
    named = ((record.target.to_text(omit_final_dot=True), record.port) for record in records)
    return [ServiceHost(host, port) for host, port in named if host and host != "."]


def mail_exchangers(domain: str, resolver: Callable[[], Resolver] = Resolver) -> list[str]:
    """Returns the hosts of a domain's MX records, the preferred first. Raises TemporaryFailure as `txt_record` does."""
    records = sorted(_records(domain, "MX", resolver), key=lambda record: record.preference)
    return [host for record in records if (host := record.exchange.to_text(omit_final_dot=True)) != "."]


def _records(name: str, kind: str, resolver: Callable[[], Resolver]) -> list[Any]:
    try:
        asked = dns.name.from_text(f"{name}.")
    except dns.exception.DNSException:
        return []
    try:
        return list(resolver().resolve(asked, kind, lifetime=ANSWER_SECONDS, raise_on_no_answer=False))
    except NXDOMAIN:
        return []
    except (dns.exception.DNSException, OSError) as failure:
        raise TemporaryFailure(f"DNS: {name}: {type(failure).__name__}") from failure
