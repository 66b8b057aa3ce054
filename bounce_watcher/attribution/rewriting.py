"""Undoes the ways in which mail systems rewrite envelope senders.

BATV  prvs=<tag>=<local>@<domain>     draft-levine-smtp-batv: signed by the sender's own server
      btv1==<tag>==<local>@<domain>   the form of Barracuda's filters
SRS0  SRS0=<hash>=<time>=<domain>=<local>@<forwarder>            Sender Rewriting Scheme, once forwarded
SRS1  SRS1=<hash>=<forwarder>==<hash>=<time>=<domain>=<local>@…  forwarded twice
VERP  <bounces>+<local>=<domain>@…    qmail, Postfix and Mailman: the recipient inside the return path
      <bounces>+<local>==a==<domain>@…  Sympa; a further ==<list> may follow

Only their makers can check hashes and tags: nothing here proves anything.
Pure, total, linear in the length of the address.
"""

import re

from bounce_watcher.model.address import MailAddress, parse_address

DELIMITERS = ("+", "-")

_BATV = re.compile(r"(?:prvs=[0-9a-z]{6,16}=|btv1==[0-9a-z]{6,16}==)(.+)", re.IGNORECASE | re.DOTALL)
_SRS0 = re.compile(r"(?:srs0[=+-]|srs1[=+-][^=]+=[^=]+=[=+-])[^=]+=[^=]+=([^=]+)=(.+)", re.IGNORECASE | re.DOTALL)

_SYMPA = "==a=="

MAX_LAYERS = 4
"""How many rewritings are undone, one by one: BATV inside SRS is common, more than two were never seen."""


def unwrap(address: str) -> str:
    """Returns `address` without BATV and SRS, in whatever order they are; unchanged if it has none."""
    for _ in range(MAX_LAYERS):
        if batv := _BATV.fullmatch(address):
            address = batv[1]
        elif srs := _SRS0.fullmatch(address.rpartition("@")[0]):
            address = f"{srs[2]}@{srs[1]}"
        else:
            break
    return address


def extension(address: str, base: str) -> str | None:
    """Returns what `address` adds to the local part of `base` after a + or -, as written; None if it adds nothing.

    `extension("bounces+x@example.org", "bounces@example.org")` is "x". Case does not matter.
    """
    local, _, domain = address.rpartition("@")
    base_local, _, base_domain = base.rpartition("@")
    head, added = local[: len(base_local)], local[len(base_local) :]
    if domain.lower().rstrip(".") != base_domain.lower() or head.lower() != base_local.lower():
        return None
    return added[1:] if added[:1] in DELIMITERS and len(added) > 1 else None


def extension_of_any(address: str, pattern: str) -> str | None:
    """Does the same as `extension` for a base that may begin with "*", which stands for any name.

    `extension_of_any("news-bounces+x@example.org", "*-bounces@example.org")` is "x".
    """
    if not pattern.startswith("*"):
        return extension(address, pattern)
    tail, _, domain = pattern[1:].rpartition("@")
    local = address.rpartition("@")[0]
    ends = [at + len(tail) for each in DELIMITERS if (at := local.lower().find(f"{tail.lower()}{each}")) > 0]
    return extension(address, f"{local[: min(ends)]}@{domain}") if ends else None


def verp_recipients(added: str) -> tuple[MailAddress, ...]:
    """Returns whom the extension of a plain VERP return path may name: one with `==a==` in it has two readings."""
    readings = [added.rpartition("=")[::2]]
    if _SYMPA in added:
        local, _, rest = added.partition(_SYMPA)
        readings.append((local, rest.partition("==")[0]))
    read = (parse_address(f"{local}@{domain}") for local, domain in readings if "." in domain)
    return tuple(filter(None, read))
