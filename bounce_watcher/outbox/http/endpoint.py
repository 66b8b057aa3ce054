"""How to reach a target over HTTP: which certificates are trusted, and by which proxy if any."""

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
    """Where a target is."""

    @property
    def about(self) -> About: ...

    @property
    def url(self) -> str: ...

    @property
    def ca_file(self) -> str | None: ...

    @property
    def allow_hosts(self) -> frozenset[str]:
        """Hosts that may have an address that is not public, see `reach.Reach`."""


def transport_to(endpoint: Endpoint) -> DeadlineTransport:
    """The way to it. Raises PermanentFailure where there can be none: no HTTP URL, an unreadable ca_file."""
    url = endpoint_url(endpoint)
    return DeadlineTransport(_tls_context(endpoint, url), proxy_for(endpoint, url), Reach(endpoint.allow_hosts))


def _tls_context(target: Endpoint, url: httpx.URL) -> ssl.SSLContext:
    """A verifying context that trusts `ca_file` alone, else what the system trusts, and nobody where no TLS is spoken.

    Raises PermanentFailure where the file can't be used.
    """
    if target.ca_file is None:  # reading the system's store takes longer than many a call
        return _system_trust() if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=target.ca_file)
    except (OSError, ValueError) as error:
        raise PermanentFailure(
            f"ca_file {target.ca_file}: {error}: give a readable file of PEM certificates", about=target.about
        ) from error


def endpoint_url(target: Endpoint) -> httpx.URL:
    """The target's URL, parsed. Raises PermanentFailure where it is none for HTTP."""
    with suppress(httpx.InvalidURL):
        url = httpx.URL(target.url)
        if url.scheme in ("http", "https") and url.host:
            return url
    raise PermanentFailure("url is no http or https URL: give one like https://host.example/hook", about=target.about)


def proxy_for(target: Endpoint, url: httpx.URL) -> httpx.Proxy | None:
    """The proxy that the environment names for `url` (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, less NO_PROXY), or None.

    A service has just the environment that its administrator gave it, so a proxy named there is meant. Loopback is
    never asked for by a proxy. Raises PermanentFailure for a proxy that speaks no HTTP.
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
    """The system's store and not certifi's: there administrators install the CA of their own house.

    certifi's only where the system has none.
    """
    system = ssl.get_default_verify_paths()
    return ssl.create_default_context() if system.cafile or system.capath else httpx.create_ssl_context(trust_env=False)


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")
