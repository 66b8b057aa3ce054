"""Elastic Email after the SDK that is made from its API definition (v4)."""

from typing import Any, ClassVar

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

_LISTS = ("bounces", "complaints", "unsubscribes")


def error(status: int, message: str) -> Answer:
    return Answer(status, {"Error": message})


class ElasticEmail(Vendor):
    """`sorts` says on which list those stand that are no bounces."""

    kind = "elasticemail"
    refuses: ClassVar = "no-address"
    keeps: ClassVar = "left@example.org"
    troubles: ClassVar = {
        "addresses that are none": Trouble(error(400, "Invalid email address"), dead=True),
        "no access level": Trouble(error(403, "Access level is not sufficient")),
        "no such path": Trouble(error(404, "Not found")),
        "another success": Trouble(Answer(201, [{"email": "user@example.org"}])),
    }

    def __init__(self) -> None:
        super().__init__()
        self.sorts: dict[str, str] = {}

    def keys(self, key: str = KEY) -> str:
        return f'api_key = "{key}"'

    def prepare(self, *addresses: str) -> None:
        if self.keeps in addresses:
            self.listed.add(self.keeps)
            self.sorts[self.keeps] = "unsubscribes"

    def handle(self, call: Call) -> Answer:
        if call.headers.get("x-elasticemail-apikey") != KEY:
            return error(401, "Incorrect apikey")
        match call.method, *call.segments:
            case "POST", "suppressions", name if name in _LISTS:
                return self._add(name, call.json)
            case "GET", "suppressions":
                return self._list(None, call)
            case "GET", "suppressions", name if name in _LISTS:
                return self._list(name, call)
            case "GET", "suppressions", email:
                return Answer(200, _row(email)) if email.lower() in self.listed else error(404, "Not found")
            case "DELETE", "suppressions", email if email not in _LISTS:
                return self._remove(email.lower())
            case _:
                return error(404, "Not found")

    def _add(self, name: str, body: Any) -> Answer:
        if not isinstance(body, list) or not 1 <= len(body) <= 1000 or not all("@" in email for email in body):
            return error(400, "Invalid email address")
        for email in body:
            self.listed.add(email.lower())
            self.sorts.setdefault(email.lower(), name)
        return Answer(201, [_row(email) for email in body])

    def _list(self, name: str | None, call: Call) -> Answer:
        asked = {key: values[0] for key, values in call.query.items()}
        if set(asked) - {"limit", "offset", "search"}:
            return error(400, "Unknown parameter")
        found = sorted(self.listed)
        found = [each for each in found if name in (None, self.sorts.get(each, "bounces"))]
        found = [each for each in found if asked.get("search", "").lower() in each]
        start, size = int(asked.get("offset", 0)), min(int(asked.get("limit", 100)), 100)
        return Answer(200, [_row(each) for each in found[start : start + size]])

    def _remove(self, email: str) -> Answer:
        if email not in self.listed:
            return error(404, "Suppression not found")
        self.listed.discard(email)
        self.sorts.pop(email, None)
        return Answer(200)


def _row(email: str) -> dict[str, Any]:
    return {"Email": email, "FriendlyErrorMessage": "", "ErrorCode": 0, "DateUpdated": "2026-10-01T10:00:00Z"}


VENDOR = ElasticEmail
