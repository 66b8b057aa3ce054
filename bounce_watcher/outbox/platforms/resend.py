"""Resend: the suppression list of a team.

https://resend.com/docs/api-reference/suppressions, the vendor's OpenAPI description (August 2026) and its SDK (resend
2.52.0), read in November 2026. Uncertain: whether entries for complaints may be removed like all others (nothing
forbids it), and whether the rate is 5 calls a second or, as older pages say, 2. Sending shares this rate, so we use 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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
    for_each,
    garbage,
    later,
    moment,
    outcome,
    unread,
)

PAGE_SIZE = 100


@dataclass(frozen=True, kw_only=True)
class Resend(HttpPlatform):
    url: str = "https://api.resend.com"
    api_key: SecretStr

    kind: ClassVar[str] = "resend"
    limits: ClassVar[Limits] = Limits(batch=100, release_batch=100, rate=1, concurrency=1)
    lists: ClassVar[bool] = True

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        reply = yield self._batch("add", changes)
        return for_each(_added(reply, now, changes), changes)

    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        reply = yield self._batch("remove", changes)
        return for_each(_removed(reply, now, changes), changes)

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self._request("GET", "suppressions", limit="1")
        return garbage(reply) if reply.ok and _rows(reply) is None else _failed(reply, now)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is the id of the last entry of the page before."""
        after = {"after": cursor} if cursor else {}
        reply = yield self._request("GET", "suppressions", limit=str(PAGE_SIZE), **after)
        rows = _rows(reply)
        if not reply.ok or rows is None:
            raise unread(reply, self)
        entries = tuple(
            Listed(row["email"], row.get("origin"), moment(row.get("created_at"))) for row in rows if row.get("email")
        )
        return ListPage(entries, rows[-1].get("id") if rows and reply.field("has_more") is True else None)

    def _batch(self, action: str, changes: Sequence[Change]) -> Request:
        emails = {"emails": [change.recipient for change in changes]}
        return self._request("POST", "suppressions", "batch", action, document=emails)

    def _request(self, method: str, *path: str, document: object = None, **query: str) -> Request:
        token = SecretStr(f"Bearer {self.api_key.get_secret_value()}")
        return Request(method, address_of(self.url, *path, **query), {"authorization": token}, document)


def _rows(reply: Reply) -> list[dict[str, Any]] | None:
    rows = reply.field("data")
    return rows if isinstance(rows, list) and all(isinstance(row, dict) for row in rows) else None


def _added(reply: Reply, now: datetime, changes: Sequence[Change]) -> Outcome:
    """Returns the outcome of an addition. Each accepted address has an entry in the answer; duplicates share one.

    The entries are not in the order of the request.
    """
    if not reply.ok:
        return _failed(reply, now, len(changes))
    rows = _rows(reply)
    if not rows or not all(isinstance(row.get("id"), str) for row in rows):
        return garbage(reply)
    if len(rows) < len({address_key(change.recipient) for change in changes}):
        return Outcome(Fate.SPLIT, f"{reply.text}: fewer entries than addresses, so each is asked for alone")
    return outcome(reply, now)


def _removed(reply: Reply, now: datetime, changes: Sequence[Change]) -> Outcome:
    """Returns the outcome of a removal. The answer leaves out absent addresses; its entries have ids, not addresses."""
    if not reply.ok:
        return _failed(reply, now, len(changes))
    rows = _rows(reply)
    if rows is None:
        return garbage(reply)
    if all(row.get("deleted") is True for row in rows):
        return outcome(reply, now)
    fate = Fate.SPLIT if len(changes) > 1 else Fate.REFUSED
    return Outcome(fate, f"{reply.text}: not deleted, and Resend does not say why")


def _failed(reply: Reply, now: datetime, size: int = 1) -> Outcome:
    """Returns the same as `outcome`. Without Retry-After, a separate header gives the end of a limit in seconds."""
    reset = reply.headers.get("ratelimit-reset", "")
    if reply.status != 429 or reply.retry_after or not (reset.isascii() and reset.isdecimal()):
        return outcome(reply, now, size)
    return later(reply, now, wait=timedelta(seconds=min(int(reset[:9]), 3600)))


TARGET = Resend
