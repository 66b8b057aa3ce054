"""MailerSend after its API reference and the checks that its SDKs make."""

from typing import Any, ClassVar
from uuid import NAMESPACE_DNS, uuid5

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

DOMAIN = "yv69oxl5kl785kw2"
_LISTS = ("blocklist", "hard-bounces", "spam-complaints", "unsubscribes")


def invalid(name: str) -> Answer:
    return Answer(422, {"message": "The given data was invalid.", "errors": {name: [f"The {name} is invalid."]}})


def id_of(address: str) -> str:
    return uuid5(NAMESPACE_DNS, address).hex[:24]


class MailerSend(Vendor):
    """`listed` are hard bounces but for those in `complaints`."""

    kind = "mailersend"
    refuses: ClassVar = "no-address"
    troubles: ClassVar = {
        "an address that is none": Trouble(invalid("recipients.0"), dead=True),
        "a domain that is not known": Trouble(invalid("domain_id")),
        "no rights": Trouble(Answer(403, {"message": "This action is unauthorized."})),
        "no such path": Trouble(Answer(404, {"message": "Resource not found."})),
        "quota": Trouble(Answer(429, {"message": "Too Many Attempts."}, {"x-apiquota-remaining": "0"})),
    }

    def __init__(self) -> None:
        super().__init__()
        self.complaints: set[str] = set()

    def keys(self, key: str = KEY) -> str:
        return f'api_token = "{key}"\ndomain_id = "{DOMAIN}"'

    def handle(self, call: Call) -> Answer:
        if call.bearer != KEY:
            return Answer(401, {"message": "Unauthenticated."})
        match call.method, *call.segments:
            case "POST", "v1", "suppressions", name if name in _LISTS:
                return self._add(name, call.json)
            case "GET", "v1", "suppressions", name if name in _LISTS:
                return self._list(name, call)
            case "DELETE", "v1", "suppressions", name if name in _LISTS:
                return self._delete(name, call.json)
            case _:
                return Answer(404, {"message": "Resource not found."})

    def _of(self, name: str) -> list[str]:
        lists = {"hard-bounces": self.listed - self.complaints, "spam-complaints": self.listed & self.complaints}
        return sorted(lists.get(name, ()))

    def _add(self, name: str, body: Any) -> Answer:
        if not isinstance(body, dict) or set(body) != {"domain_id", "recipients"} or body["domain_id"] != DOMAIN:
            return invalid("domain_id")
        emails = body["recipients"]
        if not isinstance(emails, list) or not emails:
            return invalid("recipients")
        for index, email in enumerate(emails):
            if "@" not in email:
                return invalid(f"recipients.{index}")
        for email in emails:
            self.listed.add(email.lower())
            if name == "spam-complaints":
                self.complaints.add(email.lower())
        return Answer(201, {"data": [self._row(email.lower()) for email in emails]})

    def _list(self, name: str, call: Call) -> Answer:
        asked = {key: values[0] for key, values in call.query.items()}
        number, size = int(asked.get("page", 1)), int(asked.get("limit", 25))
        if set(asked) - {"domain_id", "page", "limit"} or not 10 <= size <= 100 or number < 1:
            return invalid("limit")
        if asked.get("domain_id", DOMAIN) != DOMAIN:
            return invalid("domain_id")
        rows = [self._row(each) for each in self._of(name)[(number - 1) * size : number * size]]
        return Answer(200, {"data": rows, "meta": {"current_page": number, "per_page": size}})

    def _delete(self, name: str, body: Any) -> Answer:
        if isinstance(body, dict) and body.get("all"):
            self.wiped = True
            return Answer(200)
        ids = body.get("ids") if isinstance(body, dict) and set(body) <= {"ids", "domain_id"} else None
        if not isinstance(ids, list) or not ids or not all(isinstance(each, str) for each in ids):
            return invalid("ids")
        gone = {each for each in self._of(name) if id_of(each) in ids}
        self.listed -= gone
        self.complaints -= gone
        return Answer(200)

    def _row(self, address: str) -> dict[str, Any]:
        recipient = {"id": id_of(f"recipient of {address}"), "email": address, "domain": {"id": DOMAIN}}
        return {"id": id_of(address), "reason": "Unknown", "created_at": "2026-10-01T10:00:00.000000Z",
                "recipient": recipient}


VENDOR = MailerSend
