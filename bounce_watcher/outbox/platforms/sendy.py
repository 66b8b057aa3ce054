"""Sendy: the subscriptions of its lists.

https://sendy.co/api, read in November 2026 only through the code of clients: Sendy's source is not public, so
everything here is second-hand. An answer is a line of text. It is always sent as text/html, and with status 200 even
for an error. So an answer that is not known below never counts as a success.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from pydantic import SecretStr

from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Reply, Request, address_of
from bounce_watcher.outbox.platform import HttpPlatform, Misfit, needs_url
from bounce_watcher.outbox.replies import done, garbage, one_by_one, outcome, refused, until_failure

MOST_LISTS = 10
"""The most lists. Each takes two calls for each address."""

_ABSENT = frozenset({"email does not exist in list", "email does not exist"})
_DONE = frozenset({"1", "true", "already subscribed"})
_MAILED = frozenset({"subscribed", "unconfirmed", "soft bounced"})
_STOPPED_THERE = frozenset({"bounced", "complained"})
"""Sendy does not mail these recipients, and its API can't subscribe them again."""
_UNSUBSCRIBED = "unsubscribed"
_BY_WHOM = (
    "is unsubscribed there, by us or by themselves: Sendy does not tell. Subscribe them in Sendy, or set "
    "resubscribe = true"
)

_ABOUT_US: Mapping[str, str] = {
    "invalid api key": "check api_key",
    "api key not passed": "check api_key",
    "invalid list id": "check list_ids",
    "list does not exist": "check list_ids",
}
"""Refusals that are about the configuration, and the fix of each."""
_ABOUT_THEM = frozenset({"invalid email address", "bounced email address", "email is suppressed"})
"""Refusals that are about the address, for good."""

_NOBODY = "nobody@example.com"
"""Asking for the status of this address proves that Sendy knows the key and a list."""


@dataclass(frozen=True, kw_only=True)
class Sendy(HttpPlatform):
    """`list_ids` are the encrypted ids that Sendy shows beside each list.

    With `resubscribe`, a release subscribes an unsubscribed recipient again; without it, a person has to decide.
    """

    api_key: SecretStr
    list_ids: tuple[str, ...] = field(metadata={"example": '["a1B2c3D4e5"]'})
    resubscribe: bool = False

    kind: ClassVar[str] = "sendy"
    limits: ClassVar[Limits] = Limits(concurrency=2, calls=2 * MOST_LISTS)

    def __post_init__(self) -> None:
        needs_url(self, "https://sendy.example.org")
        if not self.list_ids:
            raise Misfit("list_ids", 'is empty: give the id of a list, as in list_ids = ["a1B2c3D4e5"]')
        if len(self.list_ids) > MOST_LISTS:
            raise Misfit("list_ids", f"has more than {MOST_LISTS}: put the others into another [[platform]]")

    @one_by_one
    def suppress(self, change: Change, now: datetime) -> Conversation[Outcome]:
        return (yield from until_failure(self._unsubscribe(each, change.recipient, now) for each in self.list_ids))

    @one_by_one
    def release(self, change: Change, now: datetime) -> Conversation[Outcome]:
        """Goes through all lists: a refusal by one list does not keep the recipient off the others."""
        found, refusal = Outcome(Fate.DONE, ""), None
        for list_id in self.list_ids:
            found = yield from self._let_go(list_id, change.recipient, now)
            if found.fate is Fate.REFUSED:
                refusal = found
            elif found.fate is not Fate.DONE:
                return found
        return refusal or found

    def check(self, now: datetime) -> Conversation[Outcome]:
        return (yield from until_failure(self._look_up(each, _NOBODY, now) for each in self.list_ids))

    def _look_up(self, list_id: str, address: str, now: datetime) -> Conversation[Outcome]:
        reply = yield self._status(list_id, address)
        return _told(reply, now)

    def _unsubscribe(self, list_id: str, address: str, now: datetime) -> Conversation[Outcome]:
        reply = yield self._status(list_id, address)
        if _text(reply) not in _MAILED:
            return _told(reply, now)
        reply = yield self._call("unsubscribe", list=list_id, email=address, boolean="true")
        return _answered(reply, now)

    def _let_go(self, list_id: str, address: str, now: datetime) -> Conversation[Outcome]:
        reply = yield self._status(list_id, address)
        text = _text(reply)
        if text in _STOPPED_THERE:
            return refused(reply, f"is {text} there, and Sendy takes nobody back from that over its API")
        if text != _UNSUBSCRIBED:
            return _told(reply, now)
        if not self.resubscribe:
            return refused(reply, _BY_WHOM)
        reply = yield self._call("subscribe", api_key=self.api_key, list=list_id, email=address, boolean="true")
        return _answered(reply, now)

    def _status(self, list_id: str, address: str) -> Request:
        return self._call(
            "api", "subscribers", "subscription-status.php", api_key=self.api_key, list_id=list_id, email=address
        )

    def _call(self, *path: str, **form: str | SecretStr) -> Request:
        return Request("POST", address_of(self.url, *path), form=form)


def _text(reply: Reply) -> str:
    """Returns an answer's line in lower case and without the full stop, in which versions differ; "" for a failure."""
    if not reply.ok or len(reply.body) > 200:
        return ""
    return reply.body.decode("utf-8", "replace").strip().rstrip(".").lower()


def _told(reply: Reply, now: datetime) -> Outcome:
    """Returns the outcome of a query for a status, whatever the status."""
    is_known = _text(reply) in _MAILED | _STOPPED_THERE | _ABSENT | {_UNSUBSCRIBED}
    return done(reply, _text(reply)) if is_known else _failed(reply, now)


def _answered(reply: Reply, now: datetime) -> Outcome:
    """Returns the outcome of a call to subscribe or unsubscribe."""
    return done(reply) if _text(reply) in _DONE | _ABSENT else _failed(reply, now)


def _failed(reply: Reply, now: datetime) -> Outcome:
    if not reply.ok:
        return outcome(reply, now)
    text = _text(reply)
    if text in _ABOUT_THEM:
        return refused(reply, text)
    if text in _ABOUT_US:
        return Outcome(Fate.LATER, f"{reply.text}: {text}: {_ABOUT_US[text]}", whole=True)
    return garbage(reply)
