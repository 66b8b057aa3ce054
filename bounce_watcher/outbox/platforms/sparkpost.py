"""SparkPost: the suppression list of an account or a subaccount.

https://developers.sparkpost.com/api/suppression-list/ (API Blueprint of June 2026), read in November 2026. The list has
an entry for each of two sorts of mail. Not documented: how fast calls may follow one another (the docs say that limits
change), and what an addition does to an entry that SparkPost keeps for compliance, which stops mail in any case. The
successor, Bird, has other hosts and paths; this module does not support it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from bounce_watcher.model.address import address_key
from bounce_watcher.outbox.change import Change, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Headers, Reply, Request
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage, Misfit
from bounce_watcher.outbox.replies import fit, for_each, later, moment, one_by_one, outcome, refused, released

BATCH = 2000
"""In addresses. Each has up to two entries, and a call takes 10 000 entries within 50 MB."""

PAGE_SIZE = 1000
MAX_PAGE_BYTES = 8 * 1024 * 1024
MAX_DESCRIPTION = 256

_ABSENT = "could not be found"
_COMPLIANCE = "compliance"


class Mail(Enum):
    """The mail that is stopped."""

    ALL = "all"
    TRANSACTIONAL = "transactional"
    NON_TRANSACTIONAL = "non_transactional"

    @property
    def types(self) -> tuple[str, ...]:
        """The types of entries that stop this mail."""
        both = (Mail.TRANSACTIONAL.value, Mail.NON_TRANSACTIONAL.value)
        return both if self is Mail.ALL else (self.value,)


@dataclass(frozen=True, kw_only=True)
class SparkPost(HttpPlatform):
    """`subaccount` is the owner of the list, 0 = only the primary account, None = the account of the key."""

    url: str = "https://api.sparkpost.com"
    api_key: SecretStr
    mail: Mail = Mail.ALL
    subaccount: int | None = None

    kind: ClassVar[str] = "sparkpost"
    root: ClassVar[str] = "api/v1/suppression-list"
    limits: ClassVar[Limits] = Limits(batch=BATCH, rate=10, concurrency=2, calls=2)

    def __post_init__(self) -> None:
        if self.subaccount is not None and self.subaccount < 0:
            raise Misfit("subaccount", "must be the number of a subaccount, or 0 for the primary account alone")

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        reply = yield self._addition(changes)
        named = _named_as_invalid(reply)
        good = [change for change in changes if address_key(change.recipient) not in named]
        if len(good) == len(changes):
            return for_each(_added(reply, now, len(changes)), changes)
        found = bad = refused(reply)
        if good:
            second = yield self._addition(good)
            found = _added(second, now, len(good))
        return [bad if address_key(change.recipient) in named else found for change in changes]

    @one_by_one
    def release(self, change: Change, now: datetime) -> Conversation[Outcome]:
        """Removes only the account's own entries. The empty `list_id` keeps the entries of single lists."""
        document = None if self.mail is Mail.ALL else {"type": self.mail.value}
        reply = yield self.request("DELETE", change.recipient, document=document, list_id="")
        words = " ".join(_messages(reply)).lower()
        if reply.status == 403 and _COMPLIANCE in words:
            return refused(reply, "SparkPost keeps it for compliance and releases it for nobody")
        if reply.status == 404 and _ABSENT not in words:
            return later(reply, now)
        return released(reply, now, as_promised=reply.status == 204)

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("GET", "summary")
        return outcome(reply, now, as_promised=isinstance(reply.field("results"), dict))

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns entries of one type, so that each address comes once. If both types are stopped: non-transactional.

        The cursor is SparkPost's. Entries of single lists are left out: they are not ours.
        """
        query = {"cursor": cursor or "initial", "per_page": str(PAGE_SIZE), "types": self.mail.types[-1]}
        reply = yield self.request("GET", **query).reading(MAX_PAGE_BYTES)
        rows = self.readable(reply, reply.rows("results"))
        own = (row for row in fit(rows, "recipient") if not row.get("list_id"))
        return ListPage(tuple(_listed(row) for row in own), _next_cursor(reply) if rows else None)

    def _addition(self, changes: Sequence[Change]) -> Request:
        entries = [
            {"recipient": change.recipient, "type": each, "description": _description(change)}
            for change in changes for each in self.mail.types
        ]
        request = self.request("PUT", document={"recipients": entries})
        return replace(request, url=request.url + "/")

    def credentials(self) -> Headers:
        headers: dict[str, str | SecretStr] = {"authorization": self.api_key, "accept": "application/json"}
        if self.subaccount is not None:
            headers["x-msys-subaccount"] = str(self.subaccount)
        return headers


def _description(change: Change) -> str:
    return (change.diagnostic or change.because or "suppressed")[:MAX_DESCRIPTION]


def _messages(reply: Reply) -> list[str]:
    return [str(row.get("message", "")) for row in fit(reply.field("errors"))]


def _named_as_invalid(reply: Reply) -> frozenset[str]:
    """Returns the addresses that made SparkPost refuse a whole call: its text has them after a colon, with commas.

    The caller compares them with whole addresses that it sent, so other words in between do no harm.
    """
    if reply.status != 400:
        return frozenset()
    tails = (message.partition(": ")[2] for message in _messages(reply))
    return frozenset(address_key(part) for tail in tails for part in tail.split(","))


def _added(reply: Reply, now: datetime, size: int) -> Outcome:
    return outcome(reply, now, size, as_promised=isinstance(reply.field("results"), dict))


def _next_cursor(reply: Reply) -> str | None:
    """Returns the next cursor. Uses only that from the next page's URL: the key goes only to the configured place."""
    links = fit(reply.field("links"))
    following = next((row.get("href") for row in links if row.get("rel") == "next"), "")
    found = parse_qs(urlsplit(str(following)).query).get("cursor")
    return found[0] if found else None


def _listed(row: Mapping[str, Any]) -> Listed:
    source, since = row.get("source"), row.get("created") or row.get("updated")
    return Listed(row["recipient"], source if isinstance(source, str) else None, moment(since))
