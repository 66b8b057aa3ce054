"""Mailchimp Transactional after its OpenAPI description, API 1.4."""

from typing import ClassVar

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

SUBACCOUNT = "shop"

_FIELDS = {
    "add": {"key", "email", "comment", "subaccount"},
    "delete": {"key", "email", "subaccount"},
    "list": {"key", "email", "include_expired", "subaccount"},
}


def error(status: int, name: str, code: int, message: str) -> Answer:
    return Answer(status, {"status": "error", "code": code, "name": name, "message": message})


class Mandrill(Vendor):
    """`refuses` stands on the allow list: rejecting it has no effect. `said` is what `added` tells of who is listed."""

    kind = "mandrill"
    refuses: ClassVar = "allowed@example.org"
    troubles: ClassVar = {
        "unknown subaccount": Trouble(error(404, "Unknown_Subaccount", 12, "No subaccount exists with that id")),
        "validation": Trouble(error(422, "ValidationError", -2, "Validation error: {'email': 'Invalid'}"), dead=True),
        "validation, API 1.0": Trouble(error(500, "ValidationError", -2, "You must specify an email value"), dead=True),
        "key, API 1.0": Trouble(error(500, "Invalid_Key", -1, "Invalid API key")),
        "limit": Trouble(error(429, "RequestLimitExceeded", -99, "Too many")),
        "general": Trouble(error(500, "GeneralError", -99, "An unexpected error occurred")),
    }

    def __init__(self) -> None:
        super().__init__()
        self.said = True
        self.whose: list[str | None] = []

    def keys(self, key: str = KEY) -> str:
        return f'api_key = "{key}"'

    def handle(self, call: Call) -> Answer:
        if call.method != "POST" or call.segments[0] != "rejects" or call.segments[1] not in _FIELDS:
            return Answer(404, body=b"no such method")
        name, body = call.segments[1], call.json
        if not isinstance(body, dict) or set(body) - _FIELDS[name] or {type(value) for value in body.values()} != {str}:
            return self.troubles["validation"].answer
        if body.get("key") != KEY:
            return error(401, "Invalid_Key", -1, "Invalid API key")
        if body.get("subaccount", SUBACCOUNT) != SUBACCOUNT:
            return self.troubles["unknown subaccount"].answer
        self.whose.append(body.get("subaccount"))
        email = body.get("email", "").lower()
        if name == "list":
            return Answer(200, [_row(each) for each in sorted(self.listed) if email in ("", each)][:1000])
        if "@" not in email:
            return self.troubles["validation"].answer
        return self._add(email) if name == "add" else self._delete(email)

    def _add(self, email: str) -> Answer:
        if email == self.refuses:
            return Answer(200, {"email": email, "added": False})
        was_there = email in self.listed
        self.listed.add(email)
        return Answer(200, {"email": email, "added": self.said or not was_there})

    def _delete(self, email: str) -> Answer:
        if email not in self.listed:
            return error(404, "Invalid_Reject", 4, "The requested rejection was not found")
        self.listed.discard(email)
        return Answer(200, {"email": email, "deleted": True, "subaccount": None})


def _row(email: str) -> dict[str, object]:
    return {
        "email": email, "reason": "custom", "detail": "", "created_at": "2026-01-01 00:00:00", "last_event_at": None,
        "expires_at": None, "expired": False, "sender": None, "subaccount": None,
    }


VENDOR = Mandrill
