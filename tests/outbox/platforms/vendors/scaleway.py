"""Scaleway Transactional Email after the SDK that is made from its API definition, and its common form of errors."""

from typing import Any, ClassVar
from uuid import NAMESPACE_DNS, uuid5

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

DOMAIN = "01234567-89ab-cdef-0123-456789abcdef"
_ENTRY = {"domain_id", "emails", "type", "reason"}
_TYPES = {"unknown_type", "mailbox_full", "mailbox_not_found"}
_QUERY = {"domain_id", "email", "type", "custom", "order_by", "page", "page_size"}


def invalid(argument: str) -> Answer:
    detail = {"argument_name": argument, "reason": "constraint", "help_message": "is not valid"}
    return Answer(400, {"type": "invalid_arguments", "message": "invalid argument(s)", "details": [detail]})


def error(status: int, kind: str, message: str) -> Answer:
    return Answer(status, {"type": kind, "message": message})


def id_of(address: str) -> str:
    return str(uuid5(NAMESPACE_DNS, address))


class Scaleway(Vendor):
    kind = "scaleway"
    refuses: ClassVar = "no-address"
    troubles: ClassVar = {
        "an address that is none": Trouble(invalid("emails"), dead=True),
        "a domain id that is none": Trouble(invalid("domain_id")),
        "a domain that is not known": Trouble(error(404, "not_found", "resource is not found")),
        "no permission": Trouble(error(403, "permissions_denied", "insufficient permissions")),
        "a full blocklist": Trouble(error(403, "quotas_exceeded", "quota exceeded")),
        "a success without entries": Trouble(Answer(200, {"blocklists": None})),
    }

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[str, dict[str, str]] = {}

    def keys(self, key: str = KEY) -> str:
        return f'secret_key = "{key}"\ndomain_id = "{DOMAIN}"'

    def handle(self, call: Call) -> Answer:
        if call.headers.get("x-auth-token") != KEY:
            return error(401, "denied_authentication", "authentication is denied")
        match call.method, *call.segments:
            case "POST", "transactional-email", "v1alpha1", "regions", "fr-par", "blocklists":
                return self._create(call.json)
            case "GET", "transactional-email", "v1alpha1", "regions", "fr-par", "blocklists":
                return self._list(call)
            case "DELETE", "transactional-email", "v1alpha1", "regions", "fr-par", "blocklists", number:
                return self._delete(number)
            case _:
                return Answer(404, body=b"404 page not found")

    def _create(self, body: Any) -> Answer:
        if not isinstance(body, dict) or set(body) != _ENTRY or body["type"] not in _TYPES - {"unknown_type"}:
            return invalid("type")
        if body["domain_id"] != DOMAIN:
            return error(404, "not_found", "resource is not found")
        emails = body["emails"]
        if not isinstance(emails, list) or not 1 <= len(emails) <= 100 or not all("@" in email for email in emails):
            return invalid("emails")
        for email in emails:
            self.listed.add(email.lower())
            self.entries[email.lower()] = {"type": body["type"], "reason": body["reason"]}
        return Answer(200, {"blocklists": [self._row(email.lower()) for email in emails]})

    def _list(self, call: Call) -> Answer:
        asked = {name: values[0] for name, values in call.query.items()}
        number, size = int(asked.get("page", 1)), int(asked.get("page_size", 20))
        if set(asked) - _QUERY or number < 1 or not 1 <= size <= 100:
            return invalid("page_size")
        if asked.get("domain_id") != DOMAIN:
            return error(404, "not_found", "resource is not found")
        found = sorted(each for each in self.listed if asked.get("email", each).lower() == each)
        rows = [self._row(each) for each in found[(number - 1) * size : number * size]]
        return Answer(200, {"total_count": len(found), "blocklists": rows})

    def _delete(self, number: str) -> Answer:
        address = next((each for each in self.listed if id_of(each) == number), None)
        if address is None:
            return error(404, "not_found", "resource is not found")
        self.listed.discard(address)
        return Answer(204)

    def _row(self, address: str) -> dict[str, Any]:
        entry = self.entries.get(address, {"type": "mailbox_not_found", "reason": ""})
        return {
            "id": id_of(address), "domain_id": DOMAIN, "email": address, **entry, "custom": address in self.entries,
            "created_at": "2026-10-01T10:00:00.123456Z", "updated_at": "2026-10-01T10:00:00.123456Z", "ends_at": None,
        }


VENDOR = Scaleway
