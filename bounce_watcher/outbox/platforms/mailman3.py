"""Mailman 3: the delivery of a member's lists, over the REST API of Mailman's core.

https://docs.mailman3.org/projects/mailman/en/latest/src/mailman/rest/docs/rest.html and the source of Mailman 3.3.10,
read in November 2026; the tests use that very server. Its documentation does not say this: Mailman mails a member whose
delivery is off `by_bounces` at once and again each week, and removes the member from the list after some of these
warnings (`model/member.py`, memberships_pending_warning and _removal). A ban of an address with a slash can be made but
never lifted: the server decodes the slash before it reads the path.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import product
from typing import Any, ClassVar

from pydantic import SecretStr

from bounce_watcher.model.address import address_key
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Headers, Reply, Request, basic
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage, Misfit
from bounce_watcher.outbox.replies import all_fit, done, garbage, later, one_by_one, outcome, refused

MOST_LISTS = 10
"""The most lists that may be named; each needs its own calls."""
MOST_MEMBERSHIPS = 25
"""The most memberships that are changed at once."""
PAGE_SIZE = 1000

_ENABLED = "enabled"
_NOT_BANNED = (
    "delivery is off, but a ban of an address with a slash or a leading ^ would mean others or stay for good: "
    "ban it in Mailman if you must"
)


class DeliveryStatus(StrEnum):
    """The status with which a suppression switches a member's delivery off, and which a release switches on again."""

    BY_MODERATOR = "by_moderator"
    BY_BOUNCES = "by_bounces"


@dataclass(frozen=True, kw_only=True)
class Mailman(HttpPlatform):
    """`user` and `password` are those of the REST API. `list_ids` are the lists to change, () = all.

    `ban` also stops a suppressed recipient from subscribing.
    """

    url: str = "http://127.0.0.1:8001"
    user: str = "restadmin"
    password: SecretStr
    list_ids: tuple[str, ...] = ()
    delivery: DeliveryStatus = DeliveryStatus.BY_MODERATOR
    ban: bool = False

    kind: ClassVar[str] = "mailman3"
    root: ClassVar[str] = "3.1"
    max_reply: ClassVar[int] = 4 * 1024 * 1024  # a member takes about 600, more with a long address
    limits: ClassVar[Limits] = Limits(concurrency=2, calls=4 * MOST_LISTS)

    def __post_init__(self) -> None:
        for list_id in self.list_ids:
            if "@" in list_id:
                raise Misfit("list_ids", f'"{list_id}" is the address of a list: give its id, as in "news.example.org"')
            if not list_id.strip("."):
                raise Misfit("list_ids", 'has no id of a list: they look like "news.example.org"')
        if len(self.list_ids) > MOST_LISTS:
            more = "leave it out for all lists, or make another [[platform]]"
            raise Misfit("list_ids", f"has more than {MOST_LISTS}: {more}")

    @one_by_one
    def suppress(self, change: Change, now: datetime) -> Conversation[Outcome]:
        found = yield from self._switch(change.recipient, (_ENABLED, *self._bounced()), self.delivery.value, now)
        if found.fate is Fate.DONE and self.ban:
            found = yield from self._ban(change.recipient.lower(), found, now, wanted=True)
        return found

    @one_by_one
    def release(self, change: Change, now: datetime) -> Conversation[Outcome]:
        found = yield from self._switch(change.recipient, (self.delivery.value, *self._bounced()), _ENABLED, now)
        if found.fate is Fate.DONE and self.ban:
            found = yield from self._ban(change.recipient.lower(), found, now, wanted=False)
        return found

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("GET", "system", "versions")
        if not reply.ok or not isinstance(reply.field("mailman_version"), str):
            return garbage(reply) if reply.ok else later(reply, now)
        return (yield from self._all_lists(done(reply), now))

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is a list's place in `list_ids` and a page number.

        A member of two lists comes twice.
        """
        place, number = (int(part) for part in (cursor or "0 1").split())
        list_id = self.list_ids[place] if self.list_ids else None
        reply = yield self._find(list_id, PAGE_SIZE, number, delivery_status=self.delivery.value)
        rows = self.readable(reply, _members(reply))
        entries = tuple(Listed(row["email"], self.delivery.value) for row in rows)
        if number * PAGE_SIZE < reply.field("total_size") and rows:
            return ListPage(entries, f"{place} {number + 1}")
        return ListPage(entries, f"{place + 1} 1" if place + 1 < len(self.list_ids) else None)

    def _bounced(self) -> tuple[str, ...]:
        """Returns the status that Mailman itself sets on bounces, unless we use it: a suppression ends its warnings."""
        return () if self.delivery is DeliveryStatus.BY_BOUNCES else (DeliveryStatus.BY_BOUNCES.value,)

    def _switch(self, address: str, olds: tuple[str, ...], new: str, now: datetime) -> Conversation[Outcome]:
        """Sets memberships whose delivery is one of `olds` to `new`. Other statuses, which a member chose, stay.

        The query's `delivery_status` is the effective one, whether set at the membership, at the address or nowhere.
        """
        members: list[str] = []
        for list_id, old in product(self.list_ids or (None,), olds):
            reply = yield self._find(list_id, MOST_MEMBERSHIPS, 1, subscriber=address, delivery_status=old)
            rows = _members(reply)
            if rows is None:
                return outcome(reply, now, as_promised=False)
            if "*" in address and reply.field("total_size") > len(rows):
                return refused(reply, "Mailman takes the * in it for any letters and finds too many: do it there")
            members += [row["member_id"] for row in rows if address_key(row["email"]) == address_key(address)]
        if not members:
            return (yield from self._all_lists(done(reply), now))
        return (yield from self._set(members, new, done(reply), now))

    def _set(self, members: list[str], new: str, found: Outcome, now: datetime) -> Conversation[Outcome]:
        for member in members[:MOST_MEMBERSHIPS]:
            reply = yield self.request("PATCH", "members", member, "preferences", document={"delivery_status": new})
            made = outcome(reply, now)
            if made.fate is not Fate.DONE and reply.status != 404:  # 404: the member has left the list since
                return made
        if len(members) >= MOST_MEMBERSHIPS:
            return Outcome(Fate.LATER, f"{found.answer} (on {len(members)} lists or more: goes on with the others)")
        return found

    def _all_lists(self, found: Outcome, now: datetime) -> Conversation[Outcome]:
        """Returns `found`, unless a list is missing: for such a list Mailman just finds no members."""
        for list_id in self.list_ids:
            reply = yield self.request("GET", "lists", list_id)
            if reply.status == 404:
                return Outcome(Fate.LATER, f"{reply.text}: no list {list_id}: fix list_ids", whole=True)
            if not reply.ok or reply.field("list_id") != list_id:
                return garbage(reply) if reply.ok else later(reply, now)
        return found

    def _ban(self, address: str, found: Outcome, now: datetime, *, wanted: bool) -> Conversation[Outcome]:
        """Bans an address, or lifts its ban. Returns `found`, unless that fails.

        A ban can be lifted unless Mailman reads the address as a regular expression (a leading ^) or finds a slash in
        it, see above. So such an address is never banned.
        """
        if address.startswith("^") or "/" in address:
            return Outcome(Fate.REFUSED, f"{found.answer}: {_NOT_BANNED}") if wanted else found
        paths: list[tuple[str, ...]] = [("lists", list_id, "bans") for list_id in self.list_ids]
        for path in paths or [("bans",)]:
            if wanted:
                reply = yield self.request("POST", *path, document={"email": address})
            else:
                reply = yield self.request("DELETE", *path, address)
            status, told = (400, "already banned") if wanted else (404, "not banned")
            is_so = reply.status == status and told in str(reply.field("description"))
            if not is_so and (failure := outcome(reply, now)).fate is not Fate.DONE:
                return failure
        return found

    def _find(self, list_id: str | None, count: int, page: int, **asked: str) -> Request:
        if list_id is not None:
            asked["list_id"] = list_id
        return self.request("GET", "members", "find", **asked, role="member", count=str(count), page=str(page))

    def credentials(self) -> Headers:
        return {"authorization": basic(self.user, self.password)}


def _members(reply: Reply) -> list[dict[str, Any]] | None:
    """Returns the members of a page; None if the reply is no page. A page without members has no `entries`."""
    if not reply.ok or not isinstance(reply.field("total_size"), int):
        return None
    return all_fit(reply.rows("entries"), "member_id", "email") if reply.field("entries") else []
