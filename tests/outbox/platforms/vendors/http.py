"""A platform that bounce_watcher has never heard of: an API such as a shop's own, told by templates."""

from typing import ClassVar

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor


class Shop(Vendor):
    kind = "http"
    refuses = "never@example.org"
    troubles: ClassVar = {
        "closed account": Trouble(Answer(403, {"result": "account closed"})),
        "not valid": Trouble(Answer(422, {"result": "not valid"}), dead=True),
        "a no with the status of a yes": Trouble(Answer(200, {"result": "try again"})),
    }

    def keys(self, key: str = KEY) -> str:
        return f'''
bearer = "{key}"
headers = {{ "X-Caller" = "bounces/{{{{ stream }}}}" }}
suppress_call = "PUT /v2/contacts/{{{{ recipient }}}}/block?notify={{{{ scope }}}}"
suppress_json = {{ reason = "{{{{ reason }}}}", count = "{{{{ sequence }}}}", tags = ["x"], until = "{{{{ until }}}}" }}
release_call = "DELETE /v2/contacts/{{{{ recipient | lower }}}}/block"
check_call = "GET /v2/me"
absent_status = [404]
ok_field = "result"
ok_value = "ok"
'''

    def handle(self, call: Call) -> Answer:
        if call.bearer != KEY:
            return Answer(401, {"result": "who are you"})
        match call.method, *call.segments:
            case "GET", "v2", "me":
                return Answer(200, {"name": "bounces"})
            case "PUT", "v2", "contacts", email, "block":
                return self._block(call, email)
            case "DELETE", "v2", "contacts", email, "block" if email in self.listed:
                self.listed.discard(email)
                return Answer(200, {"result": "ok"})
            case "DELETE", "v2", "contacts":
                self.wiped = True
                return Answer(200, {"result": "ok"})
            case _:
                return Answer(404, {"result": "not found"})

    def _block(self, call: Call, email: str) -> Answer:
        fields = call.json if isinstance(call.json, dict) else {}
        well_formed = set(fields) == {"reason", "count", "tags", "until"} and isinstance(fields["count"], int)
        if not well_formed or not call.headers.get("x-caller", "").startswith("bounces/"):
            return Answer(400, {"result": "malformed"})
        if email == self.refuses or "@" not in email:
            return Answer(422, {"result": "no contact can have that address"})
        self.listed.add(email)
        return Answer(200, {"result": "ok"})


VENDOR = Shop
