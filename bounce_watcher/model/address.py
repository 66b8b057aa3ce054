"""Mail addresses: which text is one, and which two are the same.

`parse_address` is strict. Every address that decides something goes through it: fields of reports, To of the returned
mail, tokens, feedback reports, and the input from platforms, CSV files, the API and the command line. Text that it
refuses names nobody. An address that a lenient reader finds in text for people is a `ProseAddress`, which is another
type.
"""

import ipaddress
import re
import unicodedata
from functools import lru_cache
from typing import NewType

import idna

MailAddress = NewType("MailAddress", str)
"""A mailbox by RFC 5321 section 4.1.2 and RFC 6531 section 3.3: bare, domain in lower case, local part as written."""

ProseAddress = NewType("ProseAddress", str)
"""A text that a lenient reader takes for an address in text for people. The writer may have meant another one."""

FORGOTTEN = "forgotten:"  # how the hash begins that stands for the address of somebody who was forgotten
MAX_LOCAL_PART = 64  # octets of a local part, quotation marks included (RFC 5321 section 4.5.3.1.1)
MAX_DOMAIN = 253  # characters of a domain with A-labels (RFC 1035 section 2.3.4, minus the root's two octets)
_TOP = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
"""Hosts may have an underscore, although RFC 1123 section 2.1 forbids it; no top level domain has one."""
_ASCII_DOMAIN = re.compile(rf"(?:{_LABEL}\.){{0,126}}{_TOP}")
_USUAL = re.compile(rf"[A-Za-z0-9](?:[A-Za-z0-9._+-]{{0,62}}[A-Za-z0-9])?@(?:{_LABEL}\.){{1,10}}{_TOP}")
_ATOMS = re.compile(r"(?=[.]{0,64}[^.])(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]|[^\x00-\xa0]){1,64}")
"""Dots may be anywhere: carriers in Japan issued such addresses, and no other reading of one is possible."""
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\[ -~]|[^\x00-\xa0]){0,62})"')
_QUOTED_PAIR = re.compile(r"\\(.)")
_NEEDS_PAIR = re.compile(r'(["\\])')
_IPV6 = "ipv6:"
_BLANKS = " \t\r\n"
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_PUNCTUATION = re.compile(r"[^\w.\u200c\u200d\u2190-\u2bff\ufe0f\U0001f000-\U0001faff-]")
_OTHER_DOTS = re.compile("[\u3002\uff0e\uff61]")
"""Characters that IDNA's encoder takes for a dot, although no mail domain is written with them."""


@lru_cache(maxsize=1024)
def parse_address(text: str) -> MailAddress | None:
    """Returns the mailbox that is the whole of `text`; None if it is not one. Total.

    Nothing is stripped, decoded or corrected. Exception: the root's dot after the domain, which changes no address, is
    dropped.
    """
    if _USUAL.fullmatch(text) and len(text) <= MAX_DOMAIN:
        local, _, domain = text.rpartition("@")
        return MailAddress(f"{local}@{domain.lower()}")
    local, at, domain = text.rpartition("@")
    if not at or not _is_local_part(local):
        return None
    named = _domain(domain.removesuffix("."))
    return MailAddress(f"{local}@{named}") if named else None


def parse_entry(text: str) -> MailAddress | None:
    """Parses an address as `parse_address` does, for input from people and table rows: strips blanks around it."""
    return parse_address(text.strip(_BLANKS))


def is_mail_domain(text: str) -> bool:
    """Checks whether `text` may follow the @ of a mailbox."""
    return _domain(text.removesuffix(".")) is not None


def address_key(address: str) -> str:
    """Returns the form under which an address is counted and suppressed. Total.

    The domain is in lower case and with A-labels (RFC 5890). The local part ignores the case of ASCII letters (RFC 5321
    section 2.4 allows case to matter; no major receiver lets it) and has the least quoting (section 4.1.2:
    `"ada"@example.org` is ada@example.org). Other letters are compared as they are: ſ is not s. Sub-addresses stay
    separate. A text that is not an address also has a key, which no mailbox has.
    """
    local, at, domain = address.strip(_BLANKS).rpartition("@")
    bare = _least_quoted(local)
    return f"{bare.lower() if bare.isascii() else bare.translate(_LOWER)}{at}{_domain_key(domain)}"


def is_same_mailbox(one: str, other: str) -> bool:
    """Checks whether two addresses name one mailbox, also as a host within the domain spells it.

    A final recipient may have lost its sub-address and gained the name of the host that has the mailbox.
    """
    if one == other:
        return True
    (local, _, domain), (other_local, _, other_domain) = (address_key(each).rpartition("@") for each in (one, other))
    if local.partition("+")[0] != other_local.partition("+")[0]:
        return False
    return domain == other_domain or domain.endswith(f".{other_domain}") or other_domain.endswith(f".{domain}")


def _is_local_part(local: str) -> bool:
    if not (_ATOMS.fullmatch(local) or _QUOTED.fullmatch(local)):
        return False
    return local.isascii() or (len(local.encode("utf-8", "replace")) <= MAX_LOCAL_PART and _is_legible(local))


def _is_legible(text: str) -> bool:
    """Checks that no character is white space, a control or the mark of a lost character: readers drop those."""
    return not any(
        each != " " and (each == "\ufffd" or each.isspace() or unicodedata.category(each) in {"Cc", "Cs"})
        for each in text
    )


def _least_quoted(local: str) -> str:
    match = _QUOTED.fullmatch(local) if local.startswith('"') else None
    if match is None:
        return local
    plain = _QUOTED_PAIR.sub(r"\1", match[1])
    if _ATOMS.fullmatch(plain):
        return plain
    escaped = _NEEDS_PAIR.sub(r"\\\1", plain)
    return f'"{escaped}"'


def _domain(text: str) -> str | None:
    """Returns a domain or address literal in lower case; None if `text` is neither."""
    if text.startswith("["):
        return _literal(text)
    if len(text) > MAX_DOMAIN:
        return None
    if text.isascii():
        return text.lower() if _ASCII_DOMAIN.fullmatch(text) else None
    lowered = _lowered(text)
    return lowered if _a_labels(lowered) else None


def _literal(text: str) -> str | None:
    """Returns an address literal (RFC 5321 section 4.1.3) in lower case; None if `text` is not one.

    The general form is not accepted, because nobody has registered a tag for it.
    """
    inner = text[1:-1].lower()
    try:
        if inner.startswith(_IPV6):
            ipaddress.IPv6Address(inner.removeprefix(_IPV6))
        else:
            ipaddress.IPv4Address(inner)
    except ValueError:
        return None
    return f"[{inner}]" if text.endswith("]") and "%" not in inner else None


def _domain_key(domain: str) -> str:
    if domain.isascii():
        return domain.lower().rstrip(".")
    lowered = _lowered(domain.rstrip("."))
    return (_a_labels(lowered) if len(lowered) <= MAX_DOMAIN else None) or lowered


def _lowered(domain: str) -> str:
    """Returns `domain` in lower case, except letters that stand for others (the Kelvin sign is not k)."""
    return "".join(
        low if len(low := each.lower()) == 1 and unicodedata.normalize("NFKC", each) == each else each
        for each in domain
    )


@lru_cache(maxsize=1024)
def _a_labels(domain: str) -> str | None:
    """Encodes `domain` by IDNA 2008, as domains are registered (straße and strasse are two), without mapping letters.

    Hearts and other symbols that only IDNA 2003 knew are encoded by IDNA 2003, if that changes nothing. Returns None if
    neither accepts the domain.
    """
    if _OTHER_DOTS.search(domain):
        return None
    try:
        return idna.encode(domain).decode("ascii").lower()
    except (UnicodeError, ValueError):
        if _PUNCTUATION.search(domain):
            return None
    try:
        encoded = domain.encode("idna")
        return encoded.decode("ascii").lower() if encoded.decode("idna") == domain else None
    except UnicodeError:
        return None


def is_forgotten(name: str | None) -> bool:
    """Whether a recipient's name is the hash of one who was forgotten."""
    return name is not None and name.startswith(FORGOTTEN)
