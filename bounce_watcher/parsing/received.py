"""Finds who handed a message to our own mail server, by the Received fields that it wrote (RFC 5321 section 4.4).

Each server adds its field on top. So the topmost fields are from our own servers, and the first outside host that they
name gave us the message. The sender may have made up everything below. In a field the name after "from" is the client's
own claim; the address that the server saw follows in brackets or parentheses:

    from evil.example (host.example.net [203.0.113.5]) by mx.example.com (Postfix)
    from [203.0.113.5] (helo=evil.example) by mx.example.com (Exim)
    from evil.example (203.0.113.5) by mx.example.com (10.0.0.1) with Microsoft SMTP Server
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from bounce_watcher.parsing.headers import Headers

MAX_FIELDS = 10  # how many fields are read: a message passes few servers of our own
_MAX_FIELD = 2_000
_OWN = tuple(map(ip_network, (  # RFC 1918, 1122, 3927, 6598, 4291, 4193; addresses for documentation are none of them
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10", "::1/128",
    "fe80::/10", "fc00::/7",
)))
_HELO = re.compile(r"\b[eh][eh]lo[ =]\S{0,300}", re.IGNORECASE)
_ADDRESS = re.compile(r"[\[(](?:IPv6:)?([0-9a-f.:]{3,45})(?:%\w{1,20})?[\])]", re.IGNORECASE)


def client_ip(headers: Headers) -> str | None:
    """Returns the address of the outside host that gave our servers the message; None if their fields name none.

    Hosts with a private or loopback address are our own, so the field below theirs is ours as well. Total.
    """
    for value in headers.get_all_as_written("received")[:MAX_FIELDS]:
        address = _client(value[:_MAX_FIELD])
        if address is not None and not any(address in network for network in _OWN):
            return str(address)
    return None


def _client(value: str) -> IPv4Address | IPv6Address | None:
    """Returns the last address before "by" that is not the client's own claim; None if there is none."""
    head = re.split(r"\sby\s", value, maxsplit=1)[0]
    if not head.lower().startswith("from "):
        return None
    for text in reversed(_ADDRESS.findall(_HELO.sub("", head))):
        try:
            return ip_address(text)
        except ValueError:
            continue
    return None
