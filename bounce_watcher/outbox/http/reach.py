"""Decides which addresses a request may go to: the public internet, and hosts that the operator named. Pure.

Someone who can change a name in the DNS must not be able to aim our requests at hosts that only this machine or its
network reaches (server-side request forgery; Standard Webhooks 1.0, "Security considerations"). So the address is
judged, the same one that is then connected to, and never the name alone.

Sources: the IANA registries of special-purpose addresses (RFC 6890 and its updates, as of November 2026), and for
addresses that carry an IPv4 address: RFC 4291 section 2.5.5 (mapped), RFC 3056 (6to4), RFC 6052 (NAT64). An address of
a NAT64 with the network's own prefix looks like any other address.
"""

import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from bounce_watcher.model.errors import PermanentFailure

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class AddressRange(StrEnum):
    """The type of an address that is not on the public internet."""

    PRIVATE = "private"
    LOOPBACK = "loopback"
    LINK_LOCAL = "link-local"
    METADATA = "a cloud's metadata service"
    SHARED = "shared by a carrier (CGNAT)"
    MULTICAST = "multicast"
    UNSPECIFIED = "unspecified"
    RESERVED = "reserved"


_KINDS: tuple[tuple[Network, AddressRange], ...] = tuple((ip_network(network), kind) for network, kind in (
    ("169.254.169.254/32", AddressRange.METADATA),
    ("168.63.129.16/32", AddressRange.METADATA),      # Azure
    ("100.100.100.200/32", AddressRange.METADATA),    # Alibaba
    ("192.0.0.192/32", AddressRange.METADATA),        # Oracle
    ("0.0.0.0/8", AddressRange.UNSPECIFIED),
    ("10.0.0.0/8", AddressRange.PRIVATE),
    ("100.64.0.0/10", AddressRange.SHARED),
    ("127.0.0.0/8", AddressRange.LOOPBACK),
    ("169.254.0.0/16", AddressRange.LINK_LOCAL),
    ("172.16.0.0/12", AddressRange.PRIVATE),
    ("192.0.0.0/24", AddressRange.RESERVED),
    ("192.0.2.0/24", AddressRange.RESERVED),
    ("192.88.99.0/24", AddressRange.RESERVED),
    ("192.168.0.0/16", AddressRange.PRIVATE),
    ("198.18.0.0/15", AddressRange.RESERVED),
    ("198.51.100.0/24", AddressRange.RESERVED),
    ("203.0.113.0/24", AddressRange.RESERVED),
    ("224.0.0.0/4", AddressRange.MULTICAST),
    ("240.0.0.0/4", AddressRange.RESERVED),
    ("fd00:ec2::/32", AddressRange.METADATA),         # Amazon
    ("fd20:ce::254/128", AddressRange.METADATA),      # Google
    ("::/128", AddressRange.UNSPECIFIED),
    ("::1/128", AddressRange.LOOPBACK),
    ("fc00::/7", AddressRange.PRIVATE),
    ("fe80::/10", AddressRange.LINK_LOCAL),
    ("ff00::/8", AddressRange.MULTICAST),
    ("2001::/23", AddressRange.RESERVED),             # Teredo among others
    ("2001:db8::/32", AddressRange.RESERVED),
    ("3fff::/20", AddressRange.RESERVED),
))  # fmt: skip
"""The first network that contains an address decides its type."""

_GLOBAL_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_WRITTEN_OUT = (AddressRange.LOOPBACK, AddressRange.PRIVATE)
"""Types that an operator allows by writing the address itself into the configuration."""

_LONGEST_SHOWN = 48


class ForbiddenHost(PermanentFailure):
    """Raised for a host that we may not connect to."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The hosts that may be connected to. `allowed_hosts` are names and addresses, as `normal_host` writes them.

    These need not be public. A host that is written as a loopback or private address is allowed without that, and so is
    `localhost` if it is loopback: the author of the URL meant it.
    """

    allowed_hosts: frozenset[str] = frozenset()

    def admitted(self, host: str, addresses: Sequence[str]) -> list[str]:
        """Returns the `addresses` that may be connected to, in their order. Raises ForbiddenHost if there is none."""
        good = [address for address in addresses if self.admits(host, address)]
        if addresses and not good:
            where = "is" if host == addresses[0] else f"is at {addresses[0]}, which is"
            kind = kind_of(addresses[0]) or "public"
            raise ForbiddenHost(
                f"{_shortened(host)} {where} {kind} and not of the internet",
                f'if it is meant, add allow_hosts = ["{_shortened(normal_host(host))}"] to its table',
            )
        return good

    def admits(self, host: str, address: str) -> bool:
        """Checks whether `host` may be connected to at `address`."""
        if {normal_host(host), _bare(address)} & self.allowed_hosts:
            return True
        return is_public(address) or _is_written_out(host, address)

    def check_unresolved(self, host: str) -> None:
        """Checks a host that a proxy looks up. Only a literal address can be judged, not a name.

        Raises ForbiddenHost.
        """
        if fault := host_fault(host):
            raise ForbiddenHost(f"{host} is an address in disguise: {fault}")
        if _parsed(host) is not None:
            self.admitted(host, (host,))


def is_public(address: str) -> bool:
    """Checks whether an address is on the public internet. False for text that is no address."""
    return kind_of(address) is None


def kind_of(address: str) -> AddressRange | None:
    """Returns the type of an address, or of the IPv4 address that it carries; None for a public one."""
    parsed = _parsed(address)
    if parsed is None:
        return AddressRange.RESERVED
    return _kind(_carried(parsed) or parsed)


def _kind(address: Address) -> AddressRange | None:
    for network, kind in _KINDS:
        if address.version == network.version and address in network:
            return kind
    is_outside = isinstance(address, IPv6Address) and address not in _GLOBAL_V6
    return AddressRange.RESERVED if is_outside else None


def _carried(address: Address) -> IPv4Address | None:
    """Returns the IPv4 address that receives the traffic to an IPv6 address, or None."""
    if not isinstance(address, IPv6Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_written_out(host: str, address: str) -> bool:
    parsed = _parsed(address)
    kind = _kind(parsed) if parsed else None  # the address itself, not one that it carries
    if host == "localhost":
        return kind is AddressRange.LOOPBACK
    return kind in _WRITTEN_OUT and host.casefold() == address


def _shortened(host: str) -> str:
    """Shortens a host: a line that is too long is cut at its end, where the fix is."""
    return host if len(host) <= _LONGEST_SHOWN else f"{host[:20]}…{host[-20:]}"


# ── how a host is written ───────────────────────────────────────────────────────────────────────────────────────────

def normal_host(host: str) -> str:
    """Returns a name or an address in comparable form: lower case, no last dot, A-labels (RFC 5890)."""
    bare = _bare(host.casefold().rstrip("."))
    if bare.isascii():
        return bare

    import httpx  # noqa: PLC0415 - short commands read hosts from the configuration and should not wait for httpx

    with suppress(httpx.InvalidURL):
        return httpx.URL(scheme="https", host=bare).raw_host.decode("ascii")
    return bare


def host_fault(host: str) -> str | None:
    """Returns the fix for a host that is an address in disguise, which programs read differently; None if it is not.

    Programs that follow the WHATWG's URL standard ("ends in a number") read a name whose last label is a number as an
    IPv4 address. Others (inet_aton) also accept octal and hex numbers, and fewer than four parts. IDNA maps digits and
    dots of other scripts to ASCII.
    """
    plain = unicodedata.normalize("NFKC", host).replace("。", ".")
    if "%" in host:
        return "write it without %"
    if plain != host:
        return f"write it as {plain}"
    parsed = _parsed(host)
    if parsed is not None:
        written = str(getattr(parsed, "ipv4_mapped", None) or parsed)
        return None if written == host.casefold() else f"write it as {written}"
    if _is_number(host.rstrip(".").rpartition(".")[2]):
        return "write an IPv4 address as four decimal numbers, such as 192.0.2.1"
    return None


def _is_number(label: str) -> bool:
    if label.isascii() and label.isdecimal():
        return True
    with suppress(ValueError):
        return label.casefold().startswith("0x") and int(label[2:] or "0", 16) >= 0
    return False


def _parsed(text: str) -> Address | None:
    with suppress(ValueError):
        return ip_address(text.strip("[]"))
    return None


def _bare(address: str) -> str:
    parsed = _parsed(address)
    return str(parsed) if parsed else address
