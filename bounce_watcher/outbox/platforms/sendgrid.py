"""Twilio SendGrid: the global list of unsubscribes, the only one of its lists that accepts additions.

https://www.twilio.com/docs/sendgrid/api-reference/suppressions-global-suppressions and the vendor's OpenAPI description
`tsg_suppressions_v3` (snapshot of January 2026), read in November 2026. Not documented: how many addresses one call
takes. Known only from users: whether the answer for an absent one is 204 or 404, so both count as released.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from pydantic import SecretStr

from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Reply, Request, address_of
from bounce_watcher.outbox.platform import (
    HttpPlatform,
    Listed,
    ListPage,
    for_each,
    garbage,
    later,
    outcome,
    released,
    unread,
)

PAGE_SIZE = 500

_OWN_LISTS = ("bounces", "spam_reports", "invalid_emails")
"""Lists that SendGrid itself fills and that stop mail as well: a release takes the address out of each.

Blocks are not among them: by default they stop no later mail.
"""


@dataclass(frozen=True, kw_only=True)
class SendGrid(HttpPlatform):
    """`subuser` is the subuser whose lists are used if the key belongs to the parent account."""

    url: str = "https://api.sendgrid.com"
    api_key: SecretStr
    subuser: str | None = None

    kind: ClassVar[str] = "sendgrid"
    limits: ClassVar[Limits] = Limits(batch=500, rate=10, concurrency=4, calls=4)
    lists: ClassVar[bool] = True

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        emails = {"recipient_emails": [change.recipient for change in changes]}
        reply = yield self._request("POST", "asm", "suppressions", "global", document=emails)
        return for_each(_suppressed(reply, now, len(changes)), changes)

    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        (change,) = changes
        paths = [("suppression", name) for name in _OWN_LISTS]
        found = Outcome(Fate.DONE, "")
        for path in (*paths, ("asm", "suppressions", "global")):
            reply = yield self._request("DELETE", *path, change.recipient)
            found = _waited_for(released(reply, now), reply, now)
            if found.fate is not Fate.DONE:
                break
        return (found,)

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self._request("GET", "suppression", "unsubscribes", limit="1")
        return garbage(reply) if reply.ok and not isinstance(reply.document(), list) else outcome(reply, now)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is the offset."""
        offset = int(cursor or 0)
        reply = yield self._request("GET", "suppression", "unsubscribes", limit=str(PAGE_SIZE), offset=str(offset))
        rows = reply.document() if reply.ok else None
        if not isinstance(rows, list):
            raise unread(reply, self)
        entries = tuple(_listed(row) for row in rows if isinstance(row, dict) and isinstance(row.get("email"), str))
        return ListPage(entries, str(offset + PAGE_SIZE) if len(rows) == PAGE_SIZE else None)

    def _request(self, method: str, *path: str, document: object = None, **query: str) -> Request:
        headers: dict[str, str | SecretStr] = {"authorization": SecretStr(f"Bearer {self.api_key.get_secret_value()}")}
        if self.subuser:
            headers["on-behalf-of"] = self.subuser
        return Request(method, address_of(self.url, "v3", *path, **query), headers, document)


def _suppressed(reply: Reply, now: datetime, size: int) -> Outcome:
    if reply.ok and not isinstance(reply.field("recipient_emails"), list):
        return garbage(reply)
    return _waited_for(outcome(reply, now, size), reply, now)


def _waited_for(found: Outcome, reply: Reply, now: datetime) -> Outcome:
    """Adds a wait for SendGrid's limit: SendGrid gives its reset as Unix time and sends no Retry-After."""
    reset = reply.headers.get("x-ratelimit-reset", "")
    if reply.status != 429 or reply.retry_after or not (reset.isascii() and reset.isdecimal()):
        return found
    wait = min(max(int(reset) - int(now.timestamp()), 0), 3600)
    return later(reply, now, wait=timedelta(seconds=wait))


def _listed(row: dict[str, object]) -> Listed:
    created = row.get("created")
    since = datetime.fromtimestamp(created, UTC) if isinstance(created, int) else None
    return Listed(str(row["email"]), "unsubscribe", since)


TARGET = SendGrid
