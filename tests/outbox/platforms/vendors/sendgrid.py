"""SendGrid after its OpenAPI description `tsg_suppressions_v3`."""

from typing import ClassVar

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

_OWN = ("bounces", "spam_reports", "invalid_emails", "blocks")


def _errors(status: int, message: str) -> Answer:
    return Answer(status, {"errors": [{"message": message, "field": None, "help": None}]})


class SendGrid(Vendor):
    kind = "sendgrid"
    troubles: ClassVar = {
        "forbidden": Trouble(_errors(403, "access forbidden")),
        "bad request": Trouble(_errors(400, "email address is invalid"), dead=True),
    }

    def __init__(self) -> None:
        super().__init__()
        self.own: dict[str, set[str]] = {name: set() for name in _OWN}

    def keys(self, key: str = KEY) -> str:
        return f'api_key = "{key}"'

    def handle(self, call: Call) -> Answer:
        if call.bearer != KEY:
            return _errors(401, "authorization required")
        match call.method, *call.segments:
            case "POST", "v3", "asm", "suppressions", "global":
                return self._add(call)
            case "DELETE", "v3", "asm", "suppressions", "global", email:
                self.listed.discard(email.lower())
                return Answer(204)
            case "DELETE", "v3", "suppression", name, email if name in _OWN:
                return self._remove(name, email.lower())
            case "DELETE", "v3", "suppression", _:
                self.wiped = self.wiped or bool((call.json or {}).get("delete_all"))
                return Answer(204)
            case "GET", "v3", "suppression", "unsubscribes":
                return self._list(call)
            case _:
                return _errors(404, "not found")

    def _add(self, call: Call) -> Answer:
        emails = (call.json or {}).get("recipient_emails")
        if not isinstance(emails, list) or not all(isinstance(email, str) and "@" in email for email in emails):
            return _errors(400, "recipient_emails must be a list of addresses")
        self.listed |= {email.lower() for email in emails}
        return Answer(201, {"recipient_emails": emails})

    def _remove(self, name: str, email: str) -> Answer:
        if email not in self.own[name]:
            return _errors(404, "not found")
        self.own[name].discard(email)
        return Answer(204)

    def _list(self, call: Call) -> Answer:
        limit, offset = int(call.query.get("limit", ["500"])[0]), int(call.query.get("offset", ["0"])[0])
        if not 1 <= limit <= 500:
            return _errors(400, "limit must be at most 500")
        rows = [{"created": 1_760_000_000, "email": email} for email in sorted(self.listed)]
        return Answer(200, rows[offset : offset + limit])


VENDOR = SendGrid
