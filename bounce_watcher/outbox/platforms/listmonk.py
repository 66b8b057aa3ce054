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
from bounce_watcher.outbox.http.exchange import Conversation, Headers, Reply, Request, basic
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage, needs_url
from bounce_watcher.outbox.replies import all_fit, done, for_each, moment, outcome

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
    root: ClassVar[str] = "api/subscribers"
    limits: ClassVar[Limits] = Limits(batch=BATCH, release_batch=BATCH, concurrency=2, calls=BATCH + 2)

    def __post_init__(self) -> None:
        needs_url(self, "https://lists.example.org")

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        reply = yield self._look_up(changes)
        known = _subscribers(reply)
        if known is None:
            return for_each(outcome(reply, now, len(changes), as_promised=False), changes)
        ids = sorted({subscriber["id"] for subscriber in known.values()})
        blocked = done(reply)
        if ids:
            reply = yield self.request("PUT", "blocklist", document={"ids": ids})
            blocked = outcome(reply, now, len(changes), as_promised=reply.field("data") is True)
        found = []
        for change in changes:
            is_known = address_key(change.recipient) in known
            found.append(blocked if is_known else (yield from self._add(change.recipient, now)))
        return tuple(found)

    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        reply = yield self._look_up(changes)
        known = _subscribers(reply)
        if known is None:
            return for_each(outcome(reply, now, len(changes), as_promised=False), changes)
        found = []
        for change in changes:
            subscriber = known.get(address_key(change.recipient))
            if subscriber is None or subscriber["status"] != _BLOCKED:
                found.append(done(reply, "is not blocklisted"))
                continue
            answer = yield self.request("PATCH", str(subscriber["id"]), document={"status": "enabled"})
            found.append(outcome(answer, now, as_promised=isinstance(answer.field("data"), dict)))
        return tuple(found)

    def check(self, now: datetime) -> Conversation[Outcome]:
        """Makes a look-up that finds nobody but needs the same rights as any other."""
        reply = yield self._query("subscribers.id = 0")
        return outcome(reply, now, as_promised=_subscribers(reply) is not None)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is the number of the page."""
        number = int(cursor or 1)
        reply = yield self._query(f"subscribers.status = '{_BLOCKED}'", page=str(number))
        total = reply.field("data", "total")
        rows = self.readable(reply, _subscribers(reply) if isinstance(total, int) else None)
        entries = tuple(Listed(row["email"], row["status"], moment(row.get("updated_at"))) for row in rows.values())
        return ListPage(entries, str(number + 1) if rows and number * PAGE_SIZE < total else None)

    def _add(self, address: str, now: datetime) -> Conversation[Outcome]:
        if not self.add_unknown:
            return Outcome(Fate.DONE, "is no subscriber there")
        new = {"email": address, "name": address.partition("@")[0], "status": _BLOCKED, "lists": []}
        reply = yield self.request("POST", document=new)
        if reply.status == 409:  # was added after the look-up: the next look-up finds it
            return Outcome(Fate.LATER, reply.text)
        return outcome(reply, now, as_promised=isinstance(reply.field("data", "id"), int))

    def _look_up(self, changes: Sequence[Change]) -> Request:
        addresses = ", ".join(_literal(change.recipient.lower()) for change in changes)
        return self._query(f"LOWER(subscribers.email) IN ({addresses})")

    def _query(self, condition: str, page: str = "1") -> Request:
        return self.request("GET", query=condition, page=page, per_page=str(PAGE_SIZE), order="asc")

    def credentials(self) -> Headers:
        return {"authorization": basic(self.user, self.token)}


def _literal(text: str) -> str:
    """Returns a PostgreSQL string, in which only the quote is special (standard_conforming_strings)."""
    return "'" + text.replace("\0", "").replace("'", "''") + "'"


def _subscribers(reply: Reply) -> Mapping[str, dict[str, Any]] | None:
    """Returns the subscribers of a page by their address in lower case; None if the reply is no page."""
    rows = all_fit(reply.rows("data", "results"), "email", "status")
    if rows is None or not all(isinstance(row.get("id"), int) and row["status"] in _STATES for row in rows):
        return None
    return {address_key(row["email"]): row for row in rows}
