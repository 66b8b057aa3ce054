"""Mailgun: the lists of bounces and of complaints of one sending domain.

https://documentation.mailgun.com/docs/mailgun/api-reference/ (suppressions), the vendor's OpenAPI description of July
2026 and its older guide, read in November 2026. For the items of a call the guide requires only the address but the
description requires all fields, so we send all. Not documented: how fast calls may follow one another, whether one bad
address makes the whole call fail (assumed), and the text of a release's 404 for an unknown domain.
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import SecretStr

from bounce_watcher.outbox.change import Change, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Headers, Reply, basic
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage, Misfit
from bounce_watcher.outbox.replies import fit, for_each, later, one_by_one, outcome, released, until_failure

BOUNCES, COMPLAINTS = "bounces", "complaints"
LISTS = (BOUNCES, COMPLAINTS)
"""The lists that we write and release. We leave the third, unsubscribes, alone: recipients decide on it themselves."""

_NEXT = {BOUNCES: COMPLAINTS}

PAGE_SIZE = 500
MAX_PAGE_BYTES = 8 * 1024 * 1024
MAX_ERROR = 256

_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
_ABSENT = "address not found"


@dataclass(frozen=True, kw_only=True)
class Mailgun(HttpPlatform):
    """`domain` is the sending domain whose lists are used: each has its own."""

    url: str = "https://api.mailgun.net"
    domain: str = field(metadata={"example": '"mg.example.com"'})
    api_key: SecretStr

    kind: ClassVar[str] = "mailgun"
    root: ClassVar[str] = "v3/{domain}"
    limits: ClassVar[Limits] = Limits(batch=1000, rate=10, concurrency=4, calls=4)

    def __post_init__(self) -> None:
        if not _DOMAIN.fullmatch(self.domain):
            raise Misfit("domain", "is no domain: give the sending domain as Mailgun shows it, such as mg.example.com")

    def group_of(self, change: Change) -> Hashable:
        return change.suppress and change.is_complaint

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        which = COMPLAINTS if changes[0].is_complaint else BOUNCES
        reply = yield self.request("POST", which, document=[_item(change) for change in changes])
        return for_each(outcome(reply, now, len(changes), as_promised=_has_message(reply)), changes)

    @one_by_one
    def release(self, change: Change, now: datetime) -> Conversation[Outcome]:
        return (yield from until_failure(self._remove(name, change.recipient, now) for name in LISTS))

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("GET", BOUNCES, limit="1")
        return outcome(reply, now, as_promised=reply.rows("items") is not None)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page of one list after the other. The cursor is a list's name and Mailgun's query for the page."""
        name, _, query = (cursor or BOUNCES).partition("?")
        asked = dict(parse_qsl(query)) or {"limit": str(PAGE_SIZE)}
        reply = yield self.request("GET", name, **asked).reading(MAX_PAGE_BYTES)
        rows = self.readable(reply, reply.rows("items"))
        entries = (Listed(row["address"], name, _moment(row.get("created_at"))) for row in fit(rows, "address"))
        return ListPage(tuple(entries), _next_page(reply, name) if rows else _NEXT.get(name))

    def _remove(self, name: str, address: str, now: datetime) -> Conversation[Outcome]:
        """Removes an address. 404 means that it is not on the list or that the domain is unknown."""
        reply = yield self.request("DELETE", name, address)
        if reply.status == 404 and not str(reply.field("message")).lower().startswith(_ABSENT):
            listing = yield self.request("GET", BOUNCES, limit="1")
            if not isinstance(listing.field("items"), list):
                return later(listing if listing.status == 404 else reply, now)
        return released(reply, now, as_promised=_has_message(reply))

    def credentials(self) -> Headers:
        return {"authorization": basic("api", self.api_key)}


def _item(change: Change) -> dict[str, str]:
    """Returns an entry. The `code` of a bounce is Mailgun's default: the other side's answer is in `error`."""
    error = change.diagnostic or change.because or "suppressed"
    cause = {} if change.is_complaint else {"code": "550", "error": error[:MAX_ERROR]}
    return {"address": change.recipient, **cause, "created_at": format_datetime(change.at.astimezone(UTC), usegmt=True)}


def _has_message(reply: Reply) -> bool:
    return isinstance(reply.field("message"), str)


def _next_page(reply: Reply, name: str) -> str | None:
    """Returns the next cursor. Uses only the query of Mailgun's URL, so the key goes only to the configured place."""
    following = reply.field("paging", "next")
    query = dict(parse_qsl(urlsplit(following).query)) if isinstance(following, str) else {}
    return f"{name}?{urlencode(query)}" if query else _NEXT.get(name)


def _moment(text: object) -> datetime | None:
    try:
        found = parsedate_to_datetime(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
