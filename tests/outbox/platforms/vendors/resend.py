"""Resend after its OpenAPI description `resend.yaml`."""

from typing import Any, ClassVar
from uuid import NAMESPACE_DNS, uuid5

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor


def error(status: int, name: str, message: str) -> Answer:
    return Answer(status, {"statusCode": status, "name": name, "message": message})


def id_of(address: str) -> str:
    return str(uuid5(NAMESPACE_DNS, address))


class Resend(Vendor):
    kind = "resend"
    refuses: ClassVar = "no-address@example.org"
    troubles: ClassVar = {
        "validation": Trouble(error(422, "validation_error", "Invalid `emails` field."), dead=True),
        "missing field": Trouble(error(422, "missing_required_field", "Missing `emails` field."), dead=True),
        "wrong key": Trouble(error(403, "invalid_api_key", "API key is invalid")),
        "key for sending": Trouble(error(401, "restricted_api_key", "This API key is restricted to only send emails")),
        "quota": Trouble(error(429, "daily_quota_exceeded", "You have reached your daily quota")),
        "error": Trouble(error(500, "application_error", "Internal server error")),
    }

    def keys(self, key: str = KEY) -> str:
        return f'api_key = "{key}"'

    def handle(self, call: Call) -> Answer:
        if call.bearer is None:
            return error(401, "missing_api_key", "Missing API Key")
        if call.bearer != KEY:
            return error(403, "invalid_api_key", "API key is invalid")
        match call.method, *call.segments:
            case "POST", "suppressions", "batch", ("add" | "remove") as action:
                return self._batch(action, call.json)
            case "GET", "suppressions":
                return self._list(call)
            case _:
                return error(404, "not_found", "The requested endpoint does not exist")

    def _batch(self, action: str, body: Any) -> Answer:
        if not isinstance(body, dict) or set(body) != {"emails"} or not isinstance(body["emails"], list):
            return self.troubles["validation"].answer
        emails = {str(email).strip().lower() for email in body["emails"]}
        if not 1 <= len(body["emails"]) <= 100 or self.refuses in emails:
            return self.troubles["validation"].answer
        if action == "add":
            self.listed |= emails
            return Answer(201, {"data": [{"object": "suppression", "id": id_of(each)} for each in sorted(emails)]})
        gone = sorted(emails & self.listed)
        self.listed -= emails
        return Answer(200, {"data": [{"object": "suppression", "id": id_of(each), "deleted": True} for each in gone]})

    def _list(self, call: Call) -> Answer:
        limit, after = int(call.query.get("limit", ["20"])[0]), call.query.get("after", [""])[0]
        if not 1 <= limit <= 100 or set(call.query) - {"limit", "after", "before", "origin"}:
            return self.troubles["validation"].answer
        rows = [
            {"id": id_of(each), "email": each, "origin": "manual", "source_id": None,
             "created_at": "2026-10-01T10:00:00.000Z"}
            for each in sorted(self.listed)
        ]
        start = next((index + 1 for index, row in enumerate(rows) if row["id"] == after), 0)
        found = rows[start : start + limit]
        return Answer(200, {"object": "list", "has_more": start + limit < len(rows), "data": found})


VENDOR = Resend
