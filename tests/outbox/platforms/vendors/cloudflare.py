"""Cloudflare Email Sending after the SDK that is made from its API definition."""

from typing import Any, ClassVar
from uuid import NAMESPACE_DNS, uuid5

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

ACCOUNT = "0123456789abcdef0123456789abcdef"
_ITEM = {"email", "expires_at", "note", "scope"}
_QUERY = {"cursor", "email", "per_page", "reason", "scope_type", "scope_value", "search"}


def error(status: int, code: int | str, message: str) -> Answer:
    errors = [{"code": code, "message": message}]
    return Answer(status, {"success": False, "errors": errors, "messages": [], "result": None})


def id_of(address: str) -> str:
    return str(uuid5(NAMESPACE_DNS, address))


def success(result: object, **info: object) -> Answer:
    more = {"result_info": info} if info else {}
    return Answer(200, {"success": True, "errors": [], "messages": [], "result": result, **more})


class Cloudflare(Vendor):
    """`scopes` are those of entries that do not hold for the whole account; `fixed` are read-only."""

    kind = "cloudflare"
    refuses: ClassVar = "no-address"
    keeps: ClassVar = "policy@example.org"
    troubles: ClassVar = {
        "a bad body": Trouble(error(400, 1001, "items: invalid"), dead=True),
        "a malformed token": Trouble(error(400, 6003, "Invalid request headers")),
        "a token without rights": Trouble(error(403, 10000, "Authentication error")),
        "another account": Trouble(error(404, 7003, "Could not route to /accounts, perhaps your object identifier is "
                                                    "invalid?")),
        "no success in a success": Trouble(Answer(200, {"success": False, "errors": [], "result": None})),
        "an error of one item": Trouble(success({"items": [{"index": 0, "status": "error", "error": "try again"}]})),
    }

    def __init__(self) -> None:
        super().__init__()
        self.fixed: set[str] = set()
        self.scopes: dict[str, dict[str, str]] = {}

    def keys(self, key: str = KEY) -> str:
        return f'api_token = "{key}"\naccount_id = "{ACCOUNT}"'

    def prepare(self, *addresses: str) -> None:
        if self.keeps in addresses:
            self.fixed.add(self.keeps)
            self.listed.add(self.keeps)

    def handle(self, call: Call) -> Answer:
        if call.bearer != KEY:
            return error(401, 10000, "Authentication error")
        match call.method, *call.segments:
            case _, "accounts", account, *_ if account != ACCOUNT:
                return error(404, 7003, "Could not route to it")
            case "POST", "accounts", _, "email", "sending", "suppressions", "bulk":
                return self._import(call.json)
            case "GET", "accounts", _, "email", "sending", "suppressions":
                return self._list(call)
            case "DELETE", "accounts", _, "email", "sending", "suppressions", number:
                return self._delete(number)
            case _:
                return error(404, 7000, "No route for that URI")

    def _import(self, body: Any) -> Answer:
        items = body.get("items") if isinstance(body, dict) and set(body) == {"items"} else None
        if not isinstance(items, list) or not 1 <= len(items) <= 1000 or not all(_is_item(item) for item in items):
            return self.troubles["a bad body"].answer
        told, seen = list[dict[str, Any]](), set[str]()
        for index, item in enumerate(items):
            email = item["email"].lower()
            if email not in seen:
                told.append({"index": index, "email": item["email"], "scope": item.get("scope"), **self._add(item)})
            seen.add(email)
        counts = {name: sum(row["status"] == name for row in told) for name in ("processed", "invalid", "skipped")}
        repeated = len(items) - len(told)
        return success({**counts, "errors": 0, "total": len(items), "deduplicated": repeated, "items": told[::-1]})

    def _add(self, item: dict[str, Any]) -> dict[str, str]:
        email = item["email"].lower()
        if "@" not in email:
            return {"status": "invalid", "error": "invalid email address"}
        if email in self.fixed:
            return {"status": "skipped", "error": "existing suppression is not customer-managed"}
        self.listed.add(email)
        self.scopes[email] = item.get("scope") or {"type": "account"}
        return {"status": "processed", "id": id_of(email)}

    def _delete(self, number: str) -> Answer:
        email = next((each for each in self.listed if id_of(each) == number), None)
        if email is None:
            return error(404, 1002, "suppression not found")
        if email in self.fixed:
            return error(403, 1003, "suppression is read-only")
        self.listed.discard(email)
        return success({"id": number, "scope": {"type": "account"}})

    def _list(self, call: Call) -> Answer:
        asked = {name: values[0] for name, values in call.query.items()}
        if set(asked) - _QUERY or ("scope_value" in asked) is not (asked.get("scope_type") == "sending_domain"):
            return error(400, 1001, "invalid query")
        start, _, scope = asked.get("cursor", "0 ").partition(" ")
        kind = asked.get("scope_type") or scope
        rows = [row for row in self._rows() if kind in ("", row["scope"]["type"])]
        rows = [row for row in rows if asked.get("email", row["email"]).lower() == row["email"]]
        rows = [row for row in rows if asked.get("scope_value") in (None, row["scope"].get("value"))]
        end = int(start) + int(asked.get("per_page", 20))
        return success(rows[int(start) : end], next_cursor=f"{end} {kind}" if end < len(rows) else None)

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {"id": id_of(each), "email": each, "created_at": "2026-10-01T10:00:00Z", "expires_at": None,
             "read_only": each in self.fixed, "reason": "policy" if each in self.fixed else "manual", "note": None,
             "scope": self.scopes.get(each, {"type": "account"})}
            for each in sorted(self.listed)
        ]


def _is_item(item: Any) -> bool:
    if not isinstance(item, dict) or set(item) - _ITEM or not isinstance(item.get("email"), str):
        return False
    scope = item.get("scope", {"type": "account"})
    fits = scope == {"type": "account"} or (set(scope) == {"type", "value"} and scope["type"] == "sending_domain")
    return fits and len(item.get("note") or "") <= 1000


VENDOR = Cloudflare
