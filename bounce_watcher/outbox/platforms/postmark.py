"""Postmark: the suppressions of one message stream of a server.

https://postmarkapp.com/developer/api/suppressions-api and Postmark's JavaScript client, read in November 2026. Known
only from others: that a call takes 50 addresses, the text of its refusals (they have no code), that an absent address
counts as deleted, the error codes. Not known: what happens if an address that is on the list for a complaint is added
again (so we look that case up), and how fast calls may follow one another.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar

from pydantic import SecretStr

from bounce_watcher.model.address import address_key
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Reply, Request, address_of, masked
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage, Misfit
from bounce_watcher.outbox.replies import for_each, garbage, later, outcome, refused

BATCH = 50
MAX_LIST_BYTES = 64 * 1024 * 1024
"""The list for one reason comes as a whole. This is enough for about 400 000 addresses."""

REASONS = ("ManualSuppression", "HardBounce", "SpamComplaint")

_STREAM = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.IGNORECASE)
_NOT_OURS_TO_CHANGE = "required authority"
_ABOUT_US = frozenset({10, 1226})
"""Error codes that may come with a 422 and are about our configuration: the token, the message stream."""

NOBODY = "nobody@example.com"
"""The address that a check looks up, as a list has no pages."""


@dataclass(frozen=True, kw_only=True)
class Postmark(HttpPlatform):
    """`message_stream` is the id of the stream at Postmark; it need not be named like a stream of ours."""

    url: str = "https://api.postmarkapp.com"
    server_token: SecretStr
    message_stream: str = field(metadata={"example": '"outbound"'})

    kind: ClassVar[str] = "postmark"
    limits: ClassVar[Limits] = Limits(batch=BATCH, release_batch=BATCH, rate=10, concurrency=4, calls=2)

    def __post_init__(self) -> None:
        if not _STREAM.fullmatch(self.message_stream):
            raise Misfit("message_stream", "is no id of a message stream: give the id that stands in its settings at "
                                           "Postmark, such as outbound")

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        reply = yield self._request("POST", document=_named(changes))
        answered = _answered(reply)
        if answered is None:
            return for_each(_outcome(reply, now, len(changes)), changes)
        outcomes = [_suppressed(answered, change, reply, len(changes)) for change in changes]
        if len(changes) == 1 and _is_held(answered.get(address_key(changes[0].recipient), {})):
            return ((yield from self._stands_there(changes[0], outcomes[0], now)),)
        return outcomes

    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        reply = yield self._request("POST", "delete", document=_named(changes))
        answered = _answered(reply)
        if answered is None:
            return for_each(_outcome(reply, now, len(changes)), changes)
        return [_released(answered, change, reply) for change in changes]

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self._request("GET", "dump", EmailAddress=NOBODY)
        return _outcome(reply, now) if _rows(reply) is None else outcome(reply, now)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns all addresses of one reason. The cursor is the reason."""
        reason = cursor or REASONS[0]
        reply = yield replace(self._request("GET", "dump", SuppressionReason=reason), max_reply=MAX_LIST_BYTES)
        rows = _rows(reply)
        if rows is None:
            raise self.unread(reply)
        following = REASONS[REASONS.index(reason) + 1 :]
        return ListPage(tuple(_listed(row) for row in rows), following[0] if following else None)

    def _stands_there(self, change: Change, found: Outcome, now: datetime) -> Conversation[Outcome]:
        """Looks up an address that was refused because of a complaint. If it is on the list, nothing is left to do."""
        reply = yield self._request("GET", "dump", EmailAddress=change.recipient)
        rows = _rows(reply)
        if rows is None:
            return _outcome(reply, now)
        is_there = any(address_key(row["EmailAddress"]) == address_key(change.recipient) for row in rows)
        return Outcome(Fate.DONE, f"{reply.text} (was on the list)") if is_there else found

    def _request(self, method: str, *path: str, document: object = None, **query: str) -> Request:
        address = address_of(self.url, "message-streams", self.message_stream, "suppressions", *path, **query)
        return Request(
            method, address, {"accept": "application/json", "x-postmark-server-token": self.server_token}, document
        )


def _named(changes: Sequence[Change]) -> dict[str, object]:
    return {"Suppressions": [{"EmailAddress": change.recipient} for change in changes]}


def _rows(reply: Reply) -> list[dict[str, str]] | None:
    """Returns the entries of a successful reply; None for any other."""
    rows = reply.field("Suppressions") if reply.ok else None
    if not isinstance(rows, list):
        return None
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("EmailAddress"), str)]


def _answered(reply: Reply) -> dict[str, Mapping[str, str]] | None:
    rows = _rows(reply)
    return None if rows is None else {address_key(row["EmailAddress"]): row for row in rows}


def _outcome(reply: Reply, now: datetime, size: int = 1) -> Outcome:
    """Returns the outcome of a reply that says nothing about single addresses."""
    if reply.ok:
        return garbage(reply)
    return later(reply, now) if reply.field("ErrorCode") in _ABOUT_US else outcome(reply, now, size)


def _suppressed(answered: Mapping[str, Mapping[str, str]], change: Change, reply: Reply, size: int) -> Outcome:
    row = answered.get(address_key(change.recipient), {})
    match row.get("Status"):
        case "Suppressed":
            return Outcome(Fate.DONE, reply.text)
        case "Failed" if _is_held(row) and size > 1:
            return Outcome(Fate.SPLIT, _told(reply, row))  # to be looked up on its own
        case "Failed":
            return refused(reply, _told(reply, row))
        case _:
            return garbage(reply)


def _released(answered: Mapping[str, Mapping[str, str]], change: Change, reply: Reply) -> Outcome:
    row = answered.get(address_key(change.recipient), {})
    match row.get("Status"):
        case "Deleted":
            return Outcome(Fate.DONE, reply.text)
        case "Failed":
            return refused(reply, f"Postmark does not release it: {_told(reply, row)}")
        case _:
            return garbage(reply)


def _is_held(row: Mapping[str, str]) -> bool:
    """Checks whether a refusal is because of a complaint, by its text: there is no code."""
    return row.get("Status") == "Failed" and _NOT_OURS_TO_CHANGE in str(row.get("Message"))


def _told(reply: Reply, row: Mapping[str, str]) -> str:
    return masked(str(row.get("Message") or "no reason given"), set())


def _listed(row: Mapping[str, str]) -> Listed:
    return Listed(row["EmailAddress"], row.get("SuppressionReason"), _moment(row.get("CreatedAt")))


def _moment(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else None
