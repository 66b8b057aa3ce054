"""Klaviyo after its OpenAPI description, revision 2026-07-15."""

import json
import re
from typing import Any, ClassVar

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

JSON = "application/vnd.api+json"
SUPPRESS, RELEASE = "profile-suppression-bulk-create-jobs", "profile-suppression-bulk-delete-jobs"

_ANY = re.compile(r'any\(email,\[("(?:[^"\\]|\\.)*"(?:,"(?:[^"\\]|\\.)*")*)\]\)')
_REASON = re.compile(r'equals\(subscriptions\.email\.marketing\.suppression\.reason,"([A-Z_]+)"\)')


def errors(status: int, code: str, detail: str) -> Answer:
    entry = {"id": "1", "status": status, "code": code, "title": code, "detail": detail, "source": {"pointer": "/data"}}
    return Answer(status, {"errors": [entry]}, {"content-type": JSON})


def found(data: object, **more: object) -> Answer:
    return Answer(200, {"data": data, **more}, {"content-type": JSON})


class Klaviyo(Vendor):
    """`known` are profiles; `listed` are suppressed, by hand or for what `others` says.

    `looks` is how often a job is looked at before it is through; it works then. `idle` jobs do nothing at all.
    """

    kind = "klaviyo"
    refuses: ClassVar = "no-address@example.org"
    keeps: ClassVar = "bounced-there@example.org"
    troubles: ClassVar = {
        "no scope": Trouble(errors(403, "permission_denied", "You do not have permission to perform this action.")),
        "filter not taken": Trouble(errors(400, "invalid", "Invalid filter provided")),
        "old revision": Trouble(errors(410, "gone", "This revision is no longer available.")),
        "throttled": Trouble(errors(429, "throttled", "Request was throttled.")),
    }

    def __init__(self) -> None:
        super().__init__()
        self.known: set[str] = set()
        self.by_hand: set[str] = set()
        self.others: dict[str, str] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.looks = 2
        self.idle = False

    def keys(self, key: str = KEY) -> str:
        return f'api_key = "{key}"'

    def prepare(self, *addresses: str) -> None:
        self.known |= {address.lower() for address in addresses if address != self.refuses}
        if self.keeps in addresses:
            self.others[self.keeps] = "HARD_BOUNCE"
            self.listed.add(self.keeps)

    def handle(self, call: Call) -> Answer:
        if call.headers.get("authorization") != f"Klaviyo-API-Key {KEY}":
            return errors(401, "authentication_failed", "Incorrect authentication credentials.")
        if call.headers.get("revision") != "2026-07-15":
            return errors(400, "invalid", "A revision is required.")
        match call.method, *call.segments:
            case "GET", "api", "profiles":
                return self._profiles(call)
            case "POST", "api", kind if kind in (SUPPRESS, RELEASE):
                return self._open(kind, call)
            case "GET", "api", kind if kind in (SUPPRESS, RELEASE):
                return found([])
            case "GET", "api", kind, job if kind in (SUPPRESS, RELEASE) and job in self.jobs:
                return self._look(job)
            case _:
                return errors(404, "not_found", "The path does not exist.")

    def reasons(self, address: str) -> list[str]:
        by_hand = address in self.listed and (address in self.by_hand or address not in self.others)
        return (["USER_SUPPRESSED"] if by_hand else []) + ([self.others[address]] if address in self.others else [])

    def _open(self, kind: str, call: Call) -> Answer:
        if call.headers.get("content-type") != JSON:
            return errors(415, "unsupported_media_type", "Unsupported media type")
        data = (call.json or {}).get("data", {})
        profiles = data.get("attributes", {}).get("profiles", {}).get("data")
        if data.get("type") != kind[:-1] or not isinstance(profiles, list) or not 1 <= len(profiles) <= 100:
            return errors(400, "invalid", "Invalid input")
        if any(set(each) != {"type", "attributes"} or each["type"] != "profile" for each in profiles):
            return errors(400, "invalid", "Invalid input")
        emails = [each["attributes"]["email"].lower() for each in profiles]
        if self.refuses in emails or len(set(emails)) < len(emails):
            return errors(400, "invalid", "Invalid email address")
        name = f"job-{len(self.jobs)}"
        self.jobs[name] = {"kind": kind, "emails": emails, "looks": 0, "status": "queued", "skipped": 0}
        return Answer(202, {"data": {"type": kind[:-1], "id": name, "attributes": {"status": "queued"}}})

    def _look(self, name: str) -> Answer:
        job = self.jobs[name]
        job["looks"] += 1
        if job["status"] != "complete":
            job["status"] = "processing"
            if job["looks"] >= self.looks:
                self.work(name)
        attributes = {
            "status": job["status"], "total_count": len(job["emails"]), "completed_count": 0,
            "skipped_count": job["skipped"], "created_at": "2026-10-01T10:00:00+00:00",
        }
        return found({"type": job["kind"][:-1], "id": name, "attributes": attributes})

    def work(self, name: str) -> None:
        """The job is through."""
        job = self.jobs[name]
        job["status"] = "complete"
        if self.idle:
            job["skipped"] = len(job["emails"])
            return
        for email in job["emails"]:
            if job["kind"] == SUPPRESS:
                self.known.add(email)
                self.by_hand.add(email)
                self.listed.add(email)
            else:
                self.by_hand.discard(email)
                if email not in self.others:
                    self.listed.discard(email)

    def _profiles(self, call: Call) -> Answer:
        size, wanted = int(call.query.get("page[size]", ["20"])[0]), call.query.get("filter", [""])[0]
        if not 1 <= size <= 100:
            return errors(400, "invalid", "Page size must be between 1 and 100")
        everybody = sorted(self.known | self.listed)
        if named := _ANY.fullmatch(wanted):
            asked = {each.lower() for each in json.loads(f"[{named[1]}]")}
            everybody = [each for each in everybody if each in asked]
        elif reason := _REASON.fullmatch(wanted):
            everybody = [each for each in everybody if reason[1] in self.reasons(each)]
        elif wanted:
            return errors(400, "invalid", "Invalid filter provided")
        start = int(call.query.get("page[cursor]", ["0"])[0])
        with_subscriptions = call.query.get("additional-fields[profile]") == ["subscriptions"]
        rows = [self._profile(each, with_subscriptions) for each in everybody[start : start + size]]
        more = f"{self.url}/api/profiles?page%5Bcursor%5D={start + size}" if start + size < len(everybody) else None
        return found(rows, links={"self": self.url, "next": more, "prev": None})

    def _profile(self, email: str, with_subscriptions: bool) -> dict[str, Any]:
        reasons = [{"reason": each, "timestamp": "2026-10-01T10:00:00+00:00"} for each in self.reasons(email)]
        marketing = {"can_receive_email_marketing": not reasons, "consent": "SUBSCRIBED", "suppression": reasons}
        attributes: dict[str, Any] = {"email": email}
        if with_subscriptions:
            attributes["subscriptions"] = {"email": {"marketing": marketing}, "sms": None}
        return {"type": "profile", "id": "01", "attributes": attributes}


VENDOR = Klaviyo
