"""Writes outbox items about occurrences for the targets that want them. Pure."""

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
    """Returns one item for each target that wants the occurrence, due at once, in the order of the targets.

    `new_id` returns the webhook-id of one item: unique for good, by custom with "msg_" before it, and without a "."
    (the dot separates the signed fields).
    """
    listeners = [target for target in targets if target.hears(occurrence)]
    if not listeners:
        return ()
    text = body(occurrence)
    return tuple(_item(occurrence, target, text, new_id()) for target in listeners)


def endpoint_test(target: Target, at: datetime, item_id: str) -> OutboxItem:
    """Returns an `endpoint.test` for `target`, even if it does not want that type."""
    occurrence = Occurrence(NoticeType.TEST, at, data={"target": target.name})
    return _item(occurrence, target, body(occurrence), item_id)


def body(occurrence: Occurrence) -> str:
    """Returns the JSON to send (Standard Webhooks, "Payload structure"). Equal occurrences make equal bodies.

    `timestamp` is when it happened, in UTC to the second. An occurrence without a recipient (an alert) has no sequence.
    """
    data = dict(sorted(_told(occurrence.data).items()))
    if occurrence.recipient is not None:
        who = {"recipient": occurrence.recipient, "stream": occurrence.stream}
        data = {**who, **data, "sequence": occurrence.sequence}
    return to_json({"type": occurrence.type.value, "timestamp": rfc3339(occurrence.at), "data": data})


def _told(data: Mapping[str, object]) -> Mapping[str, object]:
    """Returns the facts as data, with their wording added."""
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
    """Returns JSON without spaces that fits UTF-8; a byte that no charset could decode becomes "?"."""
    text = _ENCODER.encode(document)
    # Such bytes arrive as lone surrogates, which are neither UTF-8 nor JSON (RFC 8259 section 8.2).
    return text.encode("utf-8", "replace").decode("utf-8")


def rfc3339(moment: datetime) -> str:
    """Returns the time in UTC to the second, in RFC 3339 form."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
