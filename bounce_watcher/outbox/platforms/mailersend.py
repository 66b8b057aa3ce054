"""MailerSend: the hard bounces and spam complaints of one sending domain.

https://developers.mailersend.com/api/v1/recipients.html and the vendor's SDKs (Python 2.2.0, Node 3.4.0), read in
November 2026. Entries are deleted by id, and no call returns the id of an address, so a release reads the list. Not
documented there: the answer to an addition, how many addresses one call takes, what happens to one that is already on
the list, and how many calls are allowed. The form of an entry is known only from examples. So an unreadable entry stops
a release; otherwise it would look as if the address were not on the list.
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from pydantic import SecretStr

from bounce_watcher.model.address import address_key
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Headers, Reply, Request, bearer
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage, Misfit
from bounce_watcher.outbox.replies import all_fit, for_each, later, moment, outcome

BOUNCES, COMPLAINTS = "hard-bounces", "spam-complaints"
LISTS = (BOUNCES, COMPLAINTS)
"""The lists that we write and release. Unsubscribes belong to recipients, the blocklist and on-hold list to others."""

BATCH = 50
PAGE_SIZE = 100
"""The most entries of a page."""

MAX_PAGES = 100
"""The most pages of a list that a release reads: at the rate of `limits` this takes less time than a batch may take."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_IN_THE_CALL = "recipients"


@dataclass(frozen=True, kw_only=True)
class MailerSend(HttpPlatform):
    """`domain_id` is the id of the sending domain at MailerSend, not its name."""

    url: str = "https://api.mailersend.com"
    domain_id: str = field(metadata={"example": '"yv69oxl5kl785kw2"'})
    api_token: SecretStr

    kind: ClassVar[str] = "mailersend"
    root: ClassVar[str] = "v1/suppressions"
    limits: ClassVar[Limits] = Limits(
        batch=BATCH, release_batch=BATCH, rate=1, concurrency=1, calls=len(LISTS) * (MAX_PAGES + 1)
    )

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.domain_id):
            raise Misfit("domain_id", "is no id of a domain: give the Domain ID that MailerSend shows with it, not its "
                                      "name")

    def group_of(self, change: Change) -> Hashable:
        return change.suppress and change.is_complaint

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        entries = {"domain_id": self.domain_id, "recipients": [change.recipient for change in changes]}
        reply = yield self.request("POST", COMPLAINTS if changes[0].is_complaint else BOUNCES, document=entries)
        as_promised = not reply.body or isinstance(reply.field("data"), list)
        return for_each(_outcome(reply, as_promised, now, len(changes)), changes)

    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        wanted = {address_key(change.recipient) for change in changes}
        unseen = set[str]()
        for name in LISTS:
            found = yield from self._walk(name, wanted, now)
            if isinstance(found, Outcome):
                return for_each(found, changes)
            ids, not_seen = found
            unseen |= not_seen
            if ids:
                reply = yield self.request("DELETE", name, document={"ids": ids})
                is_bare = not reply.body or isinstance(reply.document(), dict | list)  # only the status is documented
                gone = _outcome(reply, is_bare, now, len(changes))
                if gone.fate is not Fate.DONE:
                    return for_each(gone, changes)
        return [_released(change, unseen) for change in changes]

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self._page(BOUNCES, 1, size=10)
        return _outcome(reply, _rows(reply) is not None, now)

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page of one list after the other. The cursor is a list's name and the number of the page."""
        name, _, number = (cursor or BOUNCES).partition(" ")
        reply = yield self._page(name, int(number or 1))
        rows = self.readable(reply, _rows(reply))
        entries = tuple(Listed(address, name, moment(row.get("created_at"))) for address, row in rows)
        following = {BOUNCES: COMPLAINTS}.get(name)
        return ListPage(entries, following if len(rows) < PAGE_SIZE else f"{name} {int(number or 1) + 1}")

    def _walk(
        self, name: str, wanted: set[str], now: datetime
    ) -> Conversation[Outcome | tuple[list[str], set[str]]]:
        """Returns the ids of wanted addresses on this list, and the addresses that may be on pages not read."""
        ids: dict[str, list[str]] = {}
        for number in range(1, MAX_PAGES + 1):
            reply = yield self._page(name, number)
            rows = _rows(reply)
            if rows is None:
                return _outcome(reply, False, now)
            for address, row in rows:
                if address_key(address) in wanted:
                    ids.setdefault(address_key(address), []).append(row["id"])
            if len(rows) < PAGE_SIZE or ids.keys() == wanted:
                unseen = set[str]()
                break
        else:
            unseen = wanted - ids.keys()
        return [each for of_one in ids.values() for each in of_one], unseen

    def _page(self, name: str, number: int, size: int = PAGE_SIZE) -> Request:
        request = self.request("GET", name, domain_id=self.domain_id, page=str(number), limit=str(size))
        return request.reading(4 * 1024 * 1024)

    def credentials(self) -> Headers:
        return {"authorization": bearer(self.api_token), "accept": "application/json"}


def _rows(reply: Reply) -> list[tuple[str, dict[str, Any]]] | None:
    """Returns the entries of a page with the address of each; None if the reply or any entry is unreadable."""
    rows = all_fit(reply.rows("data"), "id")
    if rows is None:
        return None
    found = [(address, row) for row in rows if (address := _address(row)) is not None]
    return found if len(found) == len(rows) else None


def _address(row: dict[str, Any]) -> str | None:
    recipient = row.get("recipient")
    address = recipient.get("email") if isinstance(recipient, dict) else recipient or row.get("email")
    return address if isinstance(address, str) and address else None


def _released(change: Change, unseen: set[str]) -> Outcome:
    if address_key(change.recipient) not in unseen:
        return Outcome(Fate.DONE, "is on neither list any more")
    return Outcome(Fate.REFUSED, f"not among the first {MAX_PAGES * PAGE_SIZE} entries of a list, and MailerSend can't "
                                 "look an address up: take it out there by hand")


def _outcome(reply: Reply, as_promised: bool, now: datetime, size: int = 1) -> Outcome:
    """Returns the outcome of a reply. A refused value other than the addresses is about our configuration."""
    errors = reply.field("errors")
    is_ours = isinstance(errors, dict) and any(not name.startswith(_IN_THE_CALL) for name in errors)
    return later(reply, now) if not reply.ok and is_ours else outcome(reply, now, size, as_promised=as_promised)
