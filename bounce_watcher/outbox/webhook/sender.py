"""Makes one try to send a webhook to its receiver, and returns the result."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self
from uuid import uuid4

from pydantic import SecretStr

from bounce_watcher.model.ledger import Attempt, OutboxItem
from bounce_watcher.outbox.backoff import decide_attempt
from bounce_watcher.outbox.channel import AHEAD
from bounce_watcher.outbox.http.client import HttpClient
from bounce_watcher.outbox.http.endpoint import transport_to
from bounce_watcher.outbox.http.exchange import Reply, Request
from bounce_watcher.outbox.webhook.envelope import envelope
from bounce_watcher.outbox.webhook.notice import endpoint_test
from bounce_watcher.outbox.webhook.signature import SIGNATURE, signed_headers
from bounce_watcher.outbox.webhook.target import WebhookTarget

MAX_ANSWER_BYTES = 4096
"""The most that is read of an answer's body. If the answer is longer, the connection is closed."""


class Sender:
    """A `Channel` to one `target`. Safe for use by several threads; `close` it, or use it as a context manager.

    Raises PermanentFailure if the target can't be used at all: no HTTP URL, an unreadable ca_file, a SOCKS proxy.
    """

    def __init__(self, target: WebhookTarget, jitter: Callable[[], float] = random.random) -> None:
        self.target = target
        self._jitter = jitter
        self._client = HttpClient(transport_to(target), target.timeout)

    @property
    def slots(self) -> int:
        return self.target.limits.concurrency

    @property
    def room(self) -> int:
        return self.slots * AHEAD

    @property
    def longest(self) -> timedelta:
        return self.target.timeout

    def batches(self, items: Sequence[OutboxItem]) -> list[list[OutboxItem]]:
        return [[item] for item in items]

    def send(self, items: Sequence[OutboxItem], now: datetime) -> list[Attempt]:
        """Makes one try for each item at `now` (aware). Each ends within the target's `timeout`."""
        return [self._send(item, now) for item in items]

    def test(self, now: datetime) -> Attempt:
        """Sends an `endpoint.test` that is not in the outbox and is not tried again."""
        reply = self._post(endpoint_test(self.target, now, f"msg_{uuid4().hex}"), now)
        attempt = decide_attempt(reply.answer(), 0, now, self._jitter())
        return replace(attempt, status=reply.status, failure=reply.failure)

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, item: OutboxItem, now: datetime) -> Attempt:
        reply = self._post(item, now)
        return decide_attempt(reply.answer(), item.attempts, now, self._jitter())

    def _post(self, item: OutboxItem, now: datetime) -> Reply:
        return self._client.exchange(webhook(item, self.target, now))


def webhook(item: OutboxItem, target: WebhookTarget, now: datetime) -> Request:
    """Returns the request that sends `item` at `now` (aware). Only the receiver ever sees its signature."""
    sent = envelope(item, target)
    signed = signed_headers(item.id, sent.body, now, target.secrets)
    headers: dict[str, str | SecretStr] = {**sent.headers, **signed, SIGNATURE: SecretStr(signed[SIGNATURE])}
    return Request("POST", target.url, headers, content=sent.body.encode(), max_reply=MAX_ANSWER_BYTES,
                   hides=target.hides)
