"""Mautic: the Do Not Contact of its contacts, for the channel email.

https://developer.mautic.org/#contacts and the source (`LeadApiController.php`, `DoNotContact.php` of October 2024),
read in November 2026. Uncertain: how a search reads an address with characters that are special to it. So a look-up
that finds nobody asks again by a condition (`where`). Also uncertain: that a new contact with an existing address
becomes the existing contact, as the documentation says about fields marked unique.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from pydantic import SecretStr

from bounce_watcher.model.address import address_key
from bounce_watcher.outbox.change import MARK, Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Headers, Reply, basic
from bounce_watcher.outbox.platform import HttpPlatform, needs_url
from bounce_watcher.outbox.replies import all_fit, done, fit, one_by_one, outcome, refused, until_failure

MOST_CONTACTS = 5
"""The most contacts with one address: a person has to merge more."""
PAGE_SIZE = 30

_CHANNEL = "email"

UNSUBSCRIBED, BOUNCED, MANUAL = 1, 2, 3
"""Mautic's reasons for Do Not Contact."""

_NOBODY = Outcome(Fate.DONE, "is no contact there")


@dataclass(frozen=True, kw_only=True)
class Mautic(HttpPlatform):
    """`user` and `password` are those of a Mautic user. `add_unknown` adds an unknown address as a contact."""

    user: str = field(metadata={"example": '"bounces"'})
    password: SecretStr
    add_unknown: bool = False

    kind: ClassVar[str] = "mautic"
    root: ClassVar[str] = "api/contacts"
    max_reply: ClassVar[int] = 8 * 1024 * 1024  # an answer has all fields of a contact
    limits: ClassVar[Limits] = Limits(concurrency=2, calls=3 + 2 * MOST_CONTACTS)

    def __post_init__(self) -> None:
        needs_url(self, "https://mautic.example.org")

    @one_by_one
    def suppress(self, change: Change, now: datetime) -> Conversation[Outcome]:
        ids = yield from self._find(change.recipient, now)
        if ids == ():
            ids = yield from self._add(change.recipient, now)
        if isinstance(ids, Outcome):
            return ids
        return (yield from until_failure(self._stop(number, change, now) for number in ids))

    @one_by_one
    def release(self, change: Change, now: datetime) -> Conversation[Outcome]:
        ids = yield from self._find(change.recipient, now)
        if isinstance(ids, Outcome):
            return ids
        if not ids:
            return _NOBODY
        return (yield from until_failure(self._let_go(number, now) for number in ids))

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("GET", limit="1")
        return outcome(reply, now, as_promised=_contacts(reply) is not None)

    def _find(self, address: str, now: datetime) -> Conversation[tuple[int, ...] | Outcome]:
        """Returns the ids of the contacts that have exactly this address, or the outcome if that fails."""
        condition = {"where[0][col]": "email", "where[0][expr]": "eq", "where[0][val]": address}
        for asked in ({"search": f"email:{address}"}, condition):
            reply = yield self.request("GET", limit=str(PAGE_SIZE), **asked)
            contacts = _contacts(reply)
            if contacts is None:
                return outcome(reply, now, as_promised=False)
            ids = tuple(contact["id"] for contact in contacts if _address(contact) == address_key(address))
            if len(ids) > MOST_CONTACTS:
                return refused(reply, f"more than {MOST_CONTACTS} contacts have this address: merge them in Mautic")
            if ids:
                return ids
        return ()

    def _add(self, address: str, now: datetime) -> Conversation[tuple[int, ...] | Outcome]:
        if not self.add_unknown:
            return _NOBODY
        reply = yield self.request("POST", "new", document={"email": address})
        number = reply.field("contact", "id")
        return (number,) if reply.ok and isinstance(number, int) else outcome(reply, now, as_promised=False)

    def _stop(self, number: int, change: Change, now: datetime) -> Conversation[Outcome]:
        reason = UNSUBSCRIBED if change.is_complaint else MANUAL if change.reason is None else BOUNCED
        stop = {"reason": reason, "comments": change.mark}
        reply = yield self.request("POST", str(number), "dnc", _CHANNEL, "add", document=stop)
        if reply.status == 404:  # deleted or merged since the look-up: the next look-up finds the current state
            return Outcome(Fate.LATER, reply.text)
        return outcome(reply, now, as_promised=isinstance(reply.field("contact"), dict))

    def _let_go(self, number: int, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("GET", str(number))
        if reply.status == 404:
            return done(reply, "is no contact there any more")
        stops = reply.rows("contact", "doNotContact")
        if stops is None:
            return outcome(reply, now, as_promised=False)
        of_mail = (each for each in fit(stops) if each.get("channel") == _CHANNEL)
        comments = [str(each.get("comments") or "") for each in of_mail if each.get("reason") == UNSUBSCRIBED]
        if not all(comment.startswith(MARK) for comment in comments):
            return refused(reply, "the contact has unsubscribed themselves; only a person may undo that, in Mautic")
        reply = yield self.request("POST", str(number), "dnc", _CHANNEL, "remove")
        return outcome(reply, now, as_promised=isinstance(reply.field("recordFound"), bool))

    def credentials(self) -> Headers:
        return {"authorization": basic(self.user, self.password)}


def _contacts(reply: Reply) -> list[dict[str, Any]] | None:
    """Returns the contacts of an answer, which has them by id or as an empty list; None for any other reply."""
    found = reply.field("contacts") if reply.ok else None
    rows = list(found.values()) if isinstance(found, dict) else reply.rows("contacts")
    contacts = all_fit(rows)
    return contacts if contacts is not None and all(isinstance(row.get("id"), int) for row in contacts) else None


def _address(contact: dict[str, Any]) -> str | None:
    """Returns a contact's address. A contact has its fields in groups, each with its value, and again all together."""
    fields = contact.get("fields")
    if not isinstance(fields, dict):
        return None
    everything, core = fields.get("all"), fields.get("core")
    found = everything.get("email") if isinstance(everything, dict) else None
    if not isinstance(found, str) and isinstance(core, dict) and isinstance(core.get("email"), dict):
        found = core["email"].get("value")
    return address_key(found) if isinstance(found, str) else None
