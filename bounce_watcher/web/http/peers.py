"""Where a request comes from: the address to hold against whoever fails, and whether a proxy stands between.

Only a proxy named in `trusted_proxies` is believed in what it says of others (X-Forwarded-For, X-Forwarded-Proto).
"""

import os
import socket
import sys
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path

from starlette.requests import HTTPConnection

from bounce_watcher.config.settings import WebSettings

NOBODY = "unknown"

_PROXY_FIELDS = frozenset({
    "forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip", "x-original-forwarded-for",
})
_PROXY_PREFIX = "x-forwarded-"
_ESTABLISHED = "01"
_ROOT = 0


def comes_from_proxy(request: HTTPConnection, web: WebSettings | None) -> bool:
    """Whether a proxy that we trust sent it."""
    return web is not None and _sender(request) in web.trusted_proxies


def peer_of(request: HTTPConnection, web: WebSettings | None) -> str:
    """The address of whoever asks: of trusted proxies the last one that they added and that is none of theirs."""
    sender = _sender(request)
    if web is None or sender not in web.trusted_proxies:
        return sender
    hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    for hop in map(_address, reversed(hops)):
        if hop is None or hop not in web.trusted_proxies:
            return hop or sender
    return sender


def _sender(request: HTTPConnection) -> str:
    """Who has the other end of the connection."""
    host = request.client.host if request.client else ""
    return _address(host) or host or NOBODY


def network_of(peer: str) -> str:
    """What is counted together: of IPv6 a /64 (RFC 6177), as one customer has all of it."""
    known = _address(peer)
    return str(ip_network((known, 64), strict=False)) if known and ":" in known else peer


def is_secure(request: HTTPConnection, web: WebSettings | None) -> bool:
    """Whether the browser speaks TLS, as a trusted proxy says."""
    return comes_from_proxy(request, web) and request.headers.get("x-forwarded-proto", "").lower() == "https"


def was_forwarded(request: HTTPConnection) -> bool:
    """Whether a proxy left its mark. HTTP/1.0 is one: nginx speaks it to what stands behind it.

    Nobody is let in by the lack of a mark alone: there are proxies that leave none.
    """
    marked = any(name in _PROXY_FIELDS or name.startswith(_PROXY_PREFIX) for name in request.headers)
    return marked or request.scope.get("http_version") == "1.0"


def is_of_our_user(request: HTTPConnection) -> bool:
    """Whether a process of our own user, or of root, has the other end of the connection on this machine.

    So says the kernel (proc(5), /proc/net/tcp). False where it can't say.
    """
    client, server = request.scope.get("client"), request.scope.get("server")
    if not client or not server or not client[1] or not server[1]:
        return False
    owner = _owner(_as_in_proc(*client), _as_in_proc(*server))
    return owner in {_ROOT, os.geteuid()}


def _owner(here: str, there: str) -> int | None:
    """The user who holds the end `here` of a connection that stands."""
    for fields in _connections():
        if fields[1:4] == [here, there, _ESTABLISHED]:
            return int(fields[7])
    return None


def _connections() -> Iterator[list[str]]:
    for name in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", name).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        yield from map(str.split, lines)


def _as_in_proc(host: str, port: int) -> str:
    """Words of four bytes, each in the order of this machine."""
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    words = [packed[at:at + 4] for at in range(0, len(packed), 4)]
    turned = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    return f"{turned.hex().upper()}:{port:04X}"


def _address(text: str) -> str | None:
    """As it is compared; None for what is none. A port behind it does not matter."""
    bare = text.strip().removeprefix("[").partition("]")[0]
    for each in (bare, bare.rpartition(":")[0]):
        try:
            address = ip_address(each)
        except ValueError:
            continue
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return str(mapped or address)
    return None
