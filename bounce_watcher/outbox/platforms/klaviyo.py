"""Klaviyo: suppressed profiles, which get no email marketing.

https://developers.klaviyo.com/en/reference/bulk_suppress_profiles and the vendor's OpenAPI description (revision
2026-07-15), read in November 2026. A job takes the addresses and reports only how many it skipped, not which or why. So
we read the profiles before and after it, and only they give the outcome for each address. Uncertain: whether a job
creates a profile for an address that has none, and how soon profiles show the effect of a job.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from bounce_watcher.model.address import address_key
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Headers, Reply, Request, bearer
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage
from bounce_watcher.outbox.replies import all_fit, done, fit, for_each, outcome, refused, until_failure

REVISION = "2026-07-15"
PAGE_SIZE = 100

LOOKS = 8
"""How often we ask whether a job is done before we read the profiles."""

_SUPPRESS = "profile-suppression-bulk-create-job"
_RELEASE = "profile-suppression-bulk-delete-job"
_OURS = "USER_SUPPRESSED"
_REASONS = (_OURS, "HARD_BOUNCE", "INVALID_EMAIL", "SPAM_COMPLAINT", "UNSUBSCRIBE")
_UNDER_WAY = ("queued", "processing")

Reasons = Mapping[str, frozenset[str]]
"""Why profiles are suppressed, by address in lower case. An address without a profile is missing."""


Judge = Callable[[frozenset[str], Reply], Outcome | None]
"""Returns the outcome of one change, by the reasons of its profile; None if a job still has to do it."""


@dataclass(frozen=True, kw_only=True)
class Klaviyo(HttpPlatform):
    url: str = "https://a.klaviyo.com"
    api_key: SecretStr

    kind: ClassVar[str] = "klaviyo"
    root: ClassVar[str] = "api"
    max_reply: ClassVar[int] = 8 * 1024 * 1024  # profiles come with all their properties
    limits: ClassVar[Limits] = Limits(batch=50, release_batch=50, rate=5, concurrency=2, calls=LOOKS + 3)

    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        return (yield from self._carry_out(_SUPPRESS, _suppressed, changes, now))

    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        return (yield from self._carry_out(_RELEASE, _released, changes, now))

    def check(self, now: datetime) -> Conversation[Outcome]:
        """Reads both profiles and jobs. No harmless call proves that the key may write."""
        return (yield from until_failure(self._readable(path, now) for path in ("profiles", f"{_SUPPRESS}s")))

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is a reason and Klaviyo's own cursor: the reasons are read in turn."""
        reason, _, after = (cursor or _REASONS[0]).partition(" ")
        query = {"filter": f'equals(subscriptions.email.marketing.suppression.reason,"{reason}")'}
        reply = yield self._profiles({**query, "page[cursor]": after} if after else query)
        rows = self.readable(reply, _rows(reply))
        addresses = [row["attributes"].get("email") for row in rows]
        return ListPage(tuple(Listed(each, reason) for each in addresses if each), _next(reason, reply))

    def _readable(self, path: str, now: datetime) -> Conversation[Outcome]:
        reply = yield self.request("GET", path)
        return outcome(reply, now, as_promised=_rows(reply) is not None)

    def _carry_out(
        self, job: str, judge: Judge, changes: Sequence[Change], now: datetime
    ) -> Conversation[Sequence[Outcome]]:
        reply = yield self._profiles_of(changes)
        before = _reasons(reply)
        if before is None:
            return for_each(_failed(reply, now), changes)
        found = {change: judge(before.get(address_key(change.recipient), frozenset()), reply) for change in changes}
        left = [change for change in changes if found[change] is None]
        if left:
            found |= yield from self._run(job, judge, left, now)
        return tuple(each for each in found.values() if each)

    def _run(
        self, job: str, judge: Judge, changes: Sequence[Change], now: datetime
    ) -> Conversation[dict[Change, Outcome | None]]:
        """Runs a job. If a profile does not show the effect, the change is tried later: by then the job may be done."""
        profiles = [{"type": "profile", "attributes": {"email": change.recipient}} for change in changes]
        document = {"data": {"type": job, "attributes": {"profiles": {"data": profiles}}}}
        opened = yield self.request("POST", f"{job}s", document=document)
        name = opened.field("data", "id") if opened.ok else None
        if not isinstance(name, str) or not name.strip("."):
            return dict.fromkeys(changes, outcome(opened, now, len(changes), as_promised=False))
        told = yield from self._wait(job, name)
        reply = yield self._profiles_of(changes)
        after = _reasons(reply)
        if after is None:
            return dict.fromkeys(changes, _failed(reply, now))
        not_yet = Outcome(Fate.LATER, f"{opened.text}: the job is {told}, but the profile does not show it")
        return {
            change: judge(after.get(address_key(change.recipient), frozenset()), reply) or not_yet for change in changes
        }

    def _wait(self, job: str, name: str) -> Conversation[str]:
        """Asks for the job's state up to `LOOKS` times. Returns the last one, in words."""
        for _ in range(LOOKS):
            reply = yield self.request("GET", f"{job}s", name)
            status = reply.field("data", "attributes", "status") if reply.ok else None
            if status not in _UNDER_WAY:
                break
        skipped = reply.field("data", "attributes", "skipped_count") if reply.ok else None
        state = status if isinstance(status, str) else f"in an unknown state ({reply.text})"
        return f"{state}, {skipped} skipped" if isinstance(skipped, int) and skipped else state

    def _profiles_of(self, changes: Sequence[Change]) -> Request:
        addresses = json.dumps([change.recipient for change in changes], ensure_ascii=False, separators=(",", ":"))
        return self._profiles({"filter": f"any(email,{addresses})"})

    def _profiles(self, query: Mapping[str, str]) -> Request:
        common = {"additional-fields[profile]": "subscriptions", "page[size]": str(PAGE_SIZE)}
        return self.request("GET", "profiles", **common, **query)

    def request(self, method: str, *segments: str, document: object = None, **query: str) -> Request:
        request = super().request(method, *segments, document=document, **query)
        if document is None:
            return request
        return replace(request, headers={**request.headers, "content-type": "application/vnd.api+json"})

    def credentials(self) -> Headers:
        authorization = bearer(self.api_key, "Klaviyo-API-Key")
        return {"authorization": authorization, "revision": REVISION, "accept": "application/vnd.api+json"}


def _suppressed(reasons: frozenset[str], reply: Reply) -> Outcome | None:
    return done(reply, ", ".join(sorted(reasons))) if reasons else None


def _released(reasons: frozenset[str], reply: Reply) -> Outcome | None:
    """Returns the outcome of a release. A job can only release what a person or a program suppressed."""
    if _OURS in reasons:
        return None
    if reasons:
        return refused(reply, f"Klaviyo keeps it suppressed for {', '.join(sorted(reasons))}: no program can undo that")
    return done(reply, "is not suppressed")


def _rows(reply: Reply) -> list[dict[str, Any]] | None:
    rows = all_fit(reply.rows("data"))
    return rows if rows is not None and all(isinstance(row.get("attributes"), dict) for row in rows) else None


def _reasons(reply: Reply) -> Reasons | None:
    """Returns the reasons; None if the reply is no list of profiles with their subscriptions."""
    rows = _rows(reply)
    if rows is None:
        return None
    found: dict[str, frozenset[str]] = {}
    for row in rows:
        email, subscriptions = row["attributes"].get("email"), row["attributes"].get("subscriptions")
        if not isinstance(email, str) or not isinstance(subscriptions, dict):
            return None
        found[address_key(email)] = found.get(address_key(email), frozenset()) | _of_marketing(subscriptions)
    return found


def _of_marketing(subscriptions: dict[str, Any]) -> frozenset[str]:
    email = subscriptions.get("email")
    marketing = email.get("marketing") if isinstance(email, dict) else None
    entries = marketing.get("suppression") if isinstance(marketing, dict) else None
    return frozenset(str(each.get("reason")) for each in fit(entries))


def _failed(reply: Reply, now: datetime) -> Outcome:
    """Returns the outcome of a failed read. It is never REFUSED: if Klaviyo refuses our filter, the fault is ours."""
    found = outcome(reply, now, as_promised=False)
    return found if found.fate is Fate.LATER else Outcome(Fate.LATER, found.answer, whole=True)


def _next(reason: str, reply: Reply) -> str | None:
    link = reply.field("links", "next")
    after = parse_qs(urlsplit(link).query).get("page[cursor]") if isinstance(link, str) else None
    return f"{reason} {after[0]}" if after else dict(pairwise(_REASONS)).get(reason)
