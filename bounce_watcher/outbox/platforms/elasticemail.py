"""Elastic Email: the suppressions of an account, as bounces and complaints.

https://elasticemail.com/developers/api-documentation/rest-api and the vendor's SDK, which is made from its API
definition (elasticemail 4.4.0, API v4), read in November 2026. Not documented there: the answer for an address that is
already suppressed (so we look up an address that is missing from an answer), the answer to the removal of an absent one
(404 is assumed), the most entries of a page, and how many calls a second are allowed.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from pydantic import SecretStr

from bounce_watcher.model.address import address_key
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Reply, Request, address_of
from bounce_watcher.outbox.platform import (
    HttpPlatform,
    Listed,
    ListPage,
    garbage,
    moment,
    outcome,
    refused,
    released,
    unread,
)

BATCH = 1000
"""The most that one call takes."""

PAGE_SIZE = 500
MAX_REPLY_BYTES = 4 * 1024 * 1024

BOUNCES, COMPLAINTS, UNSUBSCRIBES = "bounces", "complaints", "unsubscribes"


@dataclass(frozen=True, kw_only=True)
class ElasticEmail(HttpPlatform):
    url: str = "https://api.elasticemail.com/v4"
    api_key: SecretStr

    kind: ClassVar[str] = "elasticemail"
    limits: ClassVar[Limits] = Limits(batch=BATCH, rate=10, concurrency=4, calls=2)
    lists: ClassVar[bool] = True

    def group_of(self, change: Change) -> Hashable:
        return change.suppress and change.is_complaint

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        addresses = list({address_key(change.recipient): change.recipient for change in changes}.values())
        reply = yield self._request("POST", COMPLAINTS if changes[0].is_complaint else BOUNCES, document=addresses)
        rows = _rows(reply)
        if rows is None:
            return (_failed(reply, now, len(changes)),) * len(changes)
        taken = {address_key(row["Email"]) for row in rows}
        missing = Outcome(Fate.SPLIT, f"{reply.text}: not told of, so it is asked for alone")
        if len(changes) == 1 and address_key(changes[0].recipient) not in taken:
            missing = yield from self._stands_there(changes[0], reply, now)
        done = Outcome(Fate.DONE, reply.text)
        return tuple(done if address_key(change.recipient) in taken else missing for change in changes)

    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        """Releases a recipient. Looks for an unsubscribe first, because a removal would undo it as well."""
        (change,) = changes
        reply = yield self._request("GET", UNSUBSCRIBES, search=change.recipient, limit=str(PAGE_SIZE))
        rows = _rows(reply)
        if rows is None:
            return (_failed(reply, now),)
        if any(address_key(row["Email"]) == address_key(change.recipient) for row in rows):
            return (refused(reply, "they unsubscribed themselves, so no program may subscribe them again"),)
        reply = yield self._request("DELETE", change.recipient)
        return (released(reply, now),)

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self._request("GET", limit="1")
        return outcome(reply, now) if _rows(reply) is not None else _failed(reply, now)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is the offset. A page may be shorter than asked for: an empty one is the end."""
        offset = int(cursor or 0)
        reply = yield self._request("GET", limit=str(PAGE_SIZE), offset=str(offset))
        rows = _rows(reply)
        if rows is None:
            raise unread(reply, self)
        entries = tuple(
            Listed(row["Email"], row.get("FriendlyErrorMessage") or None, moment(row.get("DateUpdated")))
            for row in rows
        )
        return ListPage(entries, str(offset + len(rows)) if rows else None)

    def _stands_there(self, change: Change, answered: Reply, now: datetime) -> Conversation[Outcome]:
        reply = yield self._request("GET", change.recipient)
        email = reply.field("Email") if reply.ok else None
        if isinstance(email, str) and address_key(email) == address_key(change.recipient):
            return Outcome(Fate.DONE, f"{answered.text} (was on the list)")
        if reply.status in (400, 404):
            return refused(answered, "not taken, and Elastic Email does not say why")
        return _failed(reply, now)

    def _request(self, method: str, *path: str, document: object = None, **query: str) -> Request:
        address = address_of(self.url, "suppressions", *path, **query)
        request = Request(method, address, {"x-elasticemail-apikey": self.api_key}, document)
        return replace(request, max_reply=MAX_REPLY_BYTES)


def _rows(reply: Reply) -> list[dict[str, Any]] | None:
    """Returns the entries of a successful reply; None for any other."""
    rows = reply.document() if reply.ok else None
    if not isinstance(rows, list) or not all(_is_entry(row) for row in rows):
        return None
    return rows


def _is_entry(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("Email"), str)


def _failed(reply: Reply, now: datetime, size: int = 1) -> Outcome:
    return garbage(reply) if reply.ok else outcome(reply, now, size)


TARGET = ElasticEmail
