"""Which addresses a request may go to: the public internet, and what the operator named. Pure.

Who can change a name in the DNS must not be able to aim our requests at what only this machine or its network reaches
(server-side request forgery; Standard Webhooks 1.0, "Security considerations"). So it is the address that is judged,
the very one that is then connected to, and never the name alone.

Sources: the IANA registries of special-purpose addresses (RFC 6890 and its updates, as of November 2026), and for
what carries an IPv4 address inside: RFC 4291 section 2.5.5 (mapped), RFC 3056 (6to4), RFC 6052 (NAT64). A NAT64 with
a prefix of the network's own can't be told from other addresses.
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
    """What an address is that is not of the public internet."""

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
"""The first that holds an address says what it is."""

_GLOBAL_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_WRITTEN_OUT = (AddressRange.LOOPBACK, AddressRange.PRIVATE)
"""What an operator reaches by writing the address itself into the configuration."""

_LONGEST_SHOWN = 48


class ForbiddenHost(PermanentFailure):
    """A host that may not be connected to."""


@dataclass(frozen=True, slots=True)
class Reach:
    """`allowed_hosts` are names and addresses, as `normal_host` writes them, that may be anything but public.

    Allowed without that are a host that is written as a loopback or private address, and `localhost` where it is
    loopback: who wrote the URL meant it.
    """

    allowed_hosts: frozenset[str] = frozenset()

    def admitted(self, host: str, addresses: Sequence[str]) -> list[str]:
        """Those of `addresses` that may be connected to, in their order. Raises ForbiddenHost where none may."""
        good = [address for address in addresses if self.admits(host, address)]
        if addresses and not good:
            raise ForbiddenHost(*_refusal(host, addresses[0]))
        return good

    def admits(self, host: str, address: str) -> bool:
        """Whether `host` may be connected to at `address`."""
        if {normal_host(host), _bare(address)} & self.allowed_hosts:
            return True
        return is_public(address) or _is_written_out(host, address)

    def check_unresolved(self, host: str) -> None:
        """What can be said of a host that a proxy looks up: a literal is judged, of a name nothing is known.

        Raises ForbiddenHost.
        """
        if fault := host_fault(host):
            raise ForbiddenHost(f"{host} is an address in disguise: {fault}")
        if _parsed(host) is not None:
            self.admitted(host, (host,))


def is_public(address: str) -> bool:
    """Whether an address is of the public internet. What is no address is not."""
    return kind_of(address) is None


def kind_of(address: str) -> AddressRange | None:
    """What an address is, or the IPv4 address that it carries; None for a public one."""
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
    """The IPv4 address that traffic to an IPv6 address ends at."""
    if not isinstance(address, IPv6Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_written_out(host: str, address: str) -> bool:
    parsed = _parsed(address)
    kind = _kind(parsed) if parsed else None  # of the address itself, not of one that it carries
    if host == "localhost":
        return kind is AddressRange.LOOPBACK
    return kind in _WRITTEN_OUT and host.casefold() == address


def _refusal(host: str, address: str) -> tuple[str, str]:
    where = "is" if host == address else f"is at {address}, which is"
    return (f"{_shortened(host)} {where} {kind_of(address) or 'public'} and not of the internet",
            f'if it is meant, add allow_hosts = ["{_shortened(normal_host(host))}"] to its table')


def _shortened(host: str) -> str:
    """A line that is too long is cut at its end, where the fix stands."""
    return host if len(host) <= _LONGEST_SHOWN else f"{host[:20]}…{host[-20:]}"


# ── how a host is written ───────────────────────────────────────────────────────────────────────────────────────────

def normal_host(host: str) -> str:
    """A name or an address as it is compared: in lower case, without a last dot, in A-labels (RFC 5890)."""
    bare = _bare(host.casefold().rstrip("."))
    if bare.isascii():
        return bare

    import httpx  # noqa: PLC0415 - short commands read hosts of the configuration, and wait for no HTTP

    with suppress(httpx.InvalidURL):
        return httpx.URL(scheme="https", host=bare).raw_host.decode("ascii")
    return bare


def host_fault(host: str) -> str | None:
    """The fix where a host is an address in disguise, that programs read differently; None where it is none.

    A name whose last label is a number is an IPv4 address to those that follow the WHATWG's URL standard ("ends in a
    number"), to others (inet_aton) so are numbers in octal and hex, and with less than four parts; IDNA maps digits and
    dots of other scripts to ASCII's.
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
