"""Elastic Email: the suppressions of an account, as bounces and complaints.

https://elasticemail.com/developers/api-documentation/rest-api and the vendor's SDK, which is made from its API
definition (elasticemail 4.4.0, API v4), read in November 2026. Not documented there: the answer for an address that is
already suppressed (so we look up an address that is missing from an answer), the answer to the removal of an absent one
(404 is assumed), the most entries of a page, and how many calls a second are allowed.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from pydantic import SecretStr

from bounce_watcher.model.address import address_key
from bounce_watcher.outbox.change import Change, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Headers, Reply
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage
from bounce_watcher.outbox.replies import (
    addresses_of,
    all_fit,
    as_taken,
    done,
    for_each,
    moment,
    one_by_one,
    outcome,
    refused,
    released,
)

BATCH = 1000
"""The most that one call takes."""

PAGE_SIZE = 500

BOUNCES, COMPLAINTS, UNSUBSCRIBES = "bounces", "complaints", "unsubscribes"


@dataclass(frozen=True, kw_only=True)
class ElasticEmail(HttpPlatform):
    url: str = "https://api.elasticemail.com/v4"
    api_key: SecretStr

    kind: ClassVar[str] = "elasticemail"
    root: ClassVar[str] = "suppressions"
    max_reply: ClassVar[int] = 4 * 1024 * 1024
    limits: ClassVar[Limits] = Limits(batch=BATCH, rate=10, concurrency=4, calls=2)

    def group_of(self, change: Change) -> Hashable:
        return change.suppress and change.is_complaint

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        which = COMPLAINTS if changes[0].is_complaint else BOUNCES
        reply = yield self.request("POST", which, document=addresses_of(changes))
        rows = _rows(reply)
        if rows is None:
            return for_each(outcome(reply, now, len(changes), as_promised=False), changes)
        look_up = self._stands_there(changes[0], reply, now)
        return (yield from as_taken(changes, (row["Email"] for row in rows), reply, look_up))

    @one_by_one
    def release(self, change: Change, now: datetime) -> Conversation[Outcome]:
        """Releases a recipient. Looks for an unsubscribe first, because a removal would undo it as well."""
        reply = yield self.request("GET", UNSUBSCRIBES, search=change.recipient, limit=str(PAGE_SIZE))
        rows = _rows(reply)
        if rows is None:
            return outcome(reply, now, as_promised=False)
        if any(address_key(row["Email"]) == address_key(change.recipient) for row in rows):
            return refused(reply, "they unsubscribed themselves, so no program may subscribe them again")
        reply = yield self.request("DELETE", change.recipient)
        return released(reply, now)

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("GET", limit="1")
        return outcome(reply, now, as_promised=_rows(reply) is not None)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is the offset. A page may be shorter than asked for: an empty one is the end."""
        offset = int(cursor or 0)
        reply = yield self.request("GET", limit=str(PAGE_SIZE), offset=str(offset))
        rows = self.readable(reply, _rows(reply))
        entries = tuple(
            Listed(row["Email"], row.get("FriendlyErrorMessage") or None, moment(row.get("DateUpdated")))
            for row in rows
        )
        return ListPage(entries, str(offset + len(rows)) if rows else None)

    def _stands_there(self, change: Change, answered: Reply, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("GET", change.recipient)
        email = reply.field("Email") if reply.ok else None
        if isinstance(email, str) and address_key(email) == address_key(change.recipient):
            return done(answered, "was on the list")
        if reply.status in (400, 404):
            return refused(answered, "not taken, and Elastic Email does not say why")
        return outcome(reply, now, as_promised=False)

    def credentials(self) -> Headers:
        return {"x-elasticemail-apikey": self.api_key}


def _rows(reply: Reply) -> list[dict[str, Any]] | None:
    return all_fit(reply.rows(), "Email")
