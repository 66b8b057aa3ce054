"""Customer.io after its reference of the App API, ESP suppression."""

from typing import ClassVar

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

_TYPES = ("blocks", "bounces", "spam_reports", "invalid_emails")


def error(status: int, detail: str) -> Answer:
    return Answer(status, {"errors": [{"detail": detail, "status": str(status)}]})


class CustomerIo(Vendor):
    """`sorts` says of which type an entry is that is no bounce."""

    kind = "customerio"
    reads_body = False
    troubles: ClassVar = {
        "an address that is none": Trouble(error(400, "invalid email"), dead=True),
        "no rights": Trouble(error(403, "forbidden")),
        "no such path": Trouble(error(404, "not found")),
    }

    def __init__(self) -> None:
        super().__init__()
        self.sorts: dict[str, str] = {}

    def keys(self, key: str = KEY) -> str:
        return f'app_api_key = "{key}"'

    def handle(self, call: Call) -> Answer:
        if call.bearer != KEY:
            return error(401, "unauthorized")
        match call.method, *call.segments:
            case "POST", "v1", "esp", "suppression", name, email if name in _TYPES and not call.body:
                self.listed.add(email.lower())
                self.sorts[email.lower()] = name
                return Answer(200, {})
            case "DELETE", "v1", "esp", "suppression", name, email if name in _TYPES:
                return self._remove(name, email.lower())
            case "GET", "v1", "esp", "suppression", name if name in _TYPES:
                rows = [{"email": each} for each in sorted(self.listed) if self._sort(each) == name]
                return Answer(200, {"category": name, "suppressions": rows})
            case _:
                return error(404, "not found")

    def _sort(self, email: str) -> str:
        return self.sorts.get(email, "bounces")

    def _remove(self, name: str, email: str) -> Answer:
        if email not in self.listed or self._sort(email) != name:
            return error(404, "not found")
        self.listed.discard(email)
        return Answer(200, {})


VENDOR = CustomerIo
