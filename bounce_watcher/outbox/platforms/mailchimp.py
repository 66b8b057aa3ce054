"""Mailchimp Marketing: the status of a contact in one audience.

https://mailchimp.com/developer/marketing/api/ and the vendor's OpenAPI description (version 3.0.55), read in November
2026. Uncertain: which statuses only the contact can leave (Mailchimp's refusals say "Member In Compliance State", but
none of its pages lists them), and whether `timestamp_opt` is empty for everybody who never opted in.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import SecretStr

from bounce_watcher.model.address import address_key
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Headers, Reply, basic, one_line
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage, Misfit
from bounce_watcher.outbox.replies import done, fit, for_each, later, moment, one_by_one, outcome, refused

PAGE_SIZE = 1000
MAX_BATCH_REPLY = 32 * 1024 * 1024
"""In bytes: the answer to a batch repeats each contact in full, with all its data in the audience."""

_STOPPED = ("unsubscribed", "cleaned")
_FOLLOWING = {"unsubscribed": "cleaned 0"}
_STATUSES = (*_STOPPED, "subscribed", "pending", "transactional", "archived")
_DATA_CENTRE = re.compile(r"[a-z]{2,4}[0-9]{1,3}")
_FIELDS = "members.email_address,members.last_changed,total_items"


class Bounced(StrEnum):
    """The status that a contact gets after a bounce."""

    UNSUBSCRIBED = "unsubscribed"
    CLEANED = "cleaned"


class Released(StrEnum):
    """The status that a contact gets on release. `PENDING`: Mailchimp asks them to confirm, by mail."""

    SUBSCRIBED = "subscribed"
    PENDING = "pending"


@dataclass(frozen=True, kw_only=True)
class Mailchimp(HttpPlatform):
    """`audience` is the audience's id (the API's list_id). Without a `url` the data centre is the last part of the key.

    Raises Misfit if the key does not name one.
    """

    api_key: SecretStr
    audience: str = field(metadata={"example": '"a1b2c3d4e5"'})
    bounced: Bounced = Bounced.UNSUBSCRIBED
    released: Released = Released.SUBSCRIBED

    kind: ClassVar[str] = "mailchimp"
    root: ClassVar[str] = "3.0/lists/{audience}"
    limits: ClassVar[Limits] = Limits(batch=500, rate=10, concurrency=4, calls=2)

    def __post_init__(self) -> None:
        if self.audience in (".", ".."):
            raise Misfit("audience", "is no id of an audience: copy it from the settings of the audience there")
        if self.url:
            return
        centre = self.api_key.get_secret_value().rpartition("-")[2]
        if not _DATA_CENTRE.fullmatch(centre):
            raise Misfit(
                "api_key",
                "does not end in a data centre, such as -us21: give the whole key, or set url to "
                "https://DATA_CENTRE.api.mailchimp.com",
            )
        object.__setattr__(self, "url", f"https://{centre}.api.mailchimp.com")

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        members = [{"email_address": change.recipient, "status": self._stopped_as(change)} for change in changes]
        request = self.request(
            "POST", document={"members": members, "update_existing": True},
            skip_merge_validation="true", skip_duplicate_check="true",
        )
        reply = yield request.reading(MAX_BATCH_REPLY)
        return _suppressed(reply, changes, now)

    @one_by_one
    def release(self, change: Change, now: datetime) -> Conversation[Outcome]:
        """Releases a recipient. The id of a contact is the MD5 of the address in lower case."""
        member = ("members", hashlib.md5(change.recipient.lower().encode(), usedforsecurity=False).hexdigest())
        reply = yield self.request("GET", *member, fields="status,timestamp_opt")
        if reply.status == 404:  # either the contact or the whole audience is missing
            found = yield from self.check(now)
            return Outcome(Fate.DONE, "not in the audience") if found.fate is Fate.DONE else found
        left = self._left_as_it_is(reply, now)
        if left:
            return left
        reply = yield self.request(
            "PATCH", *member, document={"status": self.released.value}, skip_merge_validation="true"
        )
        if reply.status == 400 and reply.field("title") == "Member In Compliance State":
            return refused(reply, "only they themselves can subscribe again, by one of Mailchimp's forms")
        return outcome(reply, now, as_promised=reply.field("status") in _STATUSES)

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("GET", fields="id")
        if not reply.ok:
            return later(reply, now)
        return outcome(reply, now, as_promised=isinstance(reply.field("id"), str))

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is a status and an offset: each status that stops mail is read in turn."""
        status, _, start = (cursor or f"{_STOPPED[0]} 0").partition(" ")
        reply = yield self.request(
            "GET", "members", status=status, fields=_FIELDS, count=str(PAGE_SIZE), offset=start,
            sort_field="timestamp_signup",
        )
        rows = self.readable(reply, reply.rows("members"))
        entries = tuple(
            Listed(row["email_address"], status, moment(row.get("last_changed")))
            for row in fit(rows) if row.get("email_address")
        )
        is_full = len(rows) == PAGE_SIZE
        return ListPage(entries, f"{status} {int(start) + PAGE_SIZE}" if is_full else _FOLLOWING.get(status))

    def _stopped_as(self, change: Change) -> str:
        is_bounce = change.bounce_type is not None and not change.is_complaint
        return self.bounced.value if is_bounce else "unsubscribed"

    def _left_as_it_is(self, reply: Reply, now: datetime) -> Outcome | None:
        """Returns the outcome for a contact that is not changed; None for one to release."""
        status = reply.field("status")
        if not reply.ok or status not in _STATUSES:
            return outcome(reply, now, as_promised=False)
        if status not in _STOPPED:
            return done(reply, f"is {status} there")
        if self.released is Released.SUBSCRIBED and not reply.field("timestamp_opt"):
            # most likely added by `suppress`: a release must not subscribe someone who never asked for mail
            return refused(reply, f"is {status} there and never opted in, so no program may subscribe them")
        return None

    def credentials(self) -> Headers:
        return {"authorization": basic("key", self.api_key)}


def _suppressed(reply: Reply, changes: Sequence[Change], now: datetime) -> tuple[Outcome, ...]:
    """Returns the outcomes of a batch. The status is 200 in any case; refused addresses are under `errors`."""
    errors, new, updated = (reply.rows(name) for name in ("errors", "new_members", "updated_members"))
    if errors is None or new is None or updated is None:
        return for_each(outcome(reply, now, len(changes), as_promised=False), changes)
    taken = {_address(member) for member in (*new, *updated)}
    told = {_address(error): _words(error) for error in errors}
    nameless = bool(told.keys() - {address_key(change.recipient) for change in changes})

    def found(change: Change) -> Outcome:
        address = address_key(change.recipient)
        if address in told:
            return refused(reply, told[address])
        if nameless and address not in taken:  # refused under another spelling: find out by a single call
            return Outcome(Fate.SPLIT if len(changes) > 1 else Fate.REFUSED, f"{reply.text}: {_words(errors[0])}")
        return done(reply)

    return tuple(found(change) for change in changes)


def _address(row: Any) -> str:
    found = row.get("email_address") if isinstance(row, dict) else None
    return found.lower() if isinstance(found, str) else ""


def _words(error: Any) -> str:
    """Returns the text of an entry of `errors`, as one line without addresses."""
    said = [error.get(name) for name in ("error_code", "error")] if isinstance(error, dict) else []
    return one_line(" ".join(str(part) for part in said if part)) or "refused without a word"
