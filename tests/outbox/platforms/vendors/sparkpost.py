"""SparkPost after its API Blueprint `suppression-list.apib` of June 2026."""

from typing import Any, ClassVar

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

TYPES = ("transactional", "non_transactional")
MOST = 10_000
_ENTRY = {"recipient", "type", "description", "list_id"}
_QUERY = {"from", "to", "domain", "sources", "types", "description", "description_strict", "list_id", "cursor",
          "per_page", "page", "sort"}


def _error(status: int, message: str) -> Answer:
    return Answer(status, {"errors": [{"message": message}]})


class SparkPost(Vendor):
    """`listed` is who gets none of either sort of mail; who has an entry for one sort stands in `half`, with that sort.

    `per_list` are entries of single lists. `told` are the descriptions.
    """

    kind = "sparkpost"
    refuses = "malformed@@example.org"
    keeps = "traps@example.org"
    troubles: ClassVar = {
        "malformed": Trouble(
            _error(400, "PUT body contains 1 invalid or malformed recipient(s): user@example.org"), dead=True
        ),
        "no rights": Trouble(_error(403, "Forbidden.")),
        "no such path": Trouble(Answer(404, {"message": "nothing here"})),
        "success without results": Trouble(Answer(200, {"errors": []})),
    }

    def __init__(self) -> None:
        super().__init__()
        self.half: dict[str, str] = {}
        self.per_list: set[str] = set()
        self.told: dict[str, str] = {}
        self.subaccount: str | None = None

    def keys(self, key: str = KEY) -> str:
        return f'api_key = "{key}"'

    def handle(self, call: Call) -> Answer:
        if call.headers.get("authorization") != KEY:  # no scheme before it
            return _error(401, "Unauthorized.")
        if call.headers.get("x-msys-subaccount") != self.subaccount:
            return _error(403, "Forbidden.")
        match call.method, *call.segments:
            case "PUT", "api", "v1", "suppression-list", "":
                return self._add(call)
            case "DELETE", "api", "v1", "suppression-list", recipient if recipient:
                return self._remove(recipient.lower(), call)
            case "GET", "api", "v1", "suppression-list", "summary":
                return Answer(200, {"results": {"manually_added": len(self.listed), "total": len(self.listed)}})
            case "GET", "api", "v1", "suppression-list":
                return self._search(call)
            case _:
                return Answer(404)

    def _add(self, call: Call) -> Answer:
        rows = call.json.get("recipients") if isinstance(call.json, dict) else None
        if not isinstance(rows, list) or not 1 <= len(rows) <= MOST:
            return _error(400, "Recipients must be an array of 1 to 10000")
        if not all(isinstance(row, dict) and set(row) <= _ENTRY and row.get("type") in TYPES for row in rows):
            return _error(400, "Type must be one of: 'transactional', 'non_transactional'")
        bad = list(dict.fromkeys(row["recipient"] for row in rows if row["recipient"].count("@") != 1))
        if bad:
            return _error(400, f"PUT body contains {len(bad)} invalid or malformed recipient(s): {', '.join(bad)}")
        for row in rows:
            self._put(row["recipient"].lower(), row["type"])
            self.told[row["recipient"].lower()] = row.get("description", "")
        return Answer(200, {"results": {"message": "Suppression List successfully updated"}})

    def _put(self, address: str, sort: str) -> None:
        if self.half.get(address, sort) != sort:
            self.listed.add(address)
            del self.half[address]
        elif address not in self.listed:
            self.half[address] = sort

    def _remove(self, address: str, call: Call) -> Answer:
        sort = (call.json or {}).get("type")
        if address == self.keeps:
            return _error(403, "Recipient could not be removed - Compliance")
        if address not in self.listed and self.half.get(address) not in ((sort,) if sort else TYPES):
            return _error(404, "Recipient could not be found")
        if call.query.get("list_id") != [""]:
            self.per_list.discard(address)
        if sort and address in self.listed:
            (self.half[address],) = set(TYPES) - {sort}
        else:
            self.half.pop(address, None)
        self.listed.discard(address)
        return Answer(204)

    def _search(self, call: Call) -> Answer:
        query = {name: values[0] for name, values in call.query.items()}
        size = int(query.get("per_page", "1000"))
        if not set(query) <= _QUERY or not 1 <= size <= MOST or "cursor" not in query:
            return _error(400, "bad query")
        rows = [row for row in self._rows() if row["type"] in query.get("types", ",".join(TYPES)).split(",")]
        begin = 0 if query["cursor"] == "initial" else int(query["cursor"].removeprefix("+/="))
        links = [{"href": "/api/v1/suppression-list?cursor=initial", "rel": "first"}]
        if begin + size < len(rows):
            links.append({"href": f"/api/v1/suppression-list?per_page={size}&cursor=%2B%2F%3D{begin + size}",
                          "rel": "next"})
        return Answer(200, {"results": rows[begin : begin + size], "links": links, "total_count": len(rows)})

    def _rows(self) -> list[dict[str, Any]]:
        entries = [(each, sort, "") for each in sorted(self.listed) for sort in TYPES]
        entries += [(each, sort, "") for each, sort in sorted(self.half.items())]
        entries += [(each, "non_transactional", "weekly") for each in sorted(self.per_list)]
        return [
            {"recipient": each, "type": sort, "source": "Manually Added", "description": "", "list_id": list_id,
             "created": "2026-01-15T12:23:42+00:00", "updated": "2026-02-15T12:23:42+00:00"}
            for each, sort, list_id in entries
        ]


VENDOR = SparkPost
