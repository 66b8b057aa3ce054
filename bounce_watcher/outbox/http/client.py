"""Makes HTTP calls. Each ends within its time, whatever the other side does."""

import re
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version

import httpcore
import httpx

from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.url import Hides, shown_url
from bounce_watcher.outbox.http.deadline import DeadlineTransport, NotAdmitted, deadline
from bounce_watcher.outbox.http.exchange import Reply, Request, masked, one_line

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
            trust_env=False,  # endpoint.py has already read what we need from the environment
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
