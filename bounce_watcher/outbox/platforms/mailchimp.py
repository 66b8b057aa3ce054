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
from bounce_watcher.outbox.answer import one_line
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Reply, Request, address_of, basic
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage, Misfit
from bounce_watcher.outbox.replies import for_each, garbage, later, moment, outcome, refused

PAGE_SIZE = 1000
MAX_BATCH_REPLY = 32 * 1024 * 1024
"""In bytes: the answer to a batch repeats each contact in full, with all its data in the audience."""

_STOPPED = ("unsubscribed", "cleaned")
_STATUSES = frozenset({*_STOPPED, "subscribed", "pending", "transactional", "archived"})
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
        reply = yield self._request(
            "POST", document={"members": members, "update_existing": True}, max_reply=MAX_BATCH_REPLY,
            skip_merge_validation="true", skip_duplicate_check="true",
        )
        return _suppressed(reply, changes, now)

    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        (change,) = changes
        member = ("members", _hash(change.recipient))
        reply = yield self._request("GET", *member, fields="status,timestamp_opt")
        if reply.status == 404:  # either the contact or the whole audience is missing
            audience = yield self._request("GET", fields="id")
            return (_absent(audience, now),)
        left = self._left_as_it_is(reply, now)
        if left:
            return (left,)
        reply = yield self._request(
            "PATCH", *member, document={"status": self.released.value}, skip_merge_validation="true"
        )
        return (_released(reply, now),)

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self._request("GET", fields="id")
        return _is_audience(reply, now)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is a status and an offset: each status that stops mail is read in turn."""
        status, _, start = (cursor or f"{_STOPPED[0]} 0").partition(" ")
        reply = yield self._request(
            "GET", "members", status=status, fields=_FIELDS, count=str(PAGE_SIZE), offset=start,
            sort_field="timestamp_signup",
        )
        rows = reply.field("members") if reply.ok else None
        if not isinstance(rows, list):
            raise self.unread(reply)
        entries = tuple(
            Listed(row["email_address"], status, moment(row.get("last_changed")))
            for row in rows
            if isinstance(row, dict) and row.get("email_address")
        )
        return ListPage(entries, _next(status, int(start), len(rows)))

    def _stopped_as(self, change: Change) -> str:
        is_bounce = change.bounce_type is not None and not change.is_complaint
        return self.bounced.value if is_bounce else "unsubscribed"

    def _left_as_it_is(self, reply: Reply, now: datetime) -> Outcome | None:
        """Returns the outcome for a contact that is not changed; None for one to release."""
        if not reply.ok:
            return outcome(reply, now)
        status = reply.field("status")
        if status not in _STATUSES:
            return garbage(reply)
        if status not in _STOPPED:
            return Outcome(Fate.DONE, f"{reply.text} (is {status} there)")
        if self.released is Released.SUBSCRIBED and not reply.field("timestamp_opt"):
            # most likely added by `suppress`: a release must not subscribe someone who never asked for mail
            return refused(reply, f"is {status} there and never opted in, so no program may subscribe them")
        return None

    def _request(
        self, method: str, *path: str, document: object = None, max_reply: int | None = None, **query: str
    ) -> Request:
        headers = {"authorization": basic("key", self.api_key)}
        url = address_of(self.url, "3.0", "lists", self.audience, *path, **query)
        if max_reply is None:
            return Request(method, url, headers, document)
        return Request(method, url, headers, document, max_reply=max_reply)


def _hash(address: str) -> str:
    """Returns the API's id of a contact: the MD5 of its address in lower case."""
    return hashlib.md5(address.lower().encode(), usedforsecurity=False).hexdigest()


def _suppressed(reply: Reply, changes: Sequence[Change], now: datetime) -> tuple[Outcome, ...]:
    """Returns the outcomes of a batch. The status is 200 in any case; refused addresses are under `errors`."""
    if not reply.ok:
        return for_each(outcome(reply, now, len(changes)), changes)
    errors, taken = reply.field("errors"), _taken(reply)
    if taken is None or not isinstance(errors, list):
        return for_each(garbage(reply), changes)
    told = {_address(error): _words(error) for error in errors}
    nameless = bool(told.keys() - {address_key(change.recipient) for change in changes})

    def found(change: Change) -> Outcome:
        address = address_key(change.recipient)
        if address in told:
            return refused(reply, told[address])
        if nameless and address not in taken:  # refused under another spelling: find out by a single call
            return Outcome(Fate.SPLIT if len(changes) > 1 else Fate.REFUSED, f"{reply.text}: {_words(errors[0])}")
        return Outcome(Fate.DONE, reply.text)

    return tuple(found(change) for change in changes)


def _taken(reply: Reply) -> set[str] | None:
    """Returns the addresses that were set as requested; None if the reply is not one to a batch."""
    new, updated = reply.field("new_members"), reply.field("updated_members")
    if not isinstance(new, list) or not isinstance(updated, list):
        return None
    return {_address(member) for member in (*new, *updated)}


def _address(row: Any) -> str:
    found = row.get("email_address") if isinstance(row, dict) else None
    return found.lower() if isinstance(found, str) else ""


def _words(error: Any) -> str:
    """Returns the text of an entry of `errors`, as one line without addresses."""
    said = [error.get(name) for name in ("error_code", "error")] if isinstance(error, dict) else []
    return one_line(" ".join(str(part) for part in said if part)) or "refused without a word"


def _released(reply: Reply, now: datetime) -> Outcome:
    if reply.ok and reply.field("status") not in _STATUSES:
        return garbage(reply)
    if reply.status == 400 and reply.field("title") == "Member In Compliance State":
        return refused(reply, "only they themselves can subscribe again, by one of Mailchimp's forms")
    return outcome(reply, now)


def _absent(reply: Reply, now: datetime) -> Outcome:
    found = _is_audience(reply, now)
    return Outcome(Fate.DONE, "not in the audience") if found.fate is Fate.DONE else found


def _is_audience(reply: Reply, now: datetime) -> Outcome:
    if reply.ok:
        return outcome(reply, now) if isinstance(reply.field("id"), str) else garbage(reply)
    return later(reply, now)


def _next(status: str, start: int, found: int) -> str | None:
    if found == PAGE_SIZE:
        return f"{status} {start + PAGE_SIZE}"
    later_ones = _STOPPED[_STOPPED.index(status) + 1 :]
    return f"{later_ones[0]} 0" if later_ones else None
