"""Cloudflare Email Sending: the suppressions of one account, for all of its sending domains or for one.

https://developers.cloudflare.com/email-service/configuration/suppressions/ and the vendor's SDK, which is made from its
API definition (cloudflare 5.9.0, `email_sending/suppressions`), read in November 2026. Not documented there: the host
(assumed to be that of all of Cloudflare's API), the most entries of a page, the answer to the removal of a read-only
entry (so we check for that first), and how many calls a second are allowed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from pydantic import SecretStr

from bounce_watcher.model.address import address_key
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Headers, Reply, bearer, masked
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage, Misfit
from bounce_watcher.outbox.replies import (
    NOT_LISTED,
    all_fit,
    done,
    fit,
    for_each,
    garbage,
    later,
    moment,
    one_by_one,
    outcome,
    refused,
    released,
)

BATCH = 1000
PAGE_SIZE = 50
MAX_IMPORT_BYTES = 4 * 1024 * 1024
"""The answer to an import repeats each address."""

LOOKS = 5
"""How many pages of a look-up are read before it is tried again later: pages may be short."""

_ACCOUNT = re.compile(r"[0-9a-f]{32}")
_DOMAIN = re.compile(r"[a-z0-9_-]+(\.[a-z0-9-]+)+")
_ABOUT_US = (6003, 6103, 6111, 7000, 7003, 9106, 9109, 10000, 10001)
"""General error codes of Cloudflare's API that may come with a 400 and are about the token or the account's id."""


@dataclass(frozen=True, kw_only=True)
class Cloudflare(HttpPlatform):
    """`sending_domain` is the domain whose mail is stopped, None = all domains of the account."""

    url: str = "https://api.cloudflare.com/client/v4"
    account_id: str = field(metadata={"example": '"0123456789abcdef0123456789abcdef"'})
    api_token: SecretStr
    sending_domain: str | None = None

    kind: ClassVar[str] = "cloudflare"
    root: ClassVar[str] = "accounts/{account_id}/email/sending/suppressions"
    limits: ClassVar[Limits] = Limits(batch=BATCH, rate=3, concurrency=2, calls=LOOKS + 2)

    def __post_init__(self) -> None:
        if not _ACCOUNT.fullmatch(self.account_id):
            raise Misfit("account_id", "is no id of an account: give the 32 hexadecimal digits that Cloudflare shows "
                                       "as Account ID")
        if self.sending_domain is not None and not _DOMAIN.fullmatch(self.sending_domain):
            raise Misfit("sending_domain", "is no domain: give the domain of the envelope's sender in small letters, "
                                           "such as mail.example.com")

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        """Sends each address once, even if it is in the batch twice: Cloudflare's answer leaves out repetitions."""
        first = {address_key(change.recipient): change for change in reversed(changes)}
        items = [
            {"email": change.recipient, "expires_at": None, "note": change.mark, "scope": self._scope()}
            for change in first.values()
        ]
        reply = yield self.request("POST", "bulk", document={"items": items}).reading(MAX_IMPORT_BYTES)
        rows = _result(reply, "items")
        if rows is None:
            return for_each(_failed(reply, now, len(changes)), changes)
        told = {row.get("index"): row for row in rows}
        found = {address: _imported(told.get(index, {}), reply) for index, address in enumerate(first)}
        return tuple(found[address_key(change.recipient)] for change in changes)

    @one_by_one
    def release(self, change: Change, now: datetime) -> Conversation[Outcome]:
        reply, rows = yield from self._look_up(change.recipient)
        if rows is None:
            return _failed(reply, now)
        found = done(reply, "" if rows else NOT_LISTED)
        for row in rows:
            if row.get("read_only") is not False:
                why = f"Cloudflare keeps it itself (reason: {_word(row.get('reason'))}) and lets nobody take it off"
                return refused(reply, why)
            reply = yield self.request("DELETE", row["id"])
            found = released(reply, now, as_promised=reply.field("success") is True)
            if not reply.ok and reply.status != 404:
                found = _failed(reply, now)
            if found.fate is not Fate.DONE:
                break
        return found

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("GET", **self._scope_asked())
        return outcome(reply, now) if _result(reply) is not None else _failed(reply, now)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is Cloudflare's own and includes the query."""
        asked = {"cursor": cursor} if cursor else self._scope_asked()
        reply = yield self.request("GET", per_page=str(PAGE_SIZE), **asked)
        rows = self.readable(reply, _result(reply))
        listed = fit(rows, "email")
        entries = (Listed(row["email"], row.get("reason"), moment(row.get("created_at"))) for row in listed)
        return ListPage(tuple(entries), _next(reply))

    def _look_up(self, address: str) -> Conversation[tuple[Reply, list[dict[str, Any]] | None]]:
        """Returns the entries of this address and scope, None if they can't be determined. Ignores other entries."""
        asked, found = {"email": address, **self._scope_asked()}, list[dict[str, Any]]()
        for _ in range(LOOKS):
            reply = yield self.request("GET", **asked)
            rows = _result(reply)
            if rows is None:
                return reply, None
            found += [row for row in rows if self._is_it(row, address)]
            cursor = _next(reply)
            if cursor is None or found:
                return reply, found
            asked = {"cursor": cursor}
        return reply, None

    def _is_it(self, row: dict[str, Any], address: str) -> bool:
        """Checks whether an entry is for this address and scope: a server may ignore our filter and return others."""
        same = isinstance(row.get("email"), str) and address_key(row["email"]) == address_key(address)
        scope = row.get("scope") or {"type": "account"}
        return same and isinstance(row.get("id"), str) and row["id"] != "" and scope == self._scope()

    def _scope(self) -> dict[str, str]:
        if self.sending_domain is None:
            return {"type": "account"}
        return {"type": "sending_domain", "value": self.sending_domain}

    def _scope_asked(self) -> dict[str, str]:
        return {f"scope_{name}": value for name, value in self._scope().items()}

    def credentials(self) -> Headers:
        return {"authorization": bearer(self.api_token)}


def _result(reply: Reply, *names: str) -> list[dict[str, Any]] | None:
    """Returns the rows of a successful reply; None for any other."""
    return all_fit(reply.rows("result", *names)) if reply.field("success") is True else None


def _next(reply: Reply) -> str | None:
    """Returns the next cursor. The SDK's description calls it `next_cursor`, the SDK's code for all lists `cursor`."""
    cursor = reply.field("result_info", "next_cursor") or reply.field("result_info", "cursor")
    return cursor if isinstance(cursor, str) else None


def _imported(row: dict[str, Any], reply: Reply) -> Outcome:
    match row.get("status"):
        case "processed":
            return done(reply)
        case "skipped":  # an entry that nobody may change already stops mail to it
            return done(reply, f"was on the list: {_word(row.get('error'))}")
        case "invalid":
            return refused(reply, _word(row.get("error")))
        case "error":
            return Outcome(Fate.LATER, f"{reply.text}: {_word(row.get('error'))}")
        case _:
            return garbage(reply)


def _failed(reply: Reply, now: datetime, size: int = 1) -> Outcome:
    is_ours = any(row.get("code") in _ABOUT_US for row in fit(reply.field("errors")))
    return later(reply, now) if is_ours and not reply.ok else outcome(reply, now, size, as_promised=False)


def _word(text: object) -> str:
    return masked(str(text or "no reason given"), set())
