"""Twilio SendGrid: the global list of unsubscribes, the only one of its lists that accepts additions.

https://www.twilio.com/docs/sendgrid/api-reference/suppressions-global-suppressions and the vendor's OpenAPI description
`tsg_suppressions_v3` (snapshot of January 2026), read in November 2026. Not documented: how many addresses one call
takes. Known only from users: whether the answer for an absent one is 204 or 404, so both count as released.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import SecretStr

from bounce_watcher.outbox.change import Change, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Headers, Reply, bearer
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage
from bounce_watcher.outbox.replies import fit, for_each, limited, one_by_one, outcome, released, until_failure

PAGE_SIZE = 500

_GLOBAL = ("asm", "suppressions", "global")
_STOP_MAIL = (("suppression", "bounces"), ("suppression", "spam_reports"), ("suppression", "invalid_emails"), _GLOBAL)
"""The lists that a release takes the address out of: those that SendGrid itself fills stop mail as well.

Blocks are not among them: by default they stop no later mail.
"""


@dataclass(frozen=True, kw_only=True)
class SendGrid(HttpPlatform):
    """`subuser` is the subuser whose lists are used if the key belongs to the parent account."""

    url: str = "https://api.sendgrid.com"
    api_key: SecretStr
    subuser: str | None = None

    kind: ClassVar[str] = "sendgrid"
    root: ClassVar[str] = "v3"
    limits: ClassVar[Limits] = Limits(batch=500, rate=10, concurrency=4, calls=4)

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        emails = {"recipient_emails": [change.recipient for change in changes]}
        reply = yield self.request("POST", *_GLOBAL, document=emails)
        found = outcome(reply, now, len(changes), as_promised=reply.rows("recipient_emails") is not None)
        return for_each(_waited_for(found, reply, now), changes)

    @one_by_one
    def release(self, change: Change, now: datetime) -> Conversation[Outcome]:
        return (yield from until_failure(self._remove(path, change.recipient, now) for path in _STOP_MAIL))

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("GET", "suppression", "unsubscribes", limit="1")
        return outcome(reply, now, as_promised=reply.rows() is not None)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is the offset."""
        offset = int(cursor or 0)
        reply = yield self.request("GET", "suppression", "unsubscribes", limit=str(PAGE_SIZE), offset=str(offset))
        rows = self.readable(reply, reply.rows())
        entries = tuple(Listed(row["email"], "unsubscribe", _moment(row.get("created"))) for row in fit(rows, "email"))
        return ListPage(entries, str(offset + PAGE_SIZE) if len(rows) == PAGE_SIZE else None)

    def _remove(self, path: tuple[str, ...], address: str, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("DELETE", *path, address)
        return _waited_for(released(reply, now), reply, now)

    def credentials(self) -> Headers:
        authorization = {"authorization": bearer(self.api_key)}
        return {**authorization, "on-behalf-of": self.subuser} if self.subuser else authorization


def _waited_for(found: Outcome, reply: Reply, now: datetime) -> Outcome:
    """Adds a wait for SendGrid's limit: SendGrid sends no Retry-After."""
    return limited(found, reply, now, "x-ratelimit-reset", unix=True)


def _moment(created: object) -> datetime | None:
    return datetime.fromtimestamp(created, UTC) if isinstance(created, int) else None
