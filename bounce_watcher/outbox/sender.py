"""One try to hand a webhook to its receiver, and what it came to."""

import random
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Self
from uuid import uuid4

import httpcore
import httpx

from bounce_watcher.model.ledger import Attempt, NoticeType, Occurrence, OutboxItem
from bounce_watcher.outbox.answer import Answer, one_line
from bounce_watcher.outbox.backoff import decide_attempt
from bounce_watcher.outbox.deadline import DeadlineTransport, deadline
from bounce_watcher.outbox.endpoint import endpoint_url, proxy_for, tls_context
from bounce_watcher.outbox.notice import body
from bounce_watcher.outbox.signature import signed_headers
from bounce_watcher.outbox.target import WebhookTarget

MAX_ANSWER_BYTES = 4096
"""Of an answer's body no more than this is read; a connection whose answer is longer is closed."""

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


class Sender:
    """Sends to one `target`. Safe for use by several threads; `close` it, or use it as a context manager.

    Raises PermanentFailure where the target can't be used at all: no HTTP URL, an unreadable ca_file, a SOCKS proxy.
    """

    def __init__(self, target: WebhookTarget, jitter: Callable[[], float] = random.random) -> None:
        self.target = target
        self._url = endpoint_url(target)
        self._jitter = jitter
        self._client = httpx.Client(
            transport=DeadlineTransport(tls_context(target), proxy_for(target, self._url)),
            follow_redirects=False,
            trust_env=False,  # endpoint.py has read of the environment what is wanted of it
            headers={"user-agent": user_agent(), "accept": "*/*", "accept-encoding": "identity"},
        )

    def send(self, item: OutboxItem, now: datetime) -> Attempt:
        """One try at `now` (aware), over within the target's `timeout`, and what follows from it.

        Never raises for what the network or the receiver does.
        """
        answer = self._post(item.id, item.body, now)
        return decide_attempt(answer, item.attempts, now, self._jitter())

    def test(self, now: datetime) -> Attempt:
        """Sends an `endpoint.test` that is not in the outbox and that no one tries again."""
        occurrence = Occurrence(NoticeType.TEST, now, data={"target": self.target.name})
        answer = self._post(f"msg_{uuid4().hex}", body(occurrence), now)
        return decide_attempt(answer, 0, now, self._jitter())

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _post(self, item_id: str, text: str, now: datetime) -> Answer:
        seconds = self.target.timeout.total_seconds()
        headers = {"content-type": "application/json", **signed_headers(item_id, text, now, self.target.secrets)}
        extensions = {"timeout": deadline(seconds)}
        try:
            with self._client.stream(
                "POST", self._url, content=text.encode(), headers=headers, extensions=extensions
            ) as response:
                return _answer(response)
        except _FAILURES as error:
            return Answer(_failure(error, seconds))


def user_agent() -> str:
    try:
        return f"bounce-watcher/{version('bounce-watcher')}"
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "bounce-watcher"


def _answer(response: httpx.Response) -> Answer:
    return Answer(_told(response), response.status_code, response.headers.get("retry-after"))


def _told(response: httpx.Response) -> str:
    status = f"HTTP {response.status_code} {httpx.codes.get_reason_phrase(response.status_code)}".strip()
    words = _first_words(response)
    if response.is_success:
        return status
    if response.has_redirect_location:
        return one_line(f"{status}: not followed; set the url to the new place, {response.headers['location']}")
    return one_line(f"{status}: {words}") if words else status


def _first_words(response: httpx.Response) -> str:
    """The start of the body. The status has arrived and decides; so a body that drips or breaks off is no failure."""
    read = bytearray()
    with suppress(*_FAILURES):
        for chunk in response.iter_raw():
            read += chunk[: MAX_ANSWER_BYTES - len(read)]
            if len(read) >= MAX_ANSWER_BYTES:
                break
    return "" if "content-encoding" in response.headers else read.decode("utf-8", "replace").strip()


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
