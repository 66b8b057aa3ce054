"""Postmark: the suppressions of one message stream of a server.

https://postmarkapp.com/developer/api/suppressions-api and Postmark's JavaScript client, read in November 2026. Known
only from others: that a call takes 50 addresses, the text of its refusals (they have no code), that an absent address
counts as deleted, the error codes. Not known: what happens if an address that is on the list for a complaint is added
again (so we look that case up), and how fast calls may follow one another.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, ClassVar

from pydantic import SecretStr

from bounce_watcher.model.address import address_key
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Headers, Reply, masked
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage, Misfit
from bounce_watcher.outbox.replies import done, fit, for_each, garbage, later, moment, outcome, refused

BATCH = 50
MAX_LIST_BYTES = 64 * 1024 * 1024
"""The list for one reason comes as a whole. This is enough for about 400 000 addresses."""

REASONS = ("ManualSuppression", "HardBounce", "SpamComplaint")

_STREAM = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.IGNORECASE)
_NOT_OURS_TO_CHANGE = "required authority"
_ABOUT_US = (10, 1226)
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
    root: ClassVar[str] = "message-streams/{message_stream}/suppressions"
    limits: ClassVar[Limits] = Limits(batch=BATCH, release_batch=BATCH, rate=10, concurrency=4, calls=2)

    def __post_init__(self) -> None:
        if not _STREAM.fullmatch(self.message_stream):
            raise Misfit("message_stream", "is no id of a message stream: give the id that stands in its settings at "
                                           "Postmark, such as outbound")

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        reply = yield self.request("POST", document=_named(changes))
        answered = _answered(reply)
        if answered is None:
            return for_each(_outcome(reply, now, len(changes)), changes)
        outcomes = [_suppressed(answered, change, reply, len(changes)) for change in changes]
        if len(changes) == 1 and _is_held(answered.get(address_key(changes[0].recipient), {})):
            return ((yield from self._stands_there(changes[0], outcomes[0], now)),)
        return outcomes

    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        reply = yield self.request("POST", "delete", document=_named(changes))
        answered = _answered(reply)
        if answered is None:
            return for_each(_outcome(reply, now, len(changes)), changes)
        return [_released(answered, change, reply) for change in changes]

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("GET", "dump", EmailAddress=NOBODY)
        return _outcome(reply, now) if _answered(reply) is None else outcome(reply, now)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns all addresses of one reason. The cursor is the reason."""
        reason = cursor or REASONS[0]
        reply = yield self.request("GET", "dump", SuppressionReason=reason).reading(MAX_LIST_BYTES)
        rows = fit(self.readable(reply, reply.rows("Suppressions")), "EmailAddress")
        entries = (
            Listed(row["EmailAddress"], row.get("SuppressionReason"), moment(row.get("CreatedAt"))) for row in rows
        )
        return ListPage(tuple(entries), dict(pairwise(REASONS)).get(reason))

    def _stands_there(self, change: Change, found: Outcome, now: datetime) -> Conversation[Outcome]:
        """Looks up an address that was refused because of a complaint. If it is on the list, nothing is left to do."""
        reply = yield self.request("GET", "dump", EmailAddress=change.recipient)
        answered = _answered(reply)
        if answered is None:
            return _outcome(reply, now)
        return done(reply, "was on the list") if address_key(change.recipient) in answered else found

    def credentials(self) -> Headers:
        return {"accept": "application/json", "x-postmark-server-token": self.server_token}


def _named(changes: Sequence[Change]) -> dict[str, object]:
    return {"Suppressions": [{"EmailAddress": change.recipient} for change in changes]}


def _answered(reply: Reply) -> dict[str, dict[str, Any]] | None:
    """Returns the entries of a successful reply by address; None for any other."""
    rows = reply.rows("Suppressions")
    return None if rows is None else {address_key(row["EmailAddress"]): row for row in fit(rows, "EmailAddress")}


def _outcome(reply: Reply, now: datetime, size: int = 1) -> Outcome:
    """Returns the outcome of a reply that says nothing about single addresses."""
    is_ours = not reply.ok and reply.field("ErrorCode") in _ABOUT_US
    return later(reply, now) if is_ours else outcome(reply, now, size, as_promised=False)


def _suppressed(answered: Mapping[str, dict[str, Any]], change: Change, reply: Reply, size: int) -> Outcome:
    row = answered.get(address_key(change.recipient), {})
    match row.get("Status"):
        case "Suppressed":
            return done(reply)
        case "Failed" if _is_held(row) and size > 1:
            return Outcome(Fate.SPLIT, _told(row))  # to be looked up on its own
        case "Failed":
            return refused(reply, _told(row))
        case _:
            return garbage(reply)


def _released(answered: Mapping[str, dict[str, Any]], change: Change, reply: Reply) -> Outcome:
    row = answered.get(address_key(change.recipient), {})
    match row.get("Status"):
        case "Deleted":
            return done(reply)
        case "Failed":
            return refused(reply, f"Postmark does not release it: {_told(row)}")
        case _:
            return garbage(reply)


def _is_held(row: Mapping[str, Any]) -> bool:
    """Checks whether a refusal is because of a complaint, by its text: there is no code."""
    return row.get("Status") == "Failed" and _NOT_OURS_TO_CHANGE in str(row.get("Message"))


def _told(row: Mapping[str, Any]) -> str:
    return masked(str(row.get("Message") or "no reason given"), set())
