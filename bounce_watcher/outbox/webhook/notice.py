"""What happened, written down for those who want to hear of it. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from bounce_watcher.model.grounds import Alarm, Excluded, Grounds, Subject
from bounce_watcher.model.grounds_json import SUBJECT
from bounce_watcher.model.ledger import NoticeType, Occurrence, OutboxItem
from bounce_watcher.outbox.channel import Target
from bounce_watcher.words.grounds import subject
from bounce_watcher.words.rows import count_of, explained

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def notices(
    occurrence: Occurrence, targets: Sequence[Target], new_id: Callable[[], str]
) -> tuple[OutboxItem, ...]:
    """One item for each target that wants to hear of the occurrence, due at once, in the order of the targets.

    `new_id` gives the webhook-id of one item: unique for good, "msg_" before it by custom, and without a "." (the dot
    parts the fields that are signed).
    """
    listeners = [target for target in targets if target.hears(occurrence)]
    if not listeners:
        return ()
    text = body(occurrence)
    return tuple(_item(occurrence, target, text, new_id()) for target in listeners)


def endpoint_test(target: Target, at: datetime, item_id: str) -> OutboxItem:
    """An `endpoint.test` for `target`, whatever it wants to hear of."""
    occurrence = Occurrence(NoticeType.TEST, at, data={"target": target.name})
    return _item(occurrence, target, body(occurrence), item_id)


def body(occurrence: Occurrence) -> str:
    """The JSON that is sent (Standard Webhooks, "Payload structure"). Equal occurrences make equal bodies.

    `timestamp` is when it happened, in UTC to the second. What has no recipient (an alert) has no sequence either.
    """
    data = dict(sorted(_told(occurrence.data).items()))
    if occurrence.recipient is not None:
        who = {"recipient": occurrence.recipient, "stream": occurrence.stream}
        data = {**who, **data, "sequence": occurrence.sequence}
    return to_json({"type": occurrence.type.value, "timestamp": rfc3339(occurrence.at), "data": data})


def _told(data: Mapping[str, object]) -> Mapping[str, object]:
    """Facts as data, with their words beside them."""
    told = dict(data)
    if "grounds" in told:
        told.update(explained(cast(Grounds | Alarm | None, told["grounds"])))
    if "exclusion" in told:
        told.update(count_of(cast(Excluded | None, told.pop("exclusion"))))
    if isinstance(about := told.get("subject"), Subject):
        told.update(subject=subject(about), about=SUBJECT.to_data(about))
    return told


def _item(occurrence: Occurrence, target: Target, text: str, item_id: str) -> OutboxItem:
    return OutboxItem(
        id=item_id,
        target=target.name,
        type=occurrence.type,
        recipient=occurrence.recipient,
        stream=occurrence.stream,
        sequence=occurrence.sequence,
        body=text,
        created_at=occurrence.at,
        next_attempt_at=occurrence.at,
    )


def to_json(document: Mapping[str, object]) -> str:
    """In UTF-8 without spaces; what no charset explained becomes "?"."""
    text = _ENCODER.encode(document)
    # Bytes that no charset explained travel as lone surrogates; those are no UTF-8 and no JSON (RFC 8259 section 8.2).
    return text.encode("utf-8", "replace").decode("utf-8")


def rfc3339(moment: datetime) -> str:
    """In UTC to the second."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
