"""listmonk after its API pages and the statements of its source. The `query` is run as the SQL that it is."""

import sqlite3
from itertools import count
from typing import Any, ClassVar

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

USER = "bounces"
_CAP = 50
_FIELDS = frozenset({"email", "name", "status", "lists", "attribs", "preconfirm_subscriptions"})


def _error(status: int, message: str) -> Answer:
    return Answer(status, {"message": message})


class Listmonk(Vendor):
    kind = "listmonk"
    refuses = "user@blocked.example.com"
    troubles: ClassVar = {
        "no right to query": Trouble(_error(403, "Permission denied: subscribers:sql_query")),
        "bad query": Trouble(_error(400, "Error querying subscribers"), dead=True),
    }

    def __init__(self) -> None:
        super().__init__()
        self.ids: dict[str, int] = {}
        self.disabled: set[str] = set()
        self._numbers = count(1)

    def keys(self, key: str = KEY) -> str:
        return f'user = "{USER}"\ntoken = "{key}"'

    def prepare(self, *addresses: str) -> None:
        for address in addresses:
            if address != self.refuses:
                self.ids.setdefault(address.lower(), next(self._numbers))

    def handle(self, call: Call) -> Answer:
        if call.basic != (USER, KEY):
            return _error(403, "invalid API credentials")
        match call.method, *call.segments:
            case "GET", "api", "subscribers":
                return self._list(call)
            case "PUT", "api", "subscribers", "blocklist":
                return self._block(call.json)
            case "PUT", "api", "subscribers", "query", "blocklist":
                self.wiped = True
                return Answer(200, {"data": True})
            case "POST", "api", "subscribers":
                return self._create(call.json)
            case "PATCH", "api", "subscribers", number if number.isdecimal():
                return self._patch(int(number), call.json)
            case _:
                return _error(404, "not found")

    def _rows(self) -> list[tuple[int, str, str]]:
        self.prepare(*self.listed)
        return [(number, address, self._status(address)) for address, number in self.ids.items()]

    def _status(self, address: str) -> str:
        if address in self.listed:
            return "blocklisted"
        return "disabled" if address in self.disabled else "enabled"

    def _list(self, call: Call) -> Answer:
        asked = {name: values[0] for name, values in call.query.items()}
        condition = asked.get("query") or "TRUE"
        number, size = int(asked.get("page", 1)), min(int(asked.get("per_page", 20)), _CAP)
        table = sqlite3.connect(":memory:")
        table.execute("CREATE TABLE subscribers (id INTEGER, email TEXT, status TEXT)")
        table.executemany("INSERT INTO subscribers VALUES (?, ?, ?)", self._rows())
        try:
            found = table.execute(f"SELECT * FROM subscribers WHERE ({condition}) ORDER BY id").fetchall()
        except sqlite3.Error as error:
            return _error(400, f"Error querying subscribers: {error}")
        finally:
            table.close()
        rows = [
            {"id": id_, "email": email, "status": status, "updated_at": "2026-10-01T10:00:00.123456+02:00", "lists": []}
            for id_, email, status in found
        ]
        here = rows[(number - 1) * size : number * size]
        return Answer(200, {"data": {"results": here, "total": len(rows), "per_page": size, "page": number}})

    def _block(self, body: Any) -> Answer:
        ids = body.get("ids") if isinstance(body, dict) and set(body) == {"ids"} else None
        if not isinstance(ids, list) or not ids or not all(type(number) is int for number in ids):
            return _error(400, "No IDs given.")
        self.listed |= {address for address, number in self.ids.items() if number in ids}
        return Answer(200, {"data": True})

    def _create(self, body: Any) -> Answer:
        if not isinstance(body, dict) or not set(body) <= _FIELDS or not isinstance(body.get("email"), str):
            return _error(400, "Invalid data")
        email = body["email"].strip().lower()
        if email.endswith("@blocked.example.com"):
            return _error(400, "The e-mail domain is blocklisted.")
        if "@" not in email or body.get("status") not in {"enabled", "disabled", "blocklisted"}:
            return _error(400, "Invalid e-mail or status.")
        if email in self.ids:
            return _error(409, "E-mail already exists.")
        self.ids[email] = next(self._numbers)
        if body["status"] == "blocklisted":
            self.listed.add(email)
        return Answer(200, {"data": {"id": self.ids[email], "email": email, "status": body["status"]}})

    def _patch(self, number: int, body: Any) -> Answer:
        (address, *_) = [*(address for address, known in self.ids.items() if known == number), ""]
        if not address:
            return _error(400, "Subscriber not found")
        if body != {"status": "enabled"}:
            return _error(400, "Invalid data")
        self.listed.discard(address)
        self.disabled.discard(address)
        return Answer(200, {"data": {"id": number, "email": address, "status": "enabled"}})


VENDOR = Listmonk
