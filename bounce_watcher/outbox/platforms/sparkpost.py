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
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from bounce_watcher.model.address import address_key
from bounce_watcher.outbox.change import Change, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Reply, Request, address_of
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage, Misfit
from bounce_watcher.outbox.replies import for_each, garbage, later, outcome, refused, released

BATCH = 2000
"""In addresses. Each has up to two entries, and a call takes 10 000 entries within 50 MB."""

PAGE_SIZE = 1000
MAX_PAGE_BYTES = 8 * 1024 * 1024
MAX_DESCRIPTION = 256

_LIST = ("api", "v1", "suppression-list")
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

    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        """Removes only the account's own entries. The empty `list_id` keeps the entries of single lists."""
        (change,) = changes
        document = None if self.mail is Mail.ALL else {"type": self.mail.value}
        reply = yield self._request("DELETE", address_of(self.url, *_LIST, change.recipient, list_id=""), document)
        return (_removed(reply, now),)

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self._request("GET", address_of(self.url, *_LIST, "summary"))
        return garbage(reply) if reply.ok and not isinstance(reply.field("results"), dict) else outcome(reply, now)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns entries of one type, so that each address comes once. If both types are stopped: non-transactional.

        The cursor is SparkPost's.
        """
        query = {"cursor": cursor or "initial", "per_page": str(PAGE_SIZE), "types": self.mail.types[-1]}
        request = self._request("GET", address_of(self.url, *_LIST, **query))
        reply = yield replace(request, max_reply=MAX_PAGE_BYTES)
        rows = reply.field("results") if reply.ok else None
        if not isinstance(rows, list):
            raise self.unread(reply)
        entries = (_listed(row) for row in rows if isinstance(row, dict) and isinstance(row.get("recipient"), str))
        own = (entry for entry in entries if entry is not None)
        return ListPage(tuple(own), _next_cursor(reply) if rows else None)

    def _addition(self, changes: Sequence[Change]) -> Request:
        entries = [
            {"recipient": change.recipient, "type": each, "description": _description(change)}
            for change in changes for each in self.mail.types
        ]
        return self._request("PUT", address_of(self.url, *_LIST) + "/", {"recipients": entries})

    def _request(self, method: str, address: str, document: object = None) -> Request:
        headers: dict[str, str | SecretStr] = {"authorization": self.api_key, "accept": "application/json"}
        if self.subaccount is not None:
            headers["x-msys-subaccount"] = str(self.subaccount)
        return Request(method, address, headers, document)


def _description(change: Change) -> str:
    return (change.diagnostic or change.because or "suppressed")[:MAX_DESCRIPTION]


def _messages(reply: Reply) -> list[str]:
    errors = reply.field("errors")
    rows = errors if isinstance(errors, list) else []
    return [str(row.get("message", "")) for row in rows if isinstance(row, dict)]


def _named_as_invalid(reply: Reply) -> frozenset[str]:
    """Returns the addresses that made SparkPost refuse a whole call: its text has them after a colon, with commas.

    The caller compares them with whole addresses that it sent, so other words in between do no harm.
    """
    if reply.status != 400:
        return frozenset()
    tails = (message.partition(": ")[2] for message in _messages(reply))
    return frozenset(address_key(part) for tail in tails for part in tail.split(","))


def _added(reply: Reply, now: datetime, size: int) -> Outcome:
    if reply.ok and not isinstance(reply.field("results"), dict):
        return garbage(reply)
    return outcome(reply, now, size)


def _removed(reply: Reply, now: datetime) -> Outcome:
    words = " ".join(_messages(reply)).lower()
    if reply.status == 403 and _COMPLIANCE in words:
        return refused(reply, "SparkPost keeps it for compliance and releases it for nobody")
    if reply.status == 404:
        return released(reply, now) if _ABSENT in words else later(reply, now)
    return garbage(reply) if reply.ok and reply.status != 204 else outcome(reply, now)


def _next_cursor(reply: Reply) -> str | None:
    """Returns the next cursor. Uses only that from the next page's URL: the key goes only to the configured place."""
    links = reply.field("links")
    rows = links if isinstance(links, list) else []
    following = (row.get("href") for row in rows if isinstance(row, dict) and row.get("rel") == "next")
    found = parse_qs(urlsplit(str(next(following, ""))).query).get("cursor")
    return found[0] if found else None


def _listed(row: Mapping[str, object]) -> Listed | None:
    """Returns the listed address; None for an entry of a single list, which is not ours."""
    if row.get("list_id"):
        return None
    source, since = row.get("source"), row.get("created") or row.get("updated")
    return Listed(str(row["recipient"]), source if isinstance(source, str) else None, _moment(since))


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None
