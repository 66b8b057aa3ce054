"""Mailjet after its API guides."""

from typing import Any, ClassVar

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

PUBLIC = "0123456789abcdef"

_EXCLUDED = "IsExcludedFromCampaigns"


def error(status: int, message: str) -> Answer:
    return Answer(status, {"ErrorInfo": "", "ErrorMessage": message, "StatusCode": status})


def data(*rows: dict[str, Any], status: int = 200) -> Answer:
    return Answer(status, {"Count": len(rows), "Data": list(rows), "Total": len(rows)})


class Mailjet(Vendor):
    """`listed` are excluded contacts, `known` all. `says_unchanged`: a PUT without effect is answered by 304."""

    kind = "mailjet"
    refuses: ClassVar = "mistyped@example.org"
    troubles: ClassVar = {
        "bad value": Trouble(error(400, "MJ08 Property email is invalid: MJ01 Invalid email"), dead=True),
        "no rights": Trouble(error(403, "Access denied")),
        "not here": Trouble(Answer(404, body=b"Not Found")),
    }

    def __init__(self) -> None:
        super().__init__()
        self.known: set[str] = set()
        self.says_unchanged = True

    def keys(self, key: str = KEY) -> str:
        return f'api_key = "{PUBLIC}"\nsecret_key = "{key}"'

    def handle(self, call: Call) -> Answer:
        if call.basic != (PUBLIC, KEY):
            return error(401, "API key authentication/authorization failure.")
        match call.method, *call.segments:
            case "PUT", "contact", email:
                return self._update(email.lower(), call.json)
            case "POST", "contact":
                return self._create(call.json)
            case "GET", "contact":
                return self._list(call)
            case _:
                return error(404, "Object not found")

    def _row(self, email: str) -> dict[str, Any]:
        return {
            "Email": email, "ID": 1, _EXCLUDED: email in self.listed, "IsOptInPending": False,
            "IsSpamComplaining": False, "Name": "",
            "ExclusionFromCampaignsUpdatedAt": "2026-10-01T10:00:00Z" if email in self.listed else "",
        }

    def _update(self, email: str, body: Any) -> Answer:
        if not isinstance(body, dict) or set(body) - {_EXCLUDED, "Name"} or type(body.get(_EXCLUDED)) is not bool:
            return error(400, "MJ08 Property is invalid")
        if email not in self.known | self.listed:
            return error(404, "Object not found")
        if body[_EXCLUDED] is (email in self.listed) and self.says_unchanged:
            return Answer(304)
        self._set(email, excluded=body[_EXCLUDED])
        return data(self._row(email))

    def _create(self, body: Any) -> Answer:
        if not isinstance(body, dict) or set(body) - {_EXCLUDED, "Name", "Email"}:
            return error(400, "MJ08 Property is invalid")
        email = str(body.get("Email", "")).lower()
        if "@" not in email or email == self.refuses:
            return self.troubles["bad value"].answer
        if email in self.known | self.listed:
            return error(400, f'MJ18 A Contact resource with value "{email}" for Email already exists.')
        self._set(email, excluded=body.get(_EXCLUDED, False))
        return data(self._row(email), status=201)

    def _set(self, email: str, *, excluded: bool) -> None:
        self.known.add(email)
        (self.listed.add if excluded else self.listed.discard)(email)

    def _list(self, call: Call) -> Answer:
        limit, offset = int(call.query.get("Limit", ["10"])[0]), int(call.query.get("Offset", ["0"])[0])
        if not 1 <= limit <= 1000:
            return error(400, "Limit is out of range")
        wanted = call.query.get(_EXCLUDED) == ["true"]
        found = [each for each in sorted(self.known | self.listed) if each in self.listed or not wanted]
        return data(*(self._row(each) for each in found[offset : offset + limit]))


VENDOR = Mailjet
