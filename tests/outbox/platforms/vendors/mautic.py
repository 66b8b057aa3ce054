"""Mautic after its developer documentation and the source of its contacts' API."""

import re
from typing import Any, ClassVar

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

USER = "bounces"
_MEANS_SOMETHING = re.compile(r"""[+'"()!|*%#?]""")
"""What a search of the real one may read as its own: here such a search finds nobody."""


def _error(status: int, message: str) -> Answer:
    return Answer(status, {"errors": [{"message": message, "code": status, "type": None}]})


class Mautic(Vendor):
    kind = "mautic"
    keeps = "optout@example.org"
    troubles: ClassVar = {
        "API disabled": Trouble(_error(403, "API disabled.")),
        "no right to edit": Trouble(_error(403, "You do not have access to the requested area/action.")),
    }

    def __init__(self) -> None:
        super().__init__()
        self.contacts: dict[int, str] = {}
        self.stops: dict[str, tuple[int, str]] = {}
        """By address: reason and comments."""

    def keys(self, key: str = KEY) -> str:
        return f'user = "{USER}"\npassword = "{key}"'

    def prepare(self, *addresses: str) -> None:
        for address in addresses:
            if address.lower() not in self.contacts.values():
                self.add(address)
            if address == self.keeps:
                self.opt_out(address)

    def add(self, address: str) -> int:
        number = len(self.contacts) + 1
        self.contacts[number] = address.lower()
        return number

    def opt_out(self, address: str) -> None:
        self.listed.add(address)
        self.stops[address] = (1, "User unsubscribed.")

    def handle(self, call: Call) -> Answer:
        if call.basic != (USER, KEY):
            return _error(401, "OAuth2 authentication required")
        if call.segments[:2] != ["api", "contacts"]:
            return _error(404, "Item was not found.")
        match call.method, *call.segments[2:]:
            case ("GET",):
                return self._list(call)
            case "POST", "new":
                return self._create(call.json)
            case method, number, *rest if number.isdecimal() and int(number) in self.contacts:
                return self._of_one(method, int(number), rest, call)
            case _:
                return _error(404, "Item was not found.")

    def _of_one(self, method: str, number: int, rest: list[str], call: Call) -> Answer:
        match method, *rest:
            case ("GET",):
                return Answer(200, {"contact": self._contact(number)})
            case "POST", "dnc", "email", "add":
                return self._stop(number, call.json)
            case "POST", "dnc", "email", "remove":
                found = self.contacts[number] in self.listed
                self.listed.discard(self.contacts[number])
                return Answer(200, {"recordFound": found, "contact": self._contact(number)})
            case _:
                return _error(404, "Item was not found.")

    def _list(self, call: Call) -> Answer:
        asked = {name: values[0] for name, values in call.query.items()}
        search, column, value = asked.get("search"), asked.get("where[0][col]"), asked.get("where[0][val]", "")
        found = dict(self.contacts)
        if search is not None:
            command, _, text = search.partition(":")
            is_plain = command == "email" and not _MEANS_SOMETHING.search(text)
            found = {number: each for number, each in found.items() if is_plain and text.lower() in each}
        elif column is not None:
            if (column, asked.get("where[0][expr]")) != ("email", "eq"):
                return _error(400, "unknown condition")
            found = {number: each for number, each in found.items() if each == value.lower()}
        rows = {str(number): self._contact(number) for number in list(found)[: int(asked.get("limit", 30))]}
        return Answer(200, {"total": str(len(found)), "contacts": rows or []})

    def _contact(self, number: int) -> dict[str, Any]:
        address = self.contacts[number]
        reason, comments = self.stops.get(address, (2, ""))
        stops = [{"id": number, "reason": reason, "comments": comments, "channel": "email", "channelId": None}]
        return {
            "id": number, "isPublished": True, "doNotContact": stops if address in self.listed else [],
            "fields": {"core": {"email": {"id": "6", "alias": "email", "value": address}}, "all": {"email": address}},
        }

    def _create(self, body: Any) -> Answer:
        if not isinstance(body, dict) or set(body) != {"email"} or "@" not in body["email"]:
            return _error(400, "email: is invalid.")
        known = [number for number, address in self.contacts.items() if address == body["email"].lower()]
        number = known[0] if known else self.add(body["email"])
        return Answer(200 if known else 201, {"contact": self._contact(number)})

    def _stop(self, number: int, body: Any) -> Answer:
        if not isinstance(body, dict) or not set(body) <= {"reason", "comments", "channelId"}:
            return _error(400, "Invalid data")
        if body.get("reason") not in (1, 2, 3):
            return _error(400, "Invalid reason code given")
        address = self.contacts[number]
        if address not in self.listed or self.stops.get(address, (2, ""))[0] != 1:
            self.stops[address] = (body["reason"], str(body.get("comments", "")))
        self.listed.add(address)
        return Answer(200, {"contact": self._contact(number)})


VENDOR = Mautic
