"""How addresses compare: by their mailbox, whatever the case."""

import contextlib

import idna

_LONGEST = 253
"""Characters of a domain (RFC 1035 section 2.3.4); A-labels take more, not fewer."""


def address_key(address: str) -> str:
    """The form under which an address is counted and suppressed.

    Domain in lower case and IDNA-normal (RFC 5890 A-label), local part without regard to case (RFC 5321 section 2.4
    allows case to matter; no receiver of weight lets it). Sub-addresses stay apart. A domain that IDNA refuses
    is kept in lower case.
    """
    local, at, domain = address.strip().rpartition("@")
    domain = domain.lower().rstrip(".")
    return f"{local.casefold()}{at}{domain if domain.isascii() else _a_labels(domain)}"


def _a_labels(domain: str) -> str:
    """By IDNA 2008, as domains are registered (straße and strasse are two); what only 2003 knew by that."""
    if len(domain) > _LONGEST:
        return domain
    with contextlib.suppress(UnicodeError):
        return idna.encode(domain, uts46=True).decode("ascii")
    with contextlib.suppress(UnicodeError):
        return domain.encode("idna").decode("ascii").lower()
    return domain
