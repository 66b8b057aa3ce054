"""Mailgun after its OpenAPI description of July 2026 and its guide to suppressions: strict where the two differ."""

from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

DOMAIN = "mg.example.com"
MOST = 1000
_FIELDS = {
    "bounces": {"address", "code", "error", "created_at"},
    "complaints": {"address", "created_at"},
}


def _message(status: int, text: str, **more: str) -> Answer:
    return Answer(status, {"message": text, **more})


class Mailgun(Vendor):
    """`listed` are the bounces. `told` is what was written of each address."""

    kind = "mailgun"
    refuses = "nobody@localhost"
    troubles: ClassVar = {
        "bad request": Trouble(_message(400, "Address is not valid"), dead=True),
        "the domain is not known": Trouble(_message(404, "Domain not found: mg.example.com")),
        "not paid": Trouble(_message(402, "Request failed")),
        "too large": Trouble(_message(413, "Payload too large"), dead=True),
    }

    def __init__(self) -> None:
        super().__init__()
        self.complaints: set[str] = set()
        self.unsubscribes: set[str] = set()
        self.told: dict[str, dict[str, str]] = {}

    def keys(self, key: str = KEY) -> str:
        return f'domain = "{DOMAIN}"\napi_key = "{key}"'

    def of(self, name: str) -> set[str]:
        return {"bounces": self.listed, "complaints": self.complaints, "unsubscribes": self.unsubscribes}[name]

    def handle(self, call: Call) -> Answer:
        if call.basic != ("api", KEY):
            return Answer(401, body=b"Forbidden")
        version, domain, name, *address = call.segments
        if (version, domain) != ("v3", DOMAIN):
            return _message(404, f"Domain not found: {domain}")
        if name not in ("bounces", "complaints", "unsubscribes"):
            return Answer(404, body=b"404 page not found", headers={"content-type": "text/plain"})
        match call.method, address:
            case "POST", []:
                return self._add(name, call)
            case "GET", []:
                return self._list(name, call)
            case "DELETE", []:
                self.wiped = True
                return _message(200, f"{name} addresses for this domain have been removed")
            case "DELETE", [one]:
                return self._remove(name, one.lower())
            case _:
                return _message(405, "method not allowed")

    def _add(self, name: str, call: Call) -> Answer:
        items = call.json
        problem = _problem(name, items)
        if problem:
            return _message(400, problem)
        for item in items:
            self.of(name).add(item["address"].lower())
            self.told[item["address"].lower()] = item
        return _message(200, f"{len(items)} addresses have been added to the {name} table")

    def _remove(self, name: str, address: str) -> Answer:
        if address not in self.of(name):
            return _message(404, f"Address not found in {name} table")
        self.of(name).discard(address)
        return _message(200, f"{name} entry has been removed", address=address)

    def _list(self, name: str, call: Call) -> Answer:
        unknown = set(call.query) - {"limit", "page", "address", "term"}
        limit = int(call.query.get("limit", ["100"])[0])
        if unknown or not 1 <= limit <= MOST:
            return _message(400, "bad query")
        pivot = call.query.get("address", [""])[0]
        shown = [each for each in sorted(self.of(name)) if each > pivot][:limit]
        items = [{"address": each, "code": "550", "error": "no", "created_at": "Thu, 13 Oct 2011 18:02:00 UTC"}
                 for each in shown]
        return Answer(200, {"items": items, "paging": _paging(name, limit, shown[-1] if shown else pivot)})


def _paging(name: str, limit: int, pivot: str) -> dict[str, str]:
    """Full URLs of the public host, whatever host was asked."""
    base = f"https://api.mailgun.net/v3/{DOMAIN}/{name}?"
    following = urlencode({"page": "next", "address": pivot, "limit": limit})
    return {"first": f"{base}limit={limit}", "next": base + following, "last": f"{base}page=last&limit={limit}"}


def _problem(name: str, items: Any) -> str | None:
    if not isinstance(items, list) or not 1 <= len(items) <= MOST:
        return "expected an array of up to 1000 objects as application/json"
    for item in items:
        if not isinstance(item, dict) or set(item) != _FIELDS.get(name):
            return "an item has missing or unknown fields"
        if not all(isinstance(value, str) for value in item.values()):
            return "a field is no string"
        if "." not in item["address"].partition("@")[2]:
            return "Address is not valid"
        try:
            parsedate_to_datetime(item["created_at"])
        except ValueError:
            return "created_at is not RFC 2822"
    return None


VENDOR = Mailgun
