"""Resend: the suppression list of a team.

https://resend.com/docs/api-reference/suppressions, the vendor's OpenAPI description (August 2026) and its SDK (resend
2.52.0), read in November 2026. Uncertain: whether entries for complaints may be removed like all others (nothing
forbids it), and whether the rate is 5 calls a second or, as older pages say, 2. Sending shares this rate, so we use 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from pydantic import SecretStr

from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Headers, Reply, Request, bearer
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage
from bounce_watcher.outbox.replies import addresses_of, all_fit, for_each, limited, moment, outcome

PAGE_SIZE = 100


@dataclass(frozen=True, kw_only=True)
class Resend(HttpPlatform):
    url: str = "https://api.resend.com"
    api_key: SecretStr

    kind: ClassVar[str] = "resend"
    root: ClassVar[str] = "suppressions"
    limits: ClassVar[Limits] = Limits(batch=100, release_batch=100, rate=1, concurrency=1)

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        reply = yield self._batch("add", changes)
        return for_each(_added(reply, now, changes), changes)

    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        reply = yield self._batch("remove", changes)
        return for_each(_removed(reply, now, changes), changes)

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("GET", limit="1")
        return _outcome(reply, now, as_promised=_rows(reply) is not None)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is the id of the last entry of the page before."""
        after = {"after": cursor} if cursor else {}
        reply = yield self.request("GET", limit=str(PAGE_SIZE), **after)
        rows = self.readable(reply, _rows(reply))
        entries = tuple(
            Listed(row["email"], row.get("origin"), moment(row.get("created_at"))) for row in rows if row.get("email")
        )
        return ListPage(entries, rows[-1].get("id") if rows and reply.field("has_more") is True else None)

    def _batch(self, action: str, changes: Sequence[Change]) -> Request:
        emails = {"emails": [change.recipient for change in changes]}
        return self.request("POST", "batch", action, document=emails)

    def credentials(self) -> Headers:
        return {"authorization": bearer(self.api_key)}


def _rows(reply: Reply) -> list[dict[str, Any]] | None:
    return all_fit(reply.rows("data"))


def _added(reply: Reply, now: datetime, changes: Sequence[Change]) -> Outcome:
    """Returns the outcome of an addition. Each accepted address has an entry in the answer; duplicates share one.

    The entries are not in the order of the request.
    """
    rows = all_fit(reply.rows("data"), "id") or []
    if rows and len(rows) < len(addresses_of(changes)):
        return Outcome(Fate.SPLIT, f"{reply.text}: fewer entries than addresses, so each is asked for alone")
    return _outcome(reply, now, len(changes), as_promised=bool(rows))


def _removed(reply: Reply, now: datetime, changes: Sequence[Change]) -> Outcome:
    """Returns the outcome of a removal. The answer leaves out absent addresses; its entries have ids, not addresses."""
    rows = _rows(reply)
    if rows is None or all(row.get("deleted") is True for row in rows):
        return _outcome(reply, now, len(changes), as_promised=rows is not None)
    fate = Fate.SPLIT if len(changes) > 1 else Fate.REFUSED
    return Outcome(fate, f"{reply.text}: not deleted, and Resend does not say why")


def _outcome(reply: Reply, now: datetime, size: int = 1, *, as_promised: bool) -> Outcome:
    return limited(outcome(reply, now, size, as_promised=as_promised), reply, now, "ratelimit-reset")
