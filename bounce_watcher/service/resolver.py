"""Questions to the DNS, by the system's resolvers."""

from collections.abc import Callable

import dns.exception
import dns.name
from dns.resolver import NXDOMAIN, Resolver

from bounce_watcher.attribution.dkim import MAX_RECORD
from bounce_watcher.model.errors import TemporaryFailure

ANSWER_SECONDS = 2.0
"""How long one question may take."""


def txt_record(name: str, resolver: Callable[[], Resolver] = Resolver) -> str | None:
    """The first TXT record of `name` that is not too long for a DKIM key; None where there is none.

    `resolver` is asked each time, so that a change of the system's settings is heeded. Raises TemporaryFailure where
    none answers. A name that cannot stand in the DNS has no record: who makes one up must not look like an outage.
    """
    try:
        asked = dns.name.from_text(f"{name}.")
    except dns.exception.DNSException:
        return None
    try:
        answer = resolver().resolve(asked, "TXT", lifetime=ANSWER_SECONDS, raise_on_no_answer=False)
    except NXDOMAIN:
        return None
    except (dns.exception.DNSException, OSError) as failure:
        raise TemporaryFailure(f"DNS: {name}: {type(failure).__name__}") from failure
    texts = (b"".join(record.strings).decode("utf-8", "replace") for record in answer)
    return next((text for text in texts if len(text) <= MAX_RECORD), None)
