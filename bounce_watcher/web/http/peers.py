"""Where a request comes from: the address that failures count against, and whether a proxy is in between.

Only a proxy named in `trusted_proxies` is believed about others (X-Forwarded-For, X-Forwarded-Proto).
"""

import os
import socket
import sys
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path

from starlette.requests import HTTPConnection

from bounce_watcher.config.settings import WebSettings

_PROXY_FIELDS = frozenset({
    "forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip", "x-original-forwarded-for",
})
_PROXY_PREFIX = "x-forwarded-"
_ESTABLISHED = "01"
_ROOT = 0


def comes_from_proxy(request: HTTPConnection, web: WebSettings | None) -> bool:
    """Checks whether a trusted proxy sent the request."""
    return web is not None and _sender(request) in web.trusted_proxies


def peer_of(request: HTTPConnection, web: WebSettings | None) -> str:
    """Returns the client's address: the last one that trusted proxies added and that is not a trusted proxy."""
    sender = _sender(request)
    if web is None or sender not in web.trusted_proxies:
        return sender
    hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    for hop in map(_address, reversed(hops)):
        if hop is None or hop not in web.trusted_proxies:
            return hop or sender
    return sender


def _sender(request: HTTPConnection) -> str:
    """Returns the address of the other end of the connection."""
    host = request.client.host if request.client else ""
    return _address(host) or host or "unknown"


def network_of(peer: str) -> str:
    """Returns the network that counts as one peer: for IPv6 a /64 (RFC 6177), because one customer has all of it."""
    known = _address(peer)
    return str(ip_network((known, 64), strict=False)) if known and ":" in known else peer


def is_secure(request: HTTPConnection, web: WebSettings | None) -> bool:
    """Checks whether the browser uses TLS, according to a trusted proxy."""
    return comes_from_proxy(request, web) and request.headers.get("x-forwarded-proto", "").lower() == "https"


def was_forwarded(request: HTTPConnection) -> bool:
    """Checks whether the request shows signs of a proxy. HTTP/1.0 is one: nginx uses it towards its backends.

    The lack of such signs alone lets nobody in, because some proxies leave none.
    """
    marked = any(name in _PROXY_FIELDS or name.startswith(_PROXY_PREFIX) for name in request.headers)
    return marked or request.scope.get("http_version") == "1.0"


def is_of_our_user(request: HTTPConnection) -> bool:
    """Checks whether a process of our own user, or of root, has the other end of the connection on this machine.

    The kernel says so (proc(5), /proc/net/tcp). False if it can't say.
    """
    client, server = request.scope.get("client"), request.scope.get("server")
    if not client or not server or not client[1] or not server[1]:
        return False
    owner = _owner(_as_in_proc(*client), _as_in_proc(*server))
    return owner in {_ROOT, os.geteuid()}


def _owner(here: str, there: str) -> int | None:
    """Returns the user id of the end `here` of an established connection; None if it is not found."""
    for name in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", name).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[1:4] == [here, there, _ESTABLISHED]:
                return int(fields[7])
    return None


def _as_in_proc(host: str, port: int) -> str:
    """Returns the endpoint as /proc/net writes it: four-byte words, each in the byte order of this machine."""
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    words = [packed[at:at + 4] for at in range(0, len(packed), 4)]
    turned = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    return f"{turned.hex().upper()}:{port:04X}"


def _address(text: str) -> str | None:
    """Returns the address in comparable form; None if it is not one. A port after it is ignored."""
    bare = text.strip().removeprefix("[").partition("]")[0]
    for each in (bare, bare.rpartition(":")[0]):
        try:
            address = ip_address(each)
        except ValueError:
            continue
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return str(mapped or address)
    return None
