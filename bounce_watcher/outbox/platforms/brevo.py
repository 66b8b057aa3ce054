"""Brevo: contacts that get no campaigns, and the list of contacts that get no transactional mail.

https://developers.brevo.com/reference/ and the vendor's SDK, which is made from its API definition (brevo-python
5.1.0), read in November 2026. Uncertain: whether `emailBlacklisted` alone stops transactional mail too (no page says
so), whether `smtpBlacklistSender` replaces a contact's existing senders, and how many calls a second are allowed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from pydantic import SecretStr

from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Reply, Request, address_of
from bounce_watcher.outbox.platform import (
    HttpPlatform,
    Listed,
    ListPage,
    Misfit,
    garbage,
    later,
    moment,
    outcome,
    refused,
    unread,
)

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
    lists: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for sender in self.senders:
            local, _, domain = sender.rpartition("@")
            if not local or not domain:
                raise Misfit("senders", f'"{sender}" is no address: write it as in From, like news@example.com')

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        (change,) = changes
        contact: dict[str, object] = {"email": change.recipient, "emailBlacklisted": True, "updateEnabled": True}
        if self.senders:
            contact["smtpBlacklistSender"] = list(self.senders)
        reply = yield self._request("POST", "contacts", document=contact)
        return (_created(reply, now),)

    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        (change,) = changes
        contact = ("contacts", change.recipient)
        known = yield self._request("GET", *contact, identifierType="email_id")
        is_stopped = known.field("emailBlacklisted") if known.ok else False
        if not _is_absent(known) and not (known.ok and isinstance(is_stopped, bool)):
            return (garbage(known) if known.ok else _failed(known, now),)
        if is_stopped and known.field("statistics", "unsubscriptions", "userUnsubscription"):
            return (refused(known, "they unsubscribed themselves, so no program may subscribe them again"),)
        reply = yield self._request("DELETE", "smtp", "blockedContacts", change.recipient)
        found = _removed(reply, now)
        if is_stopped and found.fate is Fate.DONE:
            reply = yield self._request(
                "PUT", *contact, document={"emailBlacklisted": False}, identifierType="email_id"
            )
            found = _removed(reply, now)
        return (found,)

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self._request("GET", "contacts", limit="1")
        if reply.ok and not isinstance(reply.field("contacts"), list):
            return garbage(reply)
        return _failed(reply, now)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is the offset among all contacts: one can't ask only for the stopped ones."""
        offset = int(cursor or 0)
        reply = yield self._request(
            "GET", "contacts", max_reply=MAX_PAGE, limit=str(PAGE_SIZE), offset=str(offset), sort="asc"
        )
        rows = reply.field("contacts") if reply.ok else None
        if not isinstance(rows, list):
            raise unread(reply, self)
        entries = tuple(
            Listed(row["email"], "emailBlacklisted", moment(row.get("modifiedAt"))) for row in rows if _is_stopped(row)
        )
        return ListPage(entries, str(offset + PAGE_SIZE) if len(rows) == PAGE_SIZE else None)

    def _request(
        self, method: str, *path: str, document: object = None, max_reply: int = 1024 * 1024, **query: str
    ) -> Request:
        url = address_of(self.url, *path, **query)
        return Request(method, url, {"api-key": self.api_key}, document, max_reply=max_reply)


def _created(reply: Reply, now: datetime) -> Outcome:
    """Reads the answer: 201 with an id for a new contact, 204 for one that existed."""
    is_new = reply.status == 201 and isinstance(reply.field("id"), int)
    return garbage(reply) if reply.ok and not is_new and reply.status != 204 else _failed(reply, now)


def _removed(reply: Reply, now: datetime) -> Outcome:
    if _is_absent(reply):
        return Outcome(Fate.DONE, f"{reply.text} (was not on the list)")
    return garbage(reply) if reply.ok and reply.status != 204 else _failed(reply, now)


def _is_absent(reply: Reply) -> bool:
    """Checks whether Brevo itself says that there is no such contact, and not some other server at a wrong url."""
    return reply.status == 404 and isinstance(reply.field("code"), str)


def _failed(reply: Reply, now: datetime) -> Outcome:
    """Returns the same as `outcome`, but waits for Brevo's limit, which resets after a given number of seconds."""
    reset = reply.headers.get("x-sib-ratelimit-reset", "")
    if reply.status != 429 or reply.retry_after or not (reset.isascii() and reset.isdecimal()):
        return outcome(reply, now)
    return later(reply, now, wait=timedelta(seconds=min(int(reset[:9]), 3600)))


def _is_stopped(row: Any) -> bool:
    return isinstance(row, dict) and row.get("emailBlacklisted") is True and isinstance(row.get("email"), str)


TARGET = Brevo
