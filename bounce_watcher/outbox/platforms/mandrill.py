"""Mailchimp Transactional (Mandrill): its reject list.

https://mailchimp.com/developer/transactional/api/rejects/ and the vendor's OpenAPI description (API 1.4, April 2026),
read in November 2026. Uncertain: what `added` is for an address that is already on the list, so we look at the list if
it is false. The older API 1.0 answers most errors with HTTP 500, so the error's name decides, not the status.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from pydantic import SecretStr

from bounce_watcher.model.address import address_key
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Reply, Request
from bounce_watcher.outbox.platform import HttpPlatform
from bounce_watcher.outbox.replies import NOT_LISTED, done, fit, garbage, later, one_by_one, outcome, refused

_NOBODY = "nobody@example.com"
"""The address that `check` looks up: RFC 2606 reserves the name, so the answer is short."""


@dataclass(frozen=True, kw_only=True)
class Mandrill(HttpPlatform):
    """`subaccount` is the id of the subaccount whose list is used, None = the list of the whole account."""

    url: str = "https://mandrillapp.com/api/1.4"
    api_key: SecretStr
    subaccount: str | None = None

    kind: ClassVar[str] = "mandrill"
    root: ClassVar[str] = "rejects"
    limits: ClassVar[Limits] = Limits(rate=10, concurrency=4, calls=2)

    @one_by_one
    def suppress(self, change: Change, now: datetime) -> Conversation[Outcome]:
        comment = f"bounce_watcher: {change.reason or 'asked for'}"
        reply = yield self._request("add", email=change.recipient, comment=comment)
        if not reply.ok or reply.field("added") is not False:
            return _outcome(reply, now, as_promised=reply.field("added") is True)
        reply, is_there = yield from self._look_up(change)
        if is_there is None:
            return garbage(reply) if reply.ok else _outcome(reply, now)
        if is_there:
            return done(reply, "was on the list")
        return refused(reply, "it stands on the allow list there, so rejecting it has no effect: take it off that list")

    @one_by_one
    def release(self, change: Change, now: datetime) -> Conversation[Outcome]:
        reply = yield self._request("delete", email=change.recipient)
        if _error(reply) == "Invalid_Reject":
            return done(reply, NOT_LISTED)
        if not reply.ok or reply.field("deleted") is not False:
            return _outcome(reply, now, as_promised=reply.field("deleted") is True)
        reply, is_there = yield from self._look_up(change)
        if is_there is None:
            return garbage(reply) if reply.ok else _outcome(reply, now)
        if is_there:
            return Outcome(Fate.LATER, f"{reply.text}: not deleted, and Mandrill does not say why")
        return done(reply, NOT_LISTED)

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self._request("list", email=_NOBODY)
        return _outcome(reply, now, as_promised=reply.rows() is not None)

    def _look_up(self, change: Change) -> Conversation[tuple[Reply, bool | None]]:
        """Returns a reply, and whether the list in it rejects the recipient now; None if the reply is no list."""
        reply = yield self._request("list", email=change.recipient)
        rows, key = reply.rows(), address_key(change.recipient)
        if rows is None:
            return reply, None
        return reply, any(address_key(str(row.get("email"))) == key for row in fit(rows) if not row.get("expired"))

    def _request(self, call: str, **values: str) -> Request:
        whose = {"subaccount": self.subaccount} if self.subaccount else {}
        return self.request("POST", call, document={"key": self.api_key, **values, **whose})


def _error(reply: Reply) -> str | None:
    """Returns the name of the reply's error, None if there is none."""
    name = reply.field("name") if reply.field("status") == "error" else None
    return name if isinstance(name, str) else None


def _outcome(reply: Reply, now: datetime, *, as_promised: bool = True) -> Outcome:
    """Returns the outcome of a call. Of the errors, only a ValidationError is about the change.

    Others (a wrong key, an unknown subaccount, a limit) are about us or pass after a while.
    """
    match _error(reply):
        case None:
            return outcome(reply, now, as_promised=as_promised)
        case "ValidationError":
            return refused(reply)
        case _:
            return later(reply, now)
