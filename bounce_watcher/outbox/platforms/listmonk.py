"""listmonk: the blocklist of its subscribers.

https://listmonk.app/docs/apis/subscribers/ and the server's source (`cmd/subscribers.go`, `queries/subscribers.sql` of
July 2026), read in November 2026. Uncertain: whether a user with rights to only some lists may add a subscriber who is
on none of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from pydantic import SecretStr

from bounce_watcher.model.address import address_key
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Reply, Request, address_of, basic
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage, needs_url
from bounce_watcher.outbox.replies import garbage, outcome

PAGE_SIZE = 50
"""The most that one page holds, whatever is asked for."""

BATCH = 20
"""How many addresses are looked up at once: this many fit into a URL that every proxy accepts."""

_BLOCKED = "blocklisted"
_STATES = frozenset({"enabled", "disabled", _BLOCKED})


@dataclass(frozen=True, kw_only=True)
class Listmonk(HttpPlatform):
    """`user` and `token` are those of an API user. `add_unknown` adds an unknown address, as blocklisted."""

    user: str = field(metadata={"example": '"bounces"'})
    token: SecretStr
    add_unknown: bool = True

    kind: ClassVar[str] = "listmonk"
    limits: ClassVar[Limits] = Limits(batch=BATCH, release_batch=BATCH, concurrency=2, calls=BATCH + 2)

    def __post_init__(self) -> None:
        needs_url(self, "https://lists.example.org")

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        reply = yield self._look_up(changes)
        known = _subscribers(reply)
        if known is None:
            return (_unread(reply, now, len(changes)),) * len(changes)
        ids = sorted({subscriber["id"] for subscriber in known.values()})
        blocked = Outcome(Fate.DONE, reply.text)
        if ids:
            reply = yield self._request("PUT", "subscribers", "blocklist", document={"ids": ids})
            blocked = _done(reply, reply.field("data") is True, now, len(changes))
        found = []
        for change in changes:
            is_known = address_key(change.recipient) in known
            found.append(blocked if is_known else (yield from self._add(change.recipient, now)))
        return tuple(found)

    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        reply = yield self._look_up(changes)
        known = _subscribers(reply)
        if known is None:
            return (_unread(reply, now, len(changes)),) * len(changes)
        found = []
        for change in changes:
            subscriber = known.get(address_key(change.recipient))
            if subscriber is None or subscriber["status"] != _BLOCKED:
                found.append(Outcome(Fate.DONE, f"{reply.text} (is not blocklisted)"))
                continue
            answer = yield self._request(
                "PATCH", "subscribers", str(subscriber["id"]), document={"status": "enabled"}
            )
            found.append(_done(answer, isinstance(answer.field("data"), dict), now))
        return tuple(found)

    def check(self, now: datetime) -> Conversation[Outcome]:
        """Makes a look-up that finds nobody but needs the same rights as any other."""
        reply = yield self._query("subscribers.id = 0")
        return _done(reply, _subscribers(reply) is not None, now)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is the number of the page."""
        number = int(cursor or 1)
        reply = yield self._query(f"subscribers.status = '{_BLOCKED}'", page=str(number))
        rows, total = _subscribers(reply), reply.field("data", "total")
        if rows is None or not isinstance(total, int):
            raise self.unread(reply)
        entries = tuple(Listed(row["email"], row["status"], _moment(row.get("updated_at"))) for row in rows.values())
        return ListPage(entries, str(number + 1) if rows and number * PAGE_SIZE < total else None)

    def _add(self, address: str, now: datetime) -> Conversation[Outcome]:
        if not self.add_unknown:
            return Outcome(Fate.DONE, "is no subscriber there")
        new = {"email": address, "name": address.partition("@")[0], "status": _BLOCKED, "lists": []}
        reply = yield self._request("POST", "subscribers", document=new)
        if reply.status == 409:  # was added after the look-up: the next look-up finds it
            return Outcome(Fate.LATER, reply.text)
        return _done(reply, isinstance(reply.field("data", "id"), int), now)

    def _look_up(self, changes: Sequence[Change]) -> Request:
        addresses = ", ".join(_literal(change.recipient.lower()) for change in changes)
        return self._query(f"LOWER(subscribers.email) IN ({addresses})")

    def _query(self, condition: str, page: str = "1") -> Request:
        return self._request("GET", "subscribers", query=condition, page=page, per_page=str(PAGE_SIZE), order="asc")

    def _request(self, method: str, *path: str, document: object = None, **query: str) -> Request:
        headers = {"authorization": basic(self.user, self.token)}
        return Request(method, address_of(self.url, "api", *path, **query), headers, document)


def _literal(text: str) -> str:
    """Returns a PostgreSQL string, in which only the quote is special (standard_conforming_strings)."""
    return "'" + text.replace("\0", "").replace("'", "''") + "'"


def _subscribers(reply: Reply) -> Mapping[str, dict[str, Any]] | None:
    """Returns the subscribers of a page by their address in lower case; None if the reply is no page."""
    rows = reply.field("data", "results") if reply.ok else None
    if not isinstance(rows, list) or not all(_is_subscriber(row) for row in rows):
        return None
    return {address_key(row["email"]): row for row in rows}


def _is_subscriber(row: object) -> bool:
    return (
        isinstance(row, dict) and isinstance(row.get("id"), int) and isinstance(row.get("email"), str)
        and row.get("status") in _STATES
    )


def _unread(reply: Reply, now: datetime, size: int) -> Outcome:
    return garbage(reply) if reply.ok else outcome(reply, now, size)


def _done(reply: Reply, as_promised: bool, now: datetime, size: int = 1) -> Outcome:
    return garbage(reply) if reply.ok and not as_promised else outcome(reply, now, size)


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None
