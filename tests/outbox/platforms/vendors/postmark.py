"""Postmark after its Suppressions API; where that is silent (words, codes, size of a call) after what others say."""

from collections.abc import Callable
from typing import Any, ClassVar

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

STREAM = "outbound"
MOST = 50
HELD = "You do not have the required authority to change this suppression."
INVALID = "An invalid email address was provided."
_BODY, _ROW = {"Suppressions"}, {"EmailAddress"}
_FILTERS = {"SuppressionReason", "Origin", "fromdate", "todate", "EmailAddress"}
_REASONS = ("HardBounce", "SpamComplaint", "ManualSuppression")


def _error(status: int, code: int, message: str) -> Answer:
    return Answer(status, {"ErrorCode": code, "Message": message}, {"x-pm-apierrorcode": str(code)})


class Postmark(Vendor):
    """`complaints` stand on the list and can be neither added nor deleted."""

    kind = "postmark"
    refuses = "not-an-address"
    keeps = "complained@example.org"
    troubles: ClassVar = {
        "the message stream is not known": Trouble(_error(422, 1226, "The message stream was not found.")),
        "a bad token as 422": Trouble(_error(422, 10, "Bad or missing API token.")),
        "a bad body": Trouble(_error(422, 1409, "The suppressions are malformed."), dead=True),
        "nothing said of the address": Trouble(Answer(200, {"Suppressions": []})),
        "a status of another kind": Trouble(
            Answer(200, {"Suppressions": [{"EmailAddress": "user@example.org", "Status": "Deleted", "Message": None}]})
        ),
        "no such path": Trouble(Answer(404, {"message": "nothing here"})),
    }

    def __init__(self) -> None:
        super().__init__()
        self.complaints: set[str] = set()

    def prepare(self, *addresses: str) -> None:
        """The one that it keeps has complained, which Postmark knows already."""
        if self.keeps in addresses:
            self.complain(self.keeps)

    def complain(self, address: str) -> None:
        self.complaints.add(address)
        self.listed.add(address)

    def keys(self, key: str = KEY) -> str:
        return f'server_token = "{key}"\nmessage_stream = "{STREAM}"'

    def handle(self, call: Call) -> Answer:
        if call.headers.get("x-postmark-server-token") != KEY:
            return _error(401, 10, "No Account or Server API tokens were supplied in the HTTP headers.")
        if "application/json" not in call.headers.get("accept", ""):
            return _error(406, 0, "Accept must be application/json")
        match call.method, *call.segments:
            case _, "message-streams", stream, *_ if stream != STREAM:
                return _error(422, 1226, "The message stream for the provided ID was not found.")
            case "POST", "message-streams", _, "suppressions":
                return self._change(call, self._add)
            case "POST", "message-streams", _, "suppressions", "delete":
                return self._change(call, self._delete)
            case "GET", "message-streams", _, "suppressions", "dump":
                return self._dump(call)
            case _:
                return Answer(404)

    def _change(self, call: Call, act: Callable[[str], tuple[str, str | None]]) -> Answer:
        rows = call.json.get("Suppressions") if isinstance(call.json, dict) and set(call.json) == _BODY else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) and set(row) == _ROW for row in rows):
            return _error(422, 1409, "The suppressions are malformed.")
        if len(rows) > MOST:
            return _error(422, 1410, "More than 50 suppressions.")
        told = []
        for row in rows:
            status, message = act(row["EmailAddress"].lower())
            told.append({"EmailAddress": row["EmailAddress"].lower(), "Status": status, "Message": message})
        return Answer(200, {"Suppressions": told[::-1]})  # no order is promised

    def _add(self, address: str) -> tuple[str, str | None]:
        if "@" not in address:
            return "Failed", INVALID
        if address in self.complaints:
            return "Failed", HELD
        self.listed.add(address)
        return "Suppressed", None

    def _delete(self, address: str) -> tuple[str, str | None]:
        if address in self.complaints:
            return "Failed", HELD
        self.listed.discard(address)
        return "Deleted", None

    def _dump(self, call: Call) -> Answer:
        query = {name: values[0] for name, values in call.query.items()}
        reason = query.get("SuppressionReason")
        if not set(query) <= _FILTERS or reason not in (None, *_REASONS):
            return _error(422, 1404, "The filter is not valid.")
        rows = [row for row in self._rows() if reason in (None, row["SuppressionReason"])]
        wanted = query.get("EmailAddress", "").lower()
        return Answer(200, {"Suppressions": [row for row in rows if wanted in ("", row["EmailAddress"])]})

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {"EmailAddress": each, "Origin": "Recipient" if each in self.complaints else "Customer",
             "SuppressionReason": "SpamComplaint" if each in self.complaints else "ManualSuppression",
             "CreatedAt": "2026-11-26T08:58:33-05:00"}
            for each in sorted(self.listed)
        ]


VENDOR = Postmark
