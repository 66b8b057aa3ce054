"""Makes HTTP calls. Each ends within its time, whatever the other side does.

Also says how to reach a target: which certificates to trust, and which proxy to use, if any.
"""

import ipaddress
import re
import ssl
from contextlib import suppress
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from bounce_watcher.model.about import About
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.url import Hides, shown_url
from bounce_watcher.outbox.http.deadline import DeadlineTransport, NotAdmitted, deadline
from bounce_watcher.outbox.http.exchange import Reply, Request, masked, one_line
from bounce_watcher.outbox.http.reach import Reach

FIRST_WORDS = 4096
"""How much of a refusal's body, in bytes, is read for words to show."""

_FAILURES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpx.HTTPError,
    OSError,
)
_WHERE_IN_OPENSSL = re.compile(r" ?\(_ssl\.c:\d+\)")


class HttpClient:
    """An HTTP client. Safe for use by several threads; `close` it. Redirects are answers and are not followed.

    `secrets` are masked in the text of a reply, in addition to the secrets in the request.
    """

    def __init__(
        self, transport: DeadlineTransport, timeout: timedelta, secrets: frozenset[str] = frozenset()
    ) -> None:
        self._secrets = secrets
        self._seconds = timeout.total_seconds()
        self._client = httpx.Client(
            transport=transport,
            follow_redirects=False,
            trust_env=False,  # `proxy_for` has already read what we need from the environment
            headers={"user-agent": user_agent(), "accept": "*/*", "accept-encoding": "identity"},
        )

    def exchange(self, request: Request) -> Reply:
        """Makes one call. Never raises because of the network or the server: returns a Reply without a status."""
        secrets = request.secrets() | self._secrets
        try:
            with self._client.stream(
                request.method, request.url, content=request.body() or None, headers=request.wire_headers(),
                extensions={"timeout": deadline(self._seconds)},
            ) as response:
                body, cut = _read(response, request.max_reply)
                headers = {name.lower(): value for name, value in response.headers.items()}
                text = masked(_told(response, body, request.hides), secrets)
                return Reply(response.status_code, text, headers, body, cut)
        except NotAdmitted as error:
            failure = PermanentFailure(f"no connection: {error.refusal.problem}", error.refusal.fix)
            return Reply(None, masked(one_line(str(failure)), secrets), failure=failure)
        except _FAILURES as error:
            return Reply(None, masked(_failure(error, self._seconds), secrets))
        except (httpx.InvalidURL, UnicodeEncodeError):  # a header or URL with characters that HTTP can't carry
            return Reply(None, "this request can't be written as HTTP: check the URL and the header values")

    def close(self) -> None:
        self._client.close()


def user_agent() -> str:
    try:
        return f"bounce-watcher/{version('bounce-watcher')}"
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "bounce-watcher"


def _read(response: httpx.Response, max_bytes: int) -> tuple[bytes, bool]:
    """Returns the body up to `max_bytes`, and whether there was more or it broke off.

    The status has arrived and decides, so the call does not fail if the body is slow or breaks off.
    """
    read = bytearray()
    try:
        for chunk in response.iter_raw():
            read += chunk[: max_bytes + 1 - len(read)]
            if len(read) > max_bytes:
                return bytes(read[:max_bytes]), True
    except _FAILURES:
        return bytes(read), True
    return bytes(read), "content-encoding" in response.headers


def _told(response: httpx.Response, body: bytes, hides: Hides) -> str:
    status = f"HTTP {response.status_code} {httpx.codes.get_reason_phrase(response.status_code)}".strip()
    if response.is_success:
        return status
    if response.has_redirect_location:
        return f"{status}: not followed; set the url to the new place, {new_place(response.headers['location'], hides)}"
    words = "" if "content-encoding" in response.headers else body[:FIRST_WORDS].decode("utf-8", "replace").strip()
    return f"{status}: {words}" if words else status


def new_place(location: str, hides: Hides) -> str:
    """Returns the target of a redirect, masked: it usually repeats the secret part of the requested URL."""
    return shown_url(location, Hides.PATH if hides is Hides.PATH else Hides.QUERY)


def _failure(error: Exception, seconds: float) -> str:
    words = _WHERE_IN_OPENSSL.sub("", str(error))
    match error:
        case httpcore.ConnectTimeout():
            return f"no connection within {seconds:g} s"
        case httpcore.TimeoutException():
            return f"no answer within {seconds:g} s"
        case httpcore.ConnectError():
            return one_line(f"no connection: {words}")
        case httpcore.ProxyError():
            return one_line(f"the proxy refused: {words}")
        case httpcore.ProtocolError():
            return one_line(f"no HTTP answer: {words}")
        case _:
            return one_line(f"connection lost: {words or type(error).__name__}")


# ── how a target is reached ─────────────────────────────────────────────────────────────────────────────────────────

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
