"""phpList: its blacklist, over REST API v2.

The source (`phpList/rest-api`: BlacklistController.php, `phpList/core`: SubscriberBlacklistManager.php and
Authentication.php of April 2026), read in November 2026; https://www.phplist.org/manual/books/phplist-rest-api says
little about it. All calls of the blacklist are marked beta there. The documented answer to a removal (200) differs from
the code's (204), so we accept both. Uncertain: the names of the fields of a login, and which fields the answer to an
addition has besides the address.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar

from pydantic import SecretStr

from bounce_watcher.outbox.change import MARK, Change, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Request, basic
from bounce_watcher.outbox.platform import HttpPlatform, needs_url
from bounce_watcher.outbox.replies import NOT_LISTED, done, for_each, garbage, later, outcome, refused

BATCH = 20
"""How many changes share one login. No call takes several addresses."""

_NOBODY = "nobody@example.com"
"""Asking whether this address is blacklisted proves that we may use the blacklist."""


@dataclass(frozen=True, slots=True)
class _Login:
    number: int
    key: SecretStr


_Act = Callable[[_Login, Change, datetime], Conversation[Outcome]]


@dataclass(frozen=True, kw_only=True)
class PhpList(HttpPlatform):
    """`user` and `password` are those of an administrator with the privilege Subscribers."""

    user: str = field(metadata={"example": '"bounces"'})
    password: SecretStr

    kind: ClassVar[str] = "phplist"
    root: ClassVar[str] = "api/v2"
    limits: ClassVar[Limits] = Limits(batch=BATCH, release_batch=BATCH, concurrency=1, calls=2 + 2 * BATCH)

    def __post_init__(self) -> None:
        needs_url(self, "https://lists.example.org")

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        return (yield from self._each(changes, self._add, now))

    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        return (yield from self._each(changes, self._remove, now))

    def check(self, now: datetime) -> Conversation[Outcome]:
        login = yield from self._log_in(now)
        if isinstance(login, Outcome):
            return login
        reply = yield self._request(login, "GET", "blacklist", "check", _NOBODY)
        yield self._log_out(login)
        return outcome(reply, now, as_promised=isinstance(reply.field("blacklisted"), bool))

    def _each(self, changes: Sequence[Change], act: _Act, now: datetime) -> Conversation[Sequence[Outcome]]:
        """Makes the changes one after the other. Stops after a failure of phpList as a whole."""
        login = yield from self._log_in(now)
        if isinstance(login, Outcome):
            return for_each(login, changes)
        found: list[Outcome] = []
        for change in changes:
            if found and found[-1].whole:
                found.append(found[-1])
            else:
                found.append((yield from act(login, change, now)))
        yield self._log_out(login)
        return tuple(found)

    def _log_in(self, now: datetime) -> Conversation[_Login | Outcome]:
        document = {"login_name": self.user, "password": self.password}
        reply = yield self.request("POST", "sessions", document=document)
        number, key = reply.field("id"), reply.field("key")
        if reply.ok and isinstance(number, int) and isinstance(key, str) and key:
            return _Login(number, SecretStr(key))
        return garbage(reply) if reply.ok else later(reply, now)

    def _log_out(self, login: _Login) -> Request:
        """Returns the request to log out. Its answer does not matter: a session also ends by itself."""
        return self._request(login, "DELETE", "sessions", str(login.number))

    def _add(self, login: _Login, change: Change, now: datetime) -> Conversation[Outcome]:
        entry = {"email": change.recipient, "reason": change.mark}
        reply = yield self._request(login, "POST", "blacklist", "add", document=entry)
        return outcome(reply, now, as_promised=isinstance(reply.field("email"), str))

    def _remove(self, login: _Login, change: Change, now: datetime) -> Conversation[Outcome]:
        reply = yield self._request(login, "GET", "blacklist", "info", change.recipient)
        if reply.status == 404 and reply.field("error") is not None:
            return done(reply, NOT_LISTED)
        reason = reply.field("reason")
        if not reply.ok or reply.field("email") is None:
            return outcome(reply, now, as_promised=False)
        if not str(reason or "").startswith(MARK):
            return refused(reply, "blacklisted by phpList or by the subscriber, not by us; only a person may undo that")
        reply = yield self._request(login, "DELETE", "blacklist", "remove", change.recipient)
        return outcome(reply, now, as_promised=reply.status == 204 or reply.field("success") is True)

    def _request(self, login: _Login, method: str, *path: str, document: object = None) -> Request:
        request = self.request(method, *path, document=document)
        return replace(request, headers={"authorization": basic("session", login.key)})
