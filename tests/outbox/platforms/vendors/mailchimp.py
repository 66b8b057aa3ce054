"""Mailchimp Marketing after its OpenAPI description, version 3.0.55."""

import hashlib
from typing import Any, ClassVar

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

AUDIENCE = "a1b2c3d4e5"

_STATUSES = {"subscribed", "unsubscribed", "cleaned", "pending", "transactional"}
_OF_A_MEMBER = {
    "email_address", "email_type", "interests", "ip_opt", "ip_signup", "language", "location", "merge_fields", "status",
    "timestamp_opt", "timestamp_signup", "vip",
}
_OF_A_BATCH = {"members", "sync_tags", "update_existing"}
_OPTED_IN = "2024-03-01T10:00:00+00:00"


def problem(status: int, title: str, detail: str) -> Answer:
    return Answer(
        status,
        {
            "type": "https://mailchimp.com/developer/marketing/docs/errors/", "title": title, "status": status,
            "detail": detail, "instance": "995c5cb0-3280-4a6e-808b-3b096d0bb219",
        },
        {"content-type": "application/problem+json; charset=utf-8"},
    )


ABSENT = problem(404, "Resource Not Found", "The requested resource could not be found.")
INVALID = problem(400, "Invalid Resource", "The resource submitted could not be validated.")


def hash_of(address: str) -> str:
    return hashlib.md5(address.lower().encode()).hexdigest()


class Mailchimp(Vendor):
    """`listed` are those that are unsubscribed or cleaned, `known` all others, by address, with their status."""

    kind = "mailchimp"
    refuses: ClassVar = "deleted-for-good@example.org"
    keeps: ClassVar = "unsubscribed-myself@example.org"
    troubles: ClassVar = {
        "no such audience": Trouble(ABSENT),
        "key is switched off": Trouble(problem(403, "API Key Disabled", "This API key has been disabled.")),
        "too many connections": Trouble(problem(429, "Too Many Requests", "You have exceeded the limit of 10")),
        "invalid": Trouble(INVALID, dead=True),
    }

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, str] = {}
        self.opted_in: set[str] = set()
        self.cleaned: set[str] = set()

    def keys(self, key: str = KEY) -> str:
        return f'api_key = "{key}"\naudience = "{AUDIENCE}"'

    def prepare(self, *addresses: str) -> None:
        for address in addresses:
            if address != self.refuses:
                self.known[address.lower()] = "subscribed"
                self.opted_in.add(address.lower())

    def handle(self, call: Call) -> Answer:
        if not call.basic or call.basic[1] != KEY:
            return problem(401, "API Key Invalid", "Your API key may be invalid.")
        if call.segments[:2] != ["3.0", "lists"] or call.segments[2:3] != [AUDIENCE]:
            return ABSENT
        match call.method, *call.segments[3:]:
            case ("GET",):
                return Answer(200, {"id": AUDIENCE})
            case ("POST",):
                return self._batch(call)
            case "GET", "members":
                return self._list(call)
            case "GET", "members", who:
                return self._get(who)
            case "PATCH", "members", who:
                return self._change(who, call)
            case "DELETE", "members", _:
                self.wiped = True
                return Answer(204)
            case _:
                return problem(405, "Method Not Allowed", "The requested method and resource are not compatible.")

    def status(self, address: str) -> str | None:
        if address in self.listed:
            return "cleaned" if address in self.cleaned else "unsubscribed"
        return self.known.get(address)

    def set(self, address: str, status: str) -> None:
        self.listed.discard(address)
        self.cleaned.discard(address)
        if status in ("unsubscribed", "cleaned"):
            self.listed.add(address)
        if status == "cleaned":
            self.cleaned.add(address)
        self.known[address] = status

    def _member(self, address: str) -> dict[str, Any]:
        opted_in = _OPTED_IN if address in self.opted_in else ""
        return {
            "id": hash_of(address), "email_address": address, "status": self.status(address), "list_id": AUDIENCE,
            "timestamp_opt": opted_in, "last_changed": _OPTED_IN,
        }

    def _batch(self, call: Call) -> Answer:
        body = call.json
        if not isinstance(body, dict) or set(body) - _OF_A_BATCH or not isinstance(body.get("members"), list):
            return INVALID
        members = body["members"]
        if len(members) > 500 or any(set(each) - _OF_A_MEMBER or each["status"] not in _STATUSES for each in members):
            return INVALID
        new, updated, errors = [], [], []
        for each in members:
            address = each["email_address"].lower()
            if address == self.refuses:
                errors.append(_error(address, "ERROR_GENERIC", f"{address} was permanently deleted."))
            elif self.status(address) is None:
                self.set(address, each["status"])
                new.append(self._member(address))
            elif body.get("update_existing") is True:
                self.set(address, each["status"])
                updated.append(self._member(address))
            else:
                errors.append(_error(address, "ERROR_CONTACT_EXISTS", f"{address} is already a list member."))
        return Answer(200, {
            "new_members": new, "updated_members": updated, "errors": errors, "total_created": len(new),
            "total_updated": len(updated), "error_count": len(errors),
        })

    def _who(self, who: str) -> str | None:
        return next((each for each in (*self.known, *self.listed) if who in (each, hash_of(each))), None)

    def _get(self, who: str) -> Answer:
        address = self._who(who)
        if address is None or self.status(address) is None:
            return ABSENT
        return Answer(200, self._member(address))

    def _change(self, who: str, call: Call) -> Answer:
        address, body = self._who(who), call.json
        if address is None:
            return ABSENT
        if not isinstance(body, dict) or set(body) - _OF_A_MEMBER or body.get("status") not in _STATUSES:
            return INVALID
        if address == self.keeps or address in self.cleaned:
            return problem(400, "Member In Compliance State", f"{address} is in compliance state.")
        self.set(address, body["status"])
        return Answer(200, self._member(address))

    def _list(self, call: Call) -> Answer:
        query = call.query
        count, offset = int(query.get("count", ["10"])[0]), int(query.get("offset", ["0"])[0])
        if count > 1000:
            return INVALID
        status = query.get("status", [""])[0]
        found = [each for each in sorted({*self.known, *self.listed}) if status in ("", self.status(each))]
        rows = [self._member(each) for each in found[offset : offset + count]]
        return Answer(200, {"members": rows, "list_id": AUDIENCE, "total_items": len(found)})


def _error(address: str, code: str, words: str) -> dict[str, str]:
    return {"email_address": address, "error": words, "error_code": code, "field": "", "field_message": ""}


VENDOR = Mailchimp
