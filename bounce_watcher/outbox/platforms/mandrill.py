"""Mailchimp Transactional (Mandrill): its reject list.

https://mailchimp.com/developer/transactional/api/rejects/ and the vendor's OpenAPI description (API 1.4, April 2026),
read in November 2026. Uncertain: what `added` is for an address that is already on the list, so we look at the list if
it is false. The older API 1.0 answers most errors with HTTP 500, so the error's name decides, not the status.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from pydantic import SecretStr

from bounce_watcher.model.address import address_key
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Reply, Request, address_of
from bounce_watcher.outbox.platform import HttpPlatform, garbage, later, outcome, refused

_NOBODY = "nobody@example.com"
"""The address that `check` looks up: RFC 2606 reserves the name, so the answer is short."""


@dataclass(frozen=True, kw_only=True)
class Mandrill(HttpPlatform):
    """`subaccount` is the id of the subaccount whose list is used, None = the list of the whole account."""

    url: str = "https://mandrillapp.com/api/1.4"
    api_key: SecretStr
    subaccount: str | None = None

    kind: ClassVar[str] = "mandrill"
    limits: ClassVar[Limits] = Limits(rate=10, concurrency=4, calls=2)

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        (change,) = changes
        comment = f"bounce_watcher: {change.reason or 'asked for'}"
        reply = yield self._request("add", email=change.recipient, comment=comment)
        if reply.ok and reply.field("added") is False:
            return ((yield from self._listed_already(change, now)),)
        return (_done(reply, "added", now),)

    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        (change,) = changes
        reply = yield self._request("delete", email=change.recipient)
        if _error(reply) == "Invalid_Reject":
            return (Outcome(Fate.DONE, f"{reply.text} (was not on the list)"),)
        if reply.ok and reply.field("deleted") is False:
            return ((yield from self._left_already(change, now)),)
        return (_done(reply, "deleted", now),)

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self._request("list", email=_NOBODY)
        if not reply.ok or _error(reply):
            return _failed(reply, now)
        return outcome(reply, now) if isinstance(reply.document(), list) else garbage(reply)

    def _listed_already(self, change: Change, now: datetime) -> Conversation[Outcome]:
        reply = yield self._request("list", email=change.recipient)
        found = _holds(reply, change.recipient)
        if found is None:
            return garbage(reply) if reply.ok else _failed(reply, now)
        if found:
            return Outcome(Fate.DONE, f"{reply.text} (was on the list)")
        return refused(reply, "it stands on the allow list there, so rejecting it has no effect: take it off that list")

    def _left_already(self, change: Change, now: datetime) -> Conversation[Outcome]:
        reply = yield self._request("list", email=change.recipient)
        found = _holds(reply, change.recipient)
        if found is None:
            return garbage(reply) if reply.ok else _failed(reply, now)
        if found:
            return Outcome(Fate.LATER, f"{reply.text}: not deleted, and Mandrill does not say why")
        return Outcome(Fate.DONE, f"{reply.text} (was not on the list)")

    def _request(self, call: str, **values: str) -> Request:
        whose = {"subaccount": self.subaccount} if self.subaccount else {}
        return Request("POST", address_of(self.url, "rejects", call), {}, {"key": self.api_key, **values, **whose})


def _done(reply: Reply, word: str, now: datetime) -> Outcome:
    if not reply.ok or _error(reply):
        return _failed(reply, now)
    return outcome(reply, now) if reply.field(word) is True else garbage(reply)


def _error(reply: Reply) -> str | None:
    """Returns the name of the reply's error, None if there is none."""
    name = reply.field("name") if reply.field("status") == "error" else None
    return name if isinstance(name, str) else None


def _failed(reply: Reply, now: datetime) -> Outcome:
    """Returns the outcome of a failure. Only a ValidationError is about the change.

    Others (a wrong key, an unknown subaccount, a limit) are about us or pass after a while.
    """
    match _error(reply):
        case None:
            return outcome(reply, now)
        case "ValidationError":
            return refused(reply)
        case _:
            return later(reply, now)


def _holds(reply: Reply, address: str) -> bool | None:
    """Returns whether the list in the reply rejects `address` now; None if the reply is no list."""
    rows = reply.document() if reply.ok else None
    if not isinstance(rows, list):
        return None
    valid = (row for row in rows if isinstance(row, dict) and not row.get("expired"))
    return any(address_key(str(row.get("email"))) == address_key(address) for row in valid)


TARGET = Mandrill
