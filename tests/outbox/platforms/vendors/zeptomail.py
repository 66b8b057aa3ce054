"""ZeptoMail after its API help and its package for Node; the accounts server of Zoho stands on the same port."""

from typing import Any, ClassVar

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

CLIENT, SECRET = "1000.CLIENT", f"{KEY}-secret"
_ACTIONS = {"reject", "suppress", "suppress_tracking"}
_ENTRY = {"action", "values", "mailagent_keys", "description"}
_QUERY = {"date_from", "date_to", "limit", "offset", "mailagent_key", "search_value"}


def failure(status: int, code: str, message: str, field: str = "values") -> Answer:
    error = {"code": code, "field": field, "message": message, "value": ""}
    return Answer(status, {"error": error, "status": "failure"})


class ZeptoMail(Vendor):
    """`actions` are those of entries that are not to reject; `tokens` are the access tokens given out, newest last."""

    kind = "zeptomail"
    refuses: ClassVar = "no-address"
    troubles: ClassVar = {
        "an address that is none": Trouble(failure(400, "DND_103", "Invalid email"), dead=True),
        "a mail agent that is none": Trouble(failure(400, "DND_104", "Invalid agent", "mailagent_keys")),
        "no scope": Trouble(failure(403, "GE_104", "Access denied", "scope")),
        "no such path": Trouble(Answer(404, {"error": {"code": "URL_RULE_NOT_CONFIGURED"}})),
        "a failure in a success": Trouble(failure(200, "GE_101", "Internal error")),
    }

    def __init__(self) -> None:
        super().__init__()
        self.actions: dict[str, str] = {}
        self.tokens: list[str] = []

    def keys(self, key: str = KEY) -> str:
        return (
            f'accounts_url = "{self.url}"\nclient_id = "{CLIENT}"\nclient_secret = "{SECRET}"\nrefresh_token = "{key}"'
        )

    def secrets(self) -> tuple[str, ...]:
        return (KEY, SECRET, *self.tokens)

    def take(self, call: Call) -> Answer:
        """Tokens come from another server, which works whatever is the matter with ZeptoMail."""
        if call.segments == ["oauth", "v2", "token"]:
            with self._lock:
                return self._token(call)
        return super().take(call)

    def _token(self, call: Call) -> Answer:
        form = {name: values[0] for name, values in call.form.items()}
        if call.method != "POST" or call.query or form.pop("grant_type", None) != "refresh_token":
            return Answer(400, {"error": "invalid_request"})
        if form.pop("client_id", None) != CLIENT or form.pop("client_secret", None) != SECRET:
            return Answer(200, {"error": "invalid_client"})
        if form != {"refresh_token": KEY}:
            return Answer(200, {"error": "invalid_code"})
        self.tokens.append(f"1000.access-token-of-some-length-{len(self.tokens)}")
        return Answer(200, {"access_token": self.tokens[-1], "expires_in": 3600, "token_type": "Bearer"})

    def handle(self, call: Call) -> Answer:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme != "Zoho-oauthtoken" or token not in self.tokens[-1:]:
            return failure(401, "SERR_157", "Invalid API Token found", "Authorization")
        match call.method, *call.segments:
            case ("POST" | "PUT") as method, "v1.1", "suppressions", "email":
                return self._change(method, call.json)
            case "DELETE", "v1.1", "suppressions", "email":
                return self._delete(call.json)
            case "GET", "v1.1", "suppressions", "email":
                return self._list(call)
            case _:
                return Answer(404, {"error": {"code": "URL_RULE_NOT_CONFIGURED"}})

    def _change(self, method: str, body: Any) -> Answer:
        if not isinstance(body, dict) or set(body) - _ENTRY or body.get("action") not in _ACTIONS:
            return failure(400, "GE_102", "Invalid body", "action")
        values = body.get("values")
        if not isinstance(values, list) or not values or not all("@" in value for value in values):
            return failure(400, "DND_103", "Invalid email")
        known = {value.lower() for value in values} & self.listed
        if method == "POST" and known:
            return failure(400, "DND_101", "Already exists")
        if method == "PUT" and len(known) < len(values):
            return failure(400, "DND_102", "Not found")
        self.listed |= {value.lower() for value in values}
        self.actions |= {value.lower(): body["action"] for value in values}
        data = {**body, "suppression_type": "email", "category": "manual", "modified_time": "01 Mar 2026 04:44 PM"}
        return Answer(200, {"data": data, "status": "success"})

    def _delete(self, body: Any) -> Answer:
        values = body.get("values") if isinstance(body, dict) and set(body) == {"values"} else None
        if not isinstance(values, list) or not values:
            return failure(400, "GE_102", "Invalid body")
        if not {value.lower() for value in values} <= self.listed:
            return failure(400, "DND_102", "Not found")
        self.listed -= {value.lower() for value in values}
        return Answer(204)

    def _list(self, call: Call) -> Answer:
        asked = {name: values[0] for name, values in call.query.items()}
        if set(asked) - _QUERY or call.body:
            return failure(400, "GE_102", "Invalid query", "limit")
        found = [each for each in sorted(self.listed) if asked.get("search_value", "").lower() in each]
        start, size = int(asked.get("offset", 0)), min(int(asked.get("limit", 10)), 50)
        rows = [
            {"value": each, "action": self.actions.get(each, "reject"), "category": "manual",
             "created_time": "01 Mar 2026 04:44 PM", "modified_time": "01 Mar 2026 04:44 PM"}
            for each in found[start : start + size]
        ]
        return Answer(200, {"data": rows, "status": "success", "count": len(rows)})


VENDOR = ZeptoMail
