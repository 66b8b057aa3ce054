"""Scaleway Transactional Email: the blocklist of one sending domain.

https://www.scaleway.com/en/developers/api/transactional-email/ and the vendor's SDK, which is made from its API
definition (scaleway 2.12.0, `tem/v1alpha1`), read in November 2026. Not documented there: how many addresses one call
takes, the answer for an address that is already blocked (so we look up an address that is missing from an answer),
whether a customer may delete Scaleway's own entries (we try it), and how many calls a second are allowed.
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from pydantic import SecretStr

from bounce_watcher.model.address import address_key
from bounce_watcher.model.verdict import Reason
from bounce_watcher.outbox.change import Change, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Headers, Reply
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage, Misfit
from bounce_watcher.outbox.replies import (
    NOT_LISTED,
    addresses_of,
    all_fit,
    as_taken,
    done,
    fit,
    for_each,
    later,
    moment,
    one_by_one,
    outcome,
    refused,
    released,
    until_failure,
)

PAGE_SIZE = 100
"""The most entries of a page."""

FULL, NOT_FOUND = "mailbox_full", "mailbox_not_found"
"""The types that an entry may have. There is none for a complaint, so the entry's reason names it."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REGION = re.compile(r"[a-z]{2}-[a-z]{3}")
_IN_THE_CALL = "emails"


@dataclass(frozen=True, kw_only=True)
class Scaleway(HttpPlatform):
    """`domain_id` is the id of the sending domain, `secret_key` that of an API key."""

    url: str = "https://api.scaleway.com"
    region: str = "fr-par"
    domain_id: str = field(metadata={"example": '"01234567-89ab-cdef-0123-456789abcdef"'})
    secret_key: SecretStr

    kind: ClassVar[str] = "scaleway"
    root: ClassVar[str] = "transactional-email/v1alpha1/regions/{region}/blocklists"
    limits: ClassVar[Limits] = Limits(batch=100, rate=5, concurrency=2, calls=5)

    def __post_init__(self) -> None:
        if not _UUID.fullmatch(self.domain_id):
            raise Misfit("domain_id", "is no id of a domain: give the ID that stands in the overview of the domain at "
                                      "Scaleway, not its name")
        if not _REGION.fullmatch(self.region):
            raise Misfit("region", "is no region: write it like fr-par")

    def group_of(self, change: Change) -> Hashable:
        return (_type(change), change.mark) if change.suppress else None

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        entry = {"domain_id": self.domain_id, "emails": addresses_of(changes), "type": _type(changes[0])}
        reply = yield self.request("POST", document={**entry, "reason": changes[0].mark})
        rows = _rows(reply)
        if rows is None and reply.status != 409:
            return for_each(_failed(reply, now, len(changes)), changes)
        look_up = self._stands_there(changes[0], reply, now)
        return (yield from as_taken(changes, (row["email"] for row in rows or ()), reply, look_up))

    @one_by_one
    def release(self, change: Change, now: datetime) -> Conversation[Outcome]:
        reply, rows = yield from self._look_up(change)
        if not rows:
            return _failed(reply, now) if rows is None else done(reply, NOT_LISTED)
        return (yield from until_failure(self._remove(row["id"], now) for row in rows))

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("GET", domain_id=self.domain_id, page_size="1")
        return outcome(reply, now) if _rows(reply) is not None else _failed(reply, now)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is the number of the page."""
        number = int(cursor or 1)
        reply = yield self.request(
            "GET", domain_id=self.domain_id, order_by="created_at_asc", page=str(number), page_size=str(PAGE_SIZE)
        )
        total = reply.field("total_count")
        rows = self.readable(reply, _rows(reply) if isinstance(total, int) else None)
        entries = tuple(Listed(row["email"], row.get("type"), moment(row.get("created_at"))) for row in rows)
        return ListPage(entries, str(number + 1) if rows and number * PAGE_SIZE < total else None)

    def _remove(self, entry: str, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("DELETE", entry)
        return released(reply, now, as_promised=reply.status == 204)

    def _stands_there(self, change: Change, answered: Reply, now: datetime) -> Conversation[Outcome]:
        reply, rows = yield from self._look_up(change)
        if rows is None:
            return _failed(reply, now)
        if rows:
            return done(answered, "was on the list")
        return refused(answered, "not taken, and Scaleway does not say why")

    def _look_up(self, change: Change) -> Conversation[tuple[Reply, list[dict[str, Any]] | None]]:
        """Returns only this address's entries, however the filter was understood; None if they can't be determined."""
        asked = {"domain_id": self.domain_id, "email": change.recipient, "page_size": str(PAGE_SIZE)}
        reply = yield self.request("GET", **asked)
        rows, address = _rows(reply), address_key(change.recipient)
        return reply, None if rows is None else [
            row for row in rows
            if address_key(row["email"]) == address and row.get("domain_id") == self.domain_id and row["id"]
        ]

    def credentials(self) -> Headers:
        return {"x-auth-token": self.secret_key}


def _type(change: Change) -> str:
    return FULL if change.reason == Reason.MAILBOX_FULL else NOT_FOUND


def _rows(reply: Reply) -> list[dict[str, Any]] | None:
    return all_fit(reply.rows("blocklists"), "id", "email")


def _failed(reply: Reply, now: datetime, size: int = 1) -> Outcome:
    """Returns the outcome of a failure. A refused argument other than the addresses is about our configuration."""
    names = [row["argument_name"] for row in fit(reply.field("details"), "argument_name")]
    is_ours = not reply.ok and any(not name.startswith(_IN_THE_CALL) for name in names)
    return later(reply, now) if is_ours else outcome(reply, now, size, as_promised=False)
