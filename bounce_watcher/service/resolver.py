"""Questions to the DNS, by the system's resolvers."""

import dns.exception
import dns.resolver

from bounce_watcher.attribution.dkim import MAX_RECORD
from bounce_watcher.model.errors import TemporaryFailure

ANSWER_SECONDS = 2.0
"""How long one question may take."""


def txt_record(name: str) -> str | None:
    """The first TXT record of `name` that is not too long for a DKIM key; None where there is none.

    Raises TemporaryFailure where no resolver answers.
    """
    try:
        answer = dns.resolver.resolve(f"{name}.", "TXT", lifetime=ANSWER_SECONDS, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return None
    except (dns.exception.DNSException, OSError) as failure:
        raise TemporaryFailure(f"DNS: {name}: {type(failure).__name__}") from failure
    texts = (b"".join(record.strings).decode("utf-8", "replace") for record in answer)
    return next((text for text in texts if len(text) <= MAX_RECORD), None)
