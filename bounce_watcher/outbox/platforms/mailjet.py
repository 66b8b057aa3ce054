"""Mailjet: the exclusion list, which stops campaigns but not transactional mail.

https://dev.mailjet.com/email/guides/ (exclusion list, contacts; as of September 2023), read in November 2026.
Uncertain: the rate limit, the fields of an error, and that the answer to a PUT without effect is 304 (known from users,
not from the guides). The call for many contacts runs in the background and reports refusals in a file. So we send
contacts one by one.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from pydantic import SecretStr

from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Headers, Reply, basic
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage
from bounce_watcher.outbox.replies import all_fit, done, fit, moment, one_by_one, outcome

PAGE_SIZE = 1000
MAX_PAGE = 8 * 1024 * 1024
"""In bytes."""

_EXCLUDED = "IsExcludedFromCampaigns"


@dataclass(frozen=True, kw_only=True)
class Mailjet(HttpPlatform):
    """`api_key` and `secret_key` are the two parts of one of Mailjet's keys."""

    url: str = "https://api.mailjet.com/v3/REST"
    api_key: SecretStr = field(metadata={"example": '"0123456789abcdef0123456789abcdef"'})
    secret_key: SecretStr

    kind: ClassVar[str] = "mailjet"
    limits: ClassVar[Limits] = Limits(rate=10, concurrency=4, calls=2)

    @one_by_one
    def suppress(self, change: Change, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("PUT", "contact", change.recipient, document={_EXCLUDED: True})
        if _is_absent(reply):
            contact = {"Email": change.recipient, _EXCLUDED: True}
            reply = yield self.request("POST", "contact", document=contact)
            if reply.status == 400 and "MJ18" in str(reply.field("ErrorMessage")):
                return Outcome(Fate.LATER, f"{reply.text}: became a contact at this very moment")
        return _set(reply, now, excluded=True)

    @one_by_one
    def release(self, change: Change, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("PUT", "contact", change.recipient, document={_EXCLUDED: False})
        return done(reply, "is no contact") if _is_absent(reply) else _set(reply, now, excluded=False)

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("GET", "contact", Limit="1")
        return outcome(reply, now, as_promised=_rows(reply) is not None)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is the offset. It is uncertain that the filter works, so each row is checked."""
        offset = int(cursor or 0)
        query = {_EXCLUDED: "true", "Limit": str(PAGE_SIZE), "Offset": str(offset), "Sort": "ID"}
        reply = yield self.request("GET", "contact", **query).reading(MAX_PAGE)
        rows = self.readable(reply, _rows(reply))
        entries = tuple(
            Listed(row["Email"], "excluded", moment(row.get("ExclusionFromCampaignsUpdatedAt")))
            for row in fit(rows, "Email") if row.get(_EXCLUDED) is True
        )
        return ListPage(entries, str(offset + PAGE_SIZE) if len(rows) == PAGE_SIZE else None)

    def credentials(self) -> Headers:
        return {"authorization": basic(self.api_key.get_secret_value(), self.secret_key)}


def _rows(reply: Reply) -> list[dict[str, Any]] | None:
    return all_fit(reply.rows("Data"))


def _set(reply: Reply, now: datetime, *, excluded: bool) -> Outcome:
    """Returns the outcome of a PUT or POST, whose answer holds the changed contact."""
    if reply.status == 304:
        return done(reply, "was so already")
    return outcome(reply, now, as_promised=[row.get(_EXCLUDED) for row in _rows(reply) or ()] == [excluded])


def _is_absent(reply: Reply) -> bool:
    """Checks whether Mailjet itself says that there is no such contact, and not some other server at a wrong url."""
    return reply.status == 404 and isinstance(reply.field("ErrorMessage"), str)
