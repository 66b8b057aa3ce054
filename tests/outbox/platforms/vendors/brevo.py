"""Brevo after its API reference and the SDK made from its API definition."""

from typing import Any, ClassVar

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

_OF_A_CONTACT = {
    "attributes", "email", "emailBlacklisted", "ext_id", "listIds", "smsBlacklisted", "smtpBlacklistSender",
    "updateEnabled", "forceMerge", "getId",
}
_OF_AN_UPDATE = _OF_A_CONTACT - {"email", "updateEnabled", "getId"} | {"unlinkListIds"}


def error(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"code": code, "message": message})


ABSENT = error(404, "document_not_found", "Contact does not exist")


class Brevo(Vendor):
    """`listed` are blocklisted contacts, `known` all contacts; `blocked` get no transactional mail.

    `left` unsubscribed themselves by a link.
    """

    kind = "brevo"
    refuses: ClassVar = "mistyped@example.org"
    keeps: ClassVar = "unsubscribed-myself@example.org"
    troubles: ClassVar = {
        "invalid": Trouble(error(400, "invalid_parameter", "Invalid email address"), dead=True),
        "in process": Trouble(error(425, "account_in_process", "Your account is being processed")),
        "no rights": Trouble(error(403, "permission_denied", "Permission denied")),
        "unknown IP": Trouble(error(401, "unauthorized", "We have detected you are using an unrecognised IP address")),
        "no credits": Trouble(error(402, "not_enough_credits", "Not enough credits")),
    }

    def __init__(self) -> None:
        super().__init__()
        self.known: set[str] = set()
        self.blocked: set[str] = set()
        self.left: set[str] = {self.keeps}
        self.senders: dict[str, list[str]] = {}

    def keys(self, key: str = KEY) -> str:
        return f'api_key = "{key}"'

    def handle(self, call: Call) -> Answer:
        if call.headers.get("api-key") != KEY:
            return error(401, "unauthorized", "Key not found")
        match call.method, *call.segments:
            case "POST", "contacts":
                return self._create(call.json)
            case "GET", "contacts":
                return self._list(call)
            case "GET", "contacts", email:
                return self._get(email.lower())
            case "PUT", "contacts", email:
                return self._update(email.lower(), call)
            case "DELETE", "contacts", email:
                self.wiped = True
                return Answer(204)
            case "DELETE", "smtp", "blockedContacts", email:
                return self._unblock(email.lower())
            case _:
                return Answer(404, body=b"404 page not found")

    def _contact(self, email: str) -> dict[str, Any]:
        return {
            "id": 7, "email": email, "emailBlacklisted": email in self.listed, "smsBlacklisted": False,
            "attributes": {}, "createdAt": "2024-05-01T10:00:00.000Z",
            "modifiedAt": "2026-05-01T10:00:00.000Z", "listIds": [],
        }

    def _create(self, body: Any) -> Answer:
        if not isinstance(body, dict) or set(body) - _OF_A_CONTACT or type(body.get("emailBlacklisted")) is not bool:
            return error(400, "invalid_parameter", "Invalid body")
        email = str(body.get("email", "")).lower()
        if "@" not in email or email == self.refuses:
            return error(400, "invalid_parameter", "Invalid email address")
        was_there = email in self.known | self.listed
        if was_there and not body.get("updateEnabled"):
            return error(400, "duplicate_parameter", "Contact already exist")
        self.known.add(email)
        if body["emailBlacklisted"]:
            self.listed.add(email)
        if body.get("smtpBlacklistSender"):
            self.blocked.add(email)
            self.senders[email] = body["smtpBlacklistSender"]
        return Answer(204) if was_there else Answer(201, {"id": 7})

    def _get(self, email: str) -> Answer:
        if email not in self.known | self.listed:
            return ABSENT
        gone = [{"campaignId": 3, "eventTime": "2026-10-01T10:00:00.000Z", "ip": "192.0.2.1"}]
        unsubscriptions = {"userUnsubscription": gone if email in self.left else [], "adminUnsubscription": []}
        return Answer(200, {**self._contact(email), "statistics": {"unsubscriptions": unsubscriptions}})

    def _update(self, email: str, call: Call) -> Answer:
        body = call.json
        if not isinstance(body, dict) or set(body) - _OF_AN_UPDATE or call.query.get("identifierType") != ["email_id"]:
            return error(400, "invalid_parameter", "Invalid body")
        if email not in self.known | self.listed:
            return ABSENT
        if body.get("emailBlacklisted") is False:
            self.listed.discard(email)
        return Answer(204)

    def _unblock(self, email: str) -> Answer:
        if email not in self.blocked:
            return error(404, "document_not_found", "Contact not found in blocklist")
        self.blocked.discard(email)
        return Answer(204)

    def _list(self, call: Call) -> Answer:
        limit, offset = int(call.query.get("limit", ["50"])[0]), int(call.query.get("offset", ["0"])[0])
        if not 1 <= limit <= 1000:
            return error(400, "out_of_range", "Limit exceeds max value")
        found = sorted(self.known | self.listed)
        return Answer(200, {"contacts": [self._contact(each) for each in found[offset : offset + limit]],
                            "count": len(found)})


VENDOR = Brevo
