"""phpList's REST API v2 after its controllers."""

from itertools import count
from typing import Any, ClassVar

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

USER = "bounces"
SESSION = "s3ssion-that-nobody-may-see"
"""What session keys begin with."""


class PhpList(Vendor):
    kind = "phplist"
    keeps = "optout@example.org"
    refuses = "invalid@nowhere"
    troubles: ClassVar = {
        "no privilege": Trouble(Answer(403, {"message": "You are not allowed to manage the blacklist."})),
        "wrong login": Trouble(Answer(401, {"message": "Not authorized"})),
    }

    def __init__(self) -> None:
        super().__init__()
        self.reasons: dict[str, str] = {}
        self.sessions: dict[int, str] = {}
        self._numbers = count(1)

    def keys(self, key: str = KEY) -> str:
        return f'user = "{USER}"\npassword = "{key}"'

    def prepare(self, *addresses: str) -> None:
        if self.keeps in addresses:
            self.listed.add(self.keeps)
            self.reasons[self.keeps] = "User unsubscribed"

    def handle(self, call: Call) -> Answer:
        if call.segments[:2] != ["api", "v2"]:
            return Answer(404, {"message": "No route found"})
        if (call.method, *call.segments[2:]) == ("POST", "sessions"):
            return self._log_in(call.json)
        if call.basic is None or call.basic[1] not in self.sessions.values():
            return Answer(401, {"message": "No valid session key was provided as basic auth password."})
        match call.method, *call.segments[2:]:
            case "DELETE", "sessions", number if int(number) in self.sessions:
                del self.sessions[int(number)]
                return Answer(204)
            case "POST", "blacklist", "add":
                return self._add(call.json)
            case "DELETE", "blacklist", "remove", email:
                self.listed.discard(email.lower())
                return Answer(204)
            case "GET", "blacklist", "check", email:
                blacklisted = email.lower() in self.listed
                return Answer(200, {"blacklisted": blacklisted, "reason": self.reasons.get(email.lower())})
            case "GET", "blacklist", "info", email:
                return self._info(email.lower())
            case _:
                return Answer(404, {"message": "No route found"})

    def _log_in(self, body: Any) -> Answer:
        if not isinstance(body, dict) or set(body) != {"login_name", "password"}:
            return Answer(422, {"message": "login_name and password must not be blank"})
        if (body["login_name"], body["password"]) != (USER, KEY):
            return Answer(401, {"message": "Not authorized"})
        number = next(self._numbers)
        self.sessions[number] = f"{SESSION}-{number}"
        return Answer(201, {"id": number, "key": self.sessions[number], "expiry_date": "2026-11-27T10:00:00+00:00"})

    def _add(self, body: Any) -> Answer:
        if not isinstance(body, dict) or not set(body) <= {"email", "reason"} or not isinstance(body.get("email"), str):
            return Answer(422, {"message": "email: This value should not be blank."})
        name, _, domain = body["email"].partition("@")
        if not name or "." not in domain:
            return Answer(422, {"message": "email: This value is not a valid email address."})
        email = body["email"].lower()
        if email not in self.listed:
            self.listed.add(email)
            self.reasons[email] = body.get("reason") or ""
        return Answer(201, {"email": email, "added": "2026-11-26T10:00:00+00:00", "reason": self.reasons.get(email)})

    def _info(self, email: str) -> Answer:
        if email not in self.listed:
            return Answer(404, {"error": "Email is not blacklisted"})
        return Answer(
            200, {"email": email, "added": "2026-11-26T10:00:00+00:00", "reason": self.reasons.get(email, "bounced")}
        )


VENDOR = PhpList
