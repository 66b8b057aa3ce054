"""The format of a webhook: as Standard Webhooks defines it, or a CloudEvent. Pure.

CloudEvents 1.0.2 (https://github.com/cloudevents/spec), "HTTP Protocol Binding" sections 3.1 (binary) and 3.2
(structured) and "JSON Event Format". Both are signed like the standard format, over the body as sent. The headers of
the binary format are not signed, so `data` repeats the type and the time. It has everything that a receiver needs to
decide.
"""

import json
from dataclasses import dataclass
from urllib.parse import quote

from bounce_watcher.model.ledger import OutboxItem
from bounce_watcher.outbox.webhook.notice import rfc3339, to_json
from bounce_watcher.outbox.webhook.target import Format, WebhookTarget

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
