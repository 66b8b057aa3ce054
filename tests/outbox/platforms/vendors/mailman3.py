"""Mailman's core after its REST documentation. What a real one does, `test_mailman3_real.py` sees."""

from typing import Any, ClassVar

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

LIST = "news.lists.example.org"
_STATUSES = ("enabled", "by_user", "by_bounces", "by_moderator", "unknown")
_ASKED = frozenset({"list_id", "subscriber", "role", "delivery_status", "count", "page", "fields", "moderation_action"})


def _error(status: int, description: str = "") -> Answer:
    document = {"title": f"{status} Oh"} | ({"description": description} if description else {})
    return Answer(status, document)


class Mailman(Vendor):
    kind = "mailman3"
    troubles: ClassVar = {
        "unknown parameter": Trouble(_error(400, "Unexpected parameters: delivery_status"), dead=True),
        "database is away": Trouble(_error(500)),
    }

    def __init__(self) -> None:
        super().__init__()
        self.members: dict[str, str] = {}
        self.others: dict[str, str] = {}
        """Whose delivery is off in a way that is not ours."""
        self.banned: set[str] = set()

    def keys(self, key: str = KEY) -> str:
        return f'password = "{key}"'

    def prepare(self, *addresses: str) -> None:
        for address in addresses:
            self.members.setdefault(address.lower(), f"{len(self.members):032x}")

    def handle(self, call: Call) -> Answer:
        if call.basic != ("restadmin", KEY):
            return _error(401, "REST API authorization failed")
        match call.method, *call.segments:
            case "GET", "3.1", "system", "versions":
                return Answer(200, {"mailman_version": "GNU Mailman 3.3.10 (Tom Sawyer)", "api_version": "3.1"})
            case "GET", "3.1", "lists", list_id:
                return Answer(200, {"list_id": LIST}) if list_id == LIST else _error(404, "404 Not Found")
            case "GET", "3.1", "members", "find":
                return self._find(call)
            case "PATCH", "3.1", "members", member_id, "preferences":
                return self._set(member_id, call.json)
            case ("POST", "3.1", "bans") | ("POST", "3.1", "lists", _, "bans"):
                return self._ban(call)
            case ("DELETE", "3.1", "bans", email) | ("DELETE", "3.1", "lists", _, "bans", email):
                return self._unban(call, email)
            case _:
                return _error(404)

    def _status(self, address: str) -> str:
        if address in self.listed:
            return "by_moderator"
        return self.others.get(address, "enabled")

    def _find(self, call: Call) -> Answer:
        self.prepare(*self.listed)
        asked = {name: values[0] for name, values in call.query.items()}
        if not set(asked) <= _ASKED or asked.get("delivery_status", "enabled") not in _STATUSES:
            return _error(400, "Unexpected parameters")
        subscriber = asked.get("subscriber", "").lower()
        found = sorted(
            address for address in self.members
            if subscriber in ("", address) and asked.get("list_id", LIST) == LIST
            and asked.get("role", "member") == "member"
            and asked.get("delivery_status") in (None, self._status(address))
        )
        count, page = int(asked.get("count", len(found))), int(asked.get("page", 1))
        start = (page - 1) * count
        rows = [
            {"email": address, "member_id": self.members[address], "list_id": LIST, "role": "member"}
            for address in found[start : start + count]
        ]
        return Answer(200, {"start": start, "total_size": len(found), **({"entries": rows} if rows else {})})

    def _set(self, member_id: str, body: Any) -> Answer:
        (address, *_) = [*(address for address, known in self.members.items() if known == member_id), ""]
        if not address:
            return _error(404)
        if not isinstance(body, dict) or set(body) != {"delivery_status"} or body["delivery_status"] not in _STATUSES:
            return _error(400, f'Invalid Parameter "delivery_status": Accepted Values are: {", ".join(_STATUSES)}')
        self.listed.discard(address)
        self.others.pop(address, None)
        if body["delivery_status"] == "by_moderator":
            self.listed.add(address)
        elif body["delivery_status"] != "enabled":
            self.others[address] = body["delivery_status"]
        return Answer(204)

    def _ban(self, call: Call) -> Answer:
        if "lists" in call.segments and LIST not in call.segments:
            return _error(404)
        email = (call.json or {}).get("email")
        if not isinstance(email, str) or not (email.startswith("^") or "@" in email):
            return _error(400, 'Invalid Parameter "email": Expected a valid email address or regular expression')
        if email in self.banned:
            return _error(400, "Address is already banned")
        self.banned.add(email)
        return Answer(201)

    def _unban(self, call: Call, email: str) -> Answer:
        if ("lists" in call.segments and LIST not in call.segments) or "/" in email:
            return _error(404)
        if email not in self.banned:
            return _error(404, f"Email is not banned: {email}")
        self.banned.discard(email)
        return Answer(204)


VENDOR = Mailman
