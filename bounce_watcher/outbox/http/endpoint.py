"""How to reach a target over HTTP: which certificates to trust, and which proxy to use, if any."""

import ipaddress
import ssl
from contextlib import suppress
from typing import Protocol
from urllib.request import getproxies, proxy_bypass

import httpx

from bounce_watcher.model.about import About
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.outbox.http.deadline import DeadlineTransport
from bounce_watcher.outbox.http.reach import Reach


class Endpoint(Protocol):
    """The address of a target, and how to reach it."""

    @property
    def about(self) -> About: ...

    @property
    def url(self) -> str: ...

    @property
    def ca_file(self) -> str | None: ...

    @property
    def allow_hosts(self) -> frozenset[str]:
        """Hosts that may have a non-public address, see `reach.Reach`."""


def transport_to(endpoint: Endpoint) -> DeadlineTransport:
    """Returns a transport to the endpoint. Raises PermanentFailure for a non-HTTP URL or an unusable ca_file."""
    url = endpoint_url(endpoint)
    return DeadlineTransport(_tls_context(endpoint, url), proxy_for(endpoint, url), Reach(endpoint.allow_hosts))


def _tls_context(target: Endpoint, url: httpx.URL) -> ssl.SSLContext:
    """Returns a verifying context. It trusts only `ca_file`, or the system's store if none is set.

    It trusts nobody if the URL does not use TLS. Raises PermanentFailure if the file can't be used.
    """
    if target.ca_file is None:  # read the system's store only if needed: that takes longer than many calls
        return _system_trust() if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=target.ca_file)
    except (OSError, ValueError) as error:
        raise PermanentFailure(
            f"ca_file {target.ca_file}: {error}: give a readable file of PEM certificates", about=target.about
        ) from error


def endpoint_url(target: Endpoint) -> httpx.URL:
    """Returns the target's URL, parsed. Raises PermanentFailure if it is no HTTP URL."""
    with suppress(httpx.InvalidURL):
        url = httpx.URL(target.url)
        if url.scheme in ("http", "https") and url.host:
            return url
    raise PermanentFailure("url is no http or https URL: give one like https://host.example/hook", about=target.about)


def proxy_for(target: Endpoint, url: httpx.URL) -> httpx.Proxy | None:
    """Returns the environment's proxy for `url` (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, less NO_PROXY), or None.

    A service has only the environment that its administrator gave it, so a proxy there is intended. Loopback hosts
    never use a proxy. Raises PermanentFailure for a proxy that is not HTTP.
    """
    proxies = getproxies()
    named = proxies.get(url.scheme) or proxies.get("all")
    if not named or _is_loopback(url.host) or proxy_bypass(url.netloc.decode("ascii")):
        return None
    with suppress(httpx.InvalidURL, ValueError):
        proxy = httpx.Proxy(named if "://" in named else f"http://{named}", ssl_context=_system_trust())
        if proxy.url.scheme in ("http", "https"):
            return proxy
    raise PermanentFailure("the proxy in the environment is no http or https URL: fix it", about=target.about)


def _system_trust() -> ssl.SSLContext:
    """Returns a context that trusts the system's store, where administrators install their own CA.

    Uses certifi's store only if the system has none.
    """
    system = ssl.get_default_verify_paths()
    return ssl.create_default_context() if system.cafile or system.capath else httpx.create_ssl_context(trust_env=False)


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")
