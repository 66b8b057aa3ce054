"""Sends webhooks: the request in the target's format, one try, its result.

A webhook is as Standard Webhooks defines it, or a CloudEvent: CloudEvents 1.0.2 (https://github.com/cloudevents/spec),
"HTTP Protocol Binding" sections 3.1 (binary) and 3.2 (structured) and "JSON Event Format". Both are signed like the
standard format, over the body as sent. The headers of the binary format are not signed, so `data` repeats the type and
the time. It has everything that a receiver needs to decide.
"""

import json
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote
from uuid import uuid4

from pydantic import SecretStr

from bounce_watcher.model.ledger import Attempt, OutboxItem
from bounce_watcher.outbox.backoff import decide_attempt
from bounce_watcher.outbox.channel import AHEAD
from bounce_watcher.outbox.http.client import HttpClient, transport_to
from bounce_watcher.outbox.http.exchange import Request
from bounce_watcher.outbox.webhook.notice import endpoint_test, rfc3339, to_json
from bounce_watcher.outbox.webhook.signature import SIGNATURE, signed_headers
from bounce_watcher.outbox.webhook.target import Format, WebhookTarget

MAX_ANSWER_BYTES = 4096
"""The most that is read of an answer's body. If the answer is longer, the connection is closed."""


class Sender(AbstractContextManager["Sender"]):
    """A `Channel` to one `target`. Safe for use by several threads; `close` it, or use it as a context manager.

    Raises PermanentFailure if the target can't be used at all: no HTTP URL, an unreadable ca_file, a SOCKS proxy.
    """

    def __init__(self, target: WebhookTarget, jitter: Callable[[], float] = random.random) -> None:
        self.target = target
        self.slots = target.limits.concurrency
        self.room, self.longest = self.slots * AHEAD, target.timeout
        self._jitter = jitter
        self._client = HttpClient(transport_to(target), target.timeout)

    def batches(self, items: Sequence[OutboxItem]) -> list[list[OutboxItem]]:
        return [[item] for item in items]

    def send(self, items: Sequence[OutboxItem], now: datetime) -> list[Attempt]:
        """Makes one try for each item at `now` (aware). Each ends within the target's `timeout`."""
        return [self._send(item, now) for item in items]

    def test(self, now: datetime) -> Attempt:
        """Sends an `endpoint.test` that is not in the outbox and is not tried again."""
        return self._send(endpoint_test(self.target, now, f"msg_{uuid4().hex}"), now)

    def close(self) -> None:
        self._client.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, item: OutboxItem, now: datetime) -> Attempt:
        reply = self._client.exchange(webhook(item, self.target, now))
        attempt = decide_attempt(reply, item.attempts, now, self._jitter())
        return replace(attempt, status=reply.status, failure=reply.failure)


def webhook(item: OutboxItem, target: WebhookTarget, now: datetime) -> Request:
    """Returns the request that sends `item` at `now` (aware). Only the receiver ever sees its signature."""
    sent = envelope(item, target)
    signed = signed_headers(item.id, sent.body, now, target.secrets)
    headers: dict[str, str | SecretStr] = {**sent.headers, **signed, SIGNATURE: SecretStr(signed[SIGNATURE])}
    return Request("POST", target.url, headers, content=sent.body.encode(), max_reply=MAX_ANSWER_BYTES,
                   hides=target.hides)


# ── the format ──────────────────────────────────────────────────────────────────────────────────────────────────────

_HEADER_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
"""HTTP Protocol Binding section 3.1.3.2: all other characters are percent-encoded."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Everything that is sent, except the signature. No header holds an address."""

    headers: dict[str, str]
    body: str


def envelope(item: OutboxItem, target: WebhookTarget) -> Envelope:
    """Returns `item` in the target's format. Equal items make equal bodies, at each try."""
    if target.format is Format.STANDARD:
        return Envelope({"content-type": "application/json"}, item.body)
    attributes, data = _attributes(item, target), _data(item)
    if target.format is Format.STRUCTURED:
        event = {**attributes, "datacontenttype": "application/json", "data": data}
        return Envelope({"content-type": "application/cloudevents+json"}, to_json(event))
    headers = {f"ce-{name}": quote(value, safe=_HEADER_SAFE) for name, value in attributes.items()}
    return Envelope({"content-type": "application/json", **headers}, to_json(data))


def _attributes(item: OutboxItem, target: WebhookTarget) -> dict[str, str]:
    """Returns the CloudEvents attributes. `id` is the webhook-id.

    `subject` is the stream: the recipient's address may be only in the body.
    """
    prefix = f"{target.cloudevents_type_prefix}." if target.cloudevents_type_prefix else ""
    attributes = {
        "specversion": "1.0",
        "id": item.id,
        "source": target.cloudevents_source,
        "type": prefix + item.type.value,
        "time": rfc3339(item.created_at),
    }
    return {**attributes, "subject": item.stream} if item.stream else attributes


def _data(item: OutboxItem) -> dict[str, object]:
    """Returns the `data` of the standard format, plus the type and time that the standard format has beside it."""
    told = {"type": item.type.value, "timestamp": rfc3339(item.created_at)}
    return {**told, **json.loads(item.body).get("data", {}), **told}
