"""How addresses compare: by their mailbox, whatever the case."""

import contextlib


def address_key(address: str) -> str:
    """The form under which an address is counted and suppressed.

    Domain in lower case and IDNA-normal (RFC 5890 A-label), local part without regard to case (RFC 5321 section 2.4
    allows case to matter; no receiver of weight lets it). Sub-addresses stay apart. A domain that IDNA refuses
    is kept in lower case.
    """
    local, at, domain = address.strip().rpartition("@")
    domain = domain.casefold().rstrip(".")
    if not domain.isascii():
        with contextlib.suppress(UnicodeError):
            domain = domain.encode("idna").decode("ascii")
    return f"{local.casefold()}{at}{domain}"
