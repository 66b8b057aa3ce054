"""Brevo: contacts that get no campaigns, and the list of contacts that get no transactional mail.

https://developers.brevo.com/reference/ and the vendor's SDK, which is made from its API definition (brevo-python
5.1.0), read in November 2026. Uncertain: whether `emailBlacklisted` alone stops transactional mail too (no page says
so), whether `smtpBlacklistSender` replaces a contact's existing senders, and how many calls a second are allowed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from pydantic import SecretStr

from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Headers, Reply
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage, Misfit
from bounce_watcher.outbox.replies import NOT_LISTED, done, fit, limited, moment, one_by_one, outcome, refused

PAGE_SIZE = 500
MAX_PAGE = 8 * 1024 * 1024
"""In bytes: each contact comes with all its attributes."""


@dataclass(frozen=True, kw_only=True)
class Brevo(HttpPlatform):
    """`senders` are the From addresses whose transactional mail is stopped too. Raises Misfit for an invalid one."""

    url: str = "https://api.brevo.com/v3"
    api_key: SecretStr
    senders: tuple[str, ...] = ()

    kind: ClassVar[str] = "brevo"
    limits: ClassVar[Limits] = Limits(rate=10, concurrency=4, calls=3)

    def __post_init__(self) -> None:
        for sender in self.senders:
            local, _, domain = sender.rpartition("@")
            if not local or not domain:
                raise Misfit("senders", f'"{sender}" is no address: write it as in From, like news@example.com')

    @one_by_one
    def suppress(self, change: Change, now: datetime) -> Conversation[Outcome]:
        """Suppresses a recipient. The answer is 201 with an id for a new contact, 204 for one that existed."""
        contact: dict[str, object] = {"email": change.recipient, "emailBlacklisted": True, "updateEnabled": True}
        if self.senders:
            contact["smtpBlacklistSender"] = list(self.senders)
        reply = yield self.request("POST", "contacts", document=contact)
        is_new = reply.status == 201 and isinstance(reply.field("id"), int)
        return _outcome(reply, now, as_promised=is_new or reply.status == 204)

    @one_by_one
    def release(self, change: Change, now: datetime) -> Conversation[Outcome]:
        contact = ("contacts", change.recipient)
        known = yield self.request("GET", *contact, identifierType="email_id")
        is_stopped = known.field("emailBlacklisted") if known.ok else False
        if not _is_absent(known) and not (known.ok and isinstance(is_stopped, bool)):
            return _outcome(known, now, as_promised=False)
        if is_stopped and known.field("statistics", "unsubscriptions", "userUnsubscription"):
            return refused(known, "they unsubscribed themselves, so no program may subscribe them again")
        reply = yield self.request("DELETE", "smtp", "blockedContacts", change.recipient)
        found = _removed(reply, now)
        if is_stopped and found.fate is Fate.DONE:
            unblocked = {"emailBlacklisted": False}
            reply = yield self.request("PUT", *contact, document=unblocked, identifierType="email_id")
            found = _removed(reply, now)
        return found

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("GET", "contacts", limit="1")
        return _outcome(reply, now, as_promised=reply.rows("contacts") is not None)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is the offset among all contacts: one can't ask only for the stopped ones."""
        offset = int(cursor or 0)
        request = self.request("GET", "contacts", limit=str(PAGE_SIZE), offset=str(offset), sort="asc")
        reply = yield request.reading(MAX_PAGE)
        rows = self.readable(reply, reply.rows("contacts"))
        stopped = (row for row in fit(rows, "email") if row.get("emailBlacklisted") is True)
        entries = tuple(Listed(row["email"], "emailBlacklisted", moment(row.get("modifiedAt"))) for row in stopped)
        return ListPage(entries, str(offset + PAGE_SIZE) if len(rows) == PAGE_SIZE else None)

    def credentials(self) -> Headers:
        return {"api-key": self.api_key}


def _removed(reply: Reply, now: datetime) -> Outcome:
    return done(reply, NOT_LISTED) if _is_absent(reply) else _outcome(reply, now, as_promised=reply.status == 204)


def _is_absent(reply: Reply) -> bool:
    """Checks whether Brevo itself says that there is no such contact, and not some other server at a wrong url."""
    return reply.status == 404 and isinstance(reply.field("code"), str)


def _outcome(reply: Reply, now: datetime, *, as_promised: bool) -> Outcome:
    return limited(outcome(reply, now, as_promised=as_promised), reply, now, "x-sib-ratelimit-reset")
