"""Customer.io, where it sends the mail itself: its "ESP suppression" of bounces and spam reports.

https://docs.customer.io/integrations/api/app/tag/esp-suppression/ (App API), read in November 2026. Unlike the
suppression of its Track API, this does not touch people or their data. Not documented: what the calls answer besides
their status, the answer to the removal of an absent address (404 is assumed, once the list itself could be read), and
how the lists are paged, so they are not compared.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from pydantic import SecretStr

from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Headers, Reply, bearer
from bounce_watcher.outbox.platform import HttpPlatform
from bounce_watcher.outbox.replies import garbage, later, one_by_one, outcome, released

BOUNCES, COMPLAINTS = "bounces", "spam_reports"

_STOP_MAIL = (BOUNCES, COMPLAINTS, "invalid_emails")
"""A release takes the address off each of these. The fourth type, blocks, is about single refusals."""


@dataclass(frozen=True, kw_only=True)
class CustomerIo(HttpPlatform):
    """`app_api_key` is a key of the App API, not that of the Track API."""

    url: str = "https://api.customer.io"
    app_api_key: SecretStr

    kind: ClassVar[str] = "customerio"
    root: ClassVar[str] = "v1/esp/suppression"
    limits: ClassVar[Limits] = Limits(rate=8, concurrency=4, calls=len(_STOP_MAIL) + 1)

    @one_by_one
    def suppress(self, change: Change, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("POST", COMPLAINTS if change.is_complaint else BOUNCES, change.recipient)
        return outcome(reply, now)

    @one_by_one
    def release(self, change: Change, now: datetime) -> Conversation[Outcome]:
        found, is_known = Outcome(Fate.DONE, ""), False
        for name in _STOP_MAIL:
            reply = yield self.request("DELETE", name, change.recipient)
            if reply.status == 404 and not is_known:
                listing = yield self.request("GET", name)
                is_known = _is_list(listing)
                if not is_known:
                    return garbage(listing) if listing.ok else later(listing, now)
            found = released(reply, now)
            if found.fate is not Fate.DONE:
                break
        return found

    def check(self, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("GET", BOUNCES)
        return outcome(reply, now, as_promised=_is_list(reply))

    def credentials(self) -> Headers:
        return {"authorization": bearer(self.app_api_key)}


def _is_list(reply: Reply) -> bool:
    """Checks whether the reply is a list. A long one may be cut off, which does no harm: its entries are not used."""
    starts_so = reply.body.lstrip()[:1] in (b"{", b"[")
    return reply.ok and not reply.is_page and (starts_so if reply.cut else isinstance(reply.document(), dict | list))
