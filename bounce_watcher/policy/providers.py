"""Finds the provider of a recipient: by the host that refused the mail if the report names it, else by the domain.

An outage affects an organisation, not a domain: outlook.com, hotmail.fr and a company's own domain may all be refused
by hosts below protection.outlook.com. The tables list organisations whose hosts or domains have several names. All
others go by the domain that they registered.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from publicsuffixlist import PublicSuffixList

_HOSTS: Mapping[str, str] = {
    **dict.fromkeys(("google.com", "googlemail.com"), "google.com"),
    # protection.outlook.com, the newer mx.microsoft, and mx1.hotmail.com until 2018
    **dict.fromkeys(("outlook.com", "microsoft.com", "mx.microsoft", "hotmail.com"), "outlook.com"),
    **dict.fromkeys(("yahoodns.net", "yahoo.com", "aol.com"), "yahoo.com"),
    **dict.fromkeys(("icloud.com", "me.com", "apple.com"), "icloud.com"),
    **dict.fromkeys(("gmx.net", "web.de", "mail.com"), "gmx.net"),
    **dict.fromkeys(("kundenserver.de", "ionos.com", "1and1.com", "ionos.de"), "ionos.com"),
    **dict.fromkeys(("163.com", "126.com", "netease.com"), "163.com"),
    **dict.fromkeys(("yandex.ru", "yandex.net"), "yandex.ru"),
    **dict.fromkeys(("pphosted.com", "ppe-hosted.com", "proofpoint.com"), "proofpoint.com"),
    **dict.fromkeys(("orange.fr", "wanadoo.fr"), "orange.fr"),
    "barracudanetworks.com": "barracuda.com",
    **{name: name for name in ("qq.com", "mail.ru", "mimecast.com", "messagelabs.com", "comcast.net", "t-online.de")},
}

_DOMAINS: Mapping[str, str] = {
    "gmail.com": "google.com",
    "googlemail.com": "google.com",
    **dict.fromkeys(("outlook.com", "live.com", "msn.com", "hotmail.com", "passport.com"), "outlook.com"),
    **dict.fromkeys(("yahoo.com", "ymail.com", "rocketmail.com", "aol.com", "aim.com", "myyahoo.com"), "yahoo.com"),
    **dict.fromkeys(("icloud.com", "me.com", "mac.com"), "icloud.com"),
    **dict.fromkeys(("gmx.net", "gmx.de", "gmx.at", "gmx.ch", "gmx.com", "web.de", "mail.com"), "gmx.net"),
    **dict.fromkeys(("qq.com", "foxmail.com"), "qq.com"),
    **dict.fromkeys(("163.com", "126.com", "yeah.net"), "163.com"),
    **dict.fromkeys(("mail.ru", "inbox.ru", "list.ru", "bk.ru", "internet.ru"), "mail.ru"),
    **dict.fromkeys(("yandex.ru", "yandex.com", "ya.ru"), "yandex.ru"),
    **dict.fromkeys(("orange.fr", "wanadoo.fr"), "orange.fr"),
}
_BRANDS: Mapping[str, str] = {
    "yahoo": "yahoo.com", "hotmail": "outlook.com", "live": "outlook.com", "outlook": "outlook.com", "gmx": "gmx.net",
}
"""Names that one organisation uses below many country domains: yahoo.co.uk, hotmail.fr."""

_NOT_YAHOOS = frozenset({"yahoo.co.jp"})  # another company, with mail servers of its own
_BELOW_A_BRAND = re.compile(r"[^.]+|com?\.[a-z]{2}")
"""The suffixes below which a brand counts. Elsewhere it is just a word: yahoo.github.io is not Yahoo's."""

_HOST_NAME = re.compile(r"(?=.{4,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){1,20}")


@lru_cache(maxsize=4096)
def provider_of(remote_mta: str | None, domain: str) -> str:
    """Returns the provider in lower case: `google.com`, `outlook.com`, `example.org`.

    `domain` is the recipient's; "" means that none is known.
    """
    host = _host(remote_mta)
    of_host, of_domain = registrable(host), registrable(domain.casefold())
    return _HOSTS.get(of_host) or _known(of_domain) or of_host or of_domain


def _host(remote_mta: str | None) -> str:
    """Returns the host name; "" for an address literal, a bare word, or a local name."""
    name = (remote_mta or "").casefold().rstrip(".")
    is_name = _HOST_NAME.fullmatch(name) and not name.rpartition(".")[2].isdigit()
    return name if is_name and not name.endswith((".local", ".localdomain", ".internal")) else ""


def _known(domain: str) -> str | None:
    if domain in _DOMAINS or domain in _NOT_YAHOOS:
        return _DOMAINS.get(domain)
    name, _, suffix = domain.partition(".")
    return _BRANDS.get(name) if _BELOW_A_BRAND.fullmatch(suffix) else None


def registrable(host: str) -> str:
    """Returns the registered domain by the public suffix list: example.co.uk for mx.example.co.uk.

    Private suffixes count as well as those of registries: names below uk.com, eu.org or dyndns.org belong to many
    organisations with mail servers of their own, just as names below co.uk do. Names below the suffixes of hosting
    companies (github.io) rarely take mail at all. Address literals, and names that nobody can register, are returned
    as they are.
    """
    return (None if host.startswith("[") else _suffixes().privatesuffix(host)) or host


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    """Returns the list that the library ships. Reading takes a tenth of a second, so it happens on the first call."""
    return PublicSuffixList()
