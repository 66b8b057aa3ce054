"""Zoho ZeptoMail: the suppression list of an account, or of some of its mail agents.

https://www.zoho.com/zeptomail/help/api/add-suppression-list.html and the vendor's SDK for Node (zeptomail 8.0.1), read
in November 2026. Not documented: how many addresses one call takes, whether one refused address makes the others fail
(assumed: we then send smaller calls), the HTTP status of a refusal (so its code decides if we know it), the most
entries of a page, how many calls a second are allowed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar

from pydantic import SecretStr

from bounce_watcher.model.address import address_key
from bounce_watcher.outbox.backoff import FOR_WHAT_IS_IN_IT
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Reply, Request, address_of, bearer, masked
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage, Misfit
from bounce_watcher.outbox.replies import addresses_of, all_fit, done, for_each, later, outcome

BATCH = 50
PAGE_SIZE = 50

PRESENT, ABSENT = "DND_101", "DND_102"
"""Codes for: the address is already there; the address is not there."""

EARLY = timedelta(minutes=5)
"""How long before its end an access token is no longer used."""

LONGEST = timedelta(hours=1)
"""The longest lifetime that we assume for an access token, whatever Zoho promises."""

_TRACKING = "suppress_tracking"
"""The action of an entry that stops no mail."""

_NO_TOKEN = SecretStr("-")


class ListEffect(StrEnum):
    """What ZeptoMail does with mail for those on the list."""

    REJECT = "reject"      # it bounces
    SUPPRESS = "suppress"  # it is dropped


@dataclass
class _Access:
    """The current access token and when to stop using it. Zoho issues few of them, so all threads share it."""

    current: tuple[SecretStr, datetime] | None = None


@dataclass(frozen=True, kw_only=True)
class ZeptoMail(HttpPlatform):
    """`client_id`, `client_secret` and `refresh_token` are those of a client of Zoho's accounts.

    `mailagent_keys` are the agents whose mail is stopped, () = all.
    """

    url: str = "https://api.zeptomail.com"
    accounts_url: str = "https://accounts.zoho.com"
    client_id: str = field(metadata={"example": '"1000.ABCDEFGHIJKLMNOPQRSTUVWXYZ0123"'})
    client_secret: SecretStr
    refresh_token: SecretStr
    action: ListEffect = ListEffect.REJECT
    mailagent_keys: tuple[str, ...] = ()

    kind: ClassVar[str] = "zeptomail"
    root: ClassVar[str] = "v1.1/suppressions/email"
    limits: ClassVar[Limits] = Limits(batch=BATCH, release_batch=BATCH, rate=2, concurrency=1, calls=7)

    def __post_init__(self) -> None:
        if not self.accounts_url.startswith(("https://", "http://")):
            raise Misfit("accounts_url", "is no address: give that of your data centre, such as https://accounts.zoho.eu")

    @cached_property
    def _access(self) -> _Access:
        return _Access()

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        reply = yield from self._ask(now, *self._wanted(changes))
        if len(changes) == 1 and reply.field("error", "code") == PRESENT:
            return ((yield from self._stands_there(changes[0], now)),)
        return for_each(_outcome(reply, "", _is_success(reply), now, len(changes)), changes)

    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        reply = yield from self._ask(now, *self._wanted(changes))
        return for_each(_outcome(reply, ABSENT, reply.status == 204, now, len(changes)), changes)

    def first_call(self, changes: Sequence[Change], now: datetime) -> Request:
        """Returns the call itself, not the one for an access token that may come before it."""
        return self._request(_NO_TOKEN, *self._wanted(changes))

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield from self._ask(now, "GET", limit="1", offset="0")
        return _outcome(reply, "", _rows(reply) is not None, now)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is the offset. A page may be shorter than asked for: an empty one is the end."""
        offset = int(cursor or 0)
        reply = yield from self._ask(now, "GET", limit=str(PAGE_SIZE), offset=str(offset))
        rows = self.readable(reply, _rows(reply))
        entries = tuple(Listed(row["value"], row.get("category")) for row in rows if _stops_mail(row))
        return ListPage(entries, str(offset + len(rows)) if rows else None)

    def _wanted(self, changes: Sequence[Change]) -> tuple[str, dict[str, object]]:
        values = addresses_of(changes)
        if not changes[0].suppress:
            return "DELETE", {"values": values}
        entry: dict[str, object] = {"action": self.action.value, "values": values, "description": "bounce_watcher"}
        return "POST", {**entry, "mailagent_keys": list(self.mailagent_keys)} if self.mailagent_keys else entry

    def _stands_there(self, change: Change, now: datetime) -> Conversation[Outcome]:
        """Checks the existing entry. If it stops no mail, changes it into one that does."""
        reply = yield from self._ask(now, "GET", search_value=change.recipient, limit=str(PAGE_SIZE), offset="0")
        rows = _rows(reply)
        if rows is None:
            return _outcome(reply, "", False, now)
        mine = [row for row in rows if address_key(row["value"]) == address_key(change.recipient)]
        if mine and all(_stops_mail(row) for row in mine):
            return done(reply, "was on the list")
        _, entry = self._wanted((change,))
        reply = yield from self._ask(now, "PUT", entry)
        return _outcome(reply, "", _is_success(reply), now)

    def _ask(self, now: datetime, method: str, document: object = None, **query: str) -> Conversation[Reply]:
        """Makes a call with the current token, or with a new one if there is none or Zoho refuses it."""
        held = self._access.current
        if held and now < held[1]:
            reply = yield self._request(held[0], method, document, **query)
            if reply.status != 401:
                return reply
        answer = yield self._refresh()
        token = self._learn(answer, now)
        if token is None:
            return _about_us(answer)
        return (yield self._request(token, method, document, **query))

    def _refresh(self) -> Request:
        """Returns the request for a new access token, as the SDK makes it.

        https://www.zoho.com/accounts/protocol/oauth/web-apps/access-token-expiry.html
        """
        form: dict[str, str | SecretStr] = {
            "grant_type": "refresh_token", "client_id": self.client_id, "client_secret": self.client_secret,
            "refresh_token": self.refresh_token,
        }
        return Request("POST", address_of(self.accounts_url, "oauth", "v2", "token"), form=form)

    def _learn(self, reply: Reply, now: datetime) -> SecretStr | None:
        token, seconds = reply.field("access_token"), reply.field("expires_in")
        if not reply.ok or not isinstance(token, str) or not token:
            self._access.current = None
            return None
        lives = min(timedelta(seconds=seconds), LONGEST) if isinstance(seconds, int) else LONGEST
        self._access.current = SecretStr(token), now + lives - EARLY
        return SecretStr(token)

    def _request(self, token: SecretStr, method: str, document: object = None, **query: str) -> Request:
        request = self.request(method, document=document, **query)
        authorization = bearer(token, "Zoho-oauthtoken")
        return replace(request, headers={"authorization": authorization, "accept": "application/json"})


def _about_us(reply: Reply) -> Reply:
    """Turns a reply without an access token into a 401: Zoho may refuse with a success or a bad request."""
    why = reply.field("error")
    is_refusal = reply.ok or reply.status in FOR_WHAT_IS_IN_IT
    text = masked(f"{reply.text}: no access token{f' ({why})' if isinstance(why, str) else ''}", set())
    return replace(reply, status=401 if is_refusal else reply.status, text=text, body=b"")


def _is_success(reply: Reply) -> bool:
    return reply.field("status") == "success" and isinstance(reply.field("data"), dict)


def _rows(reply: Reply) -> list[dict[str, Any]] | None:
    """Returns the entries of a page; None if the reply is no page."""
    return all_fit(reply.rows("data"), "value") if reply.field("status") == "success" else None


def _stops_mail(row: dict[str, Any]) -> bool:
    return row.get("action") != _TRACKING


def _outcome(reply: Reply, so_already: str, as_promised: bool, now: datetime, size: int = 1) -> Outcome:
    """Returns the outcome. A refusal of one address is one of the call; one of another field is about our setup."""
    code = reply.field("error", "code")
    if code in (PRESENT, ABSENT) and size > 1:
        return Outcome(Fate.SPLIT, reply.text)
    if so_already and code == so_already:
        return done(reply, "was so already")
    where = reply.field("error", "field")
    is_ours = not reply.ok and isinstance(where, str) and where != "values"
    return later(reply, now) if is_ours else outcome(reply, now, size, as_promised=as_promised)
