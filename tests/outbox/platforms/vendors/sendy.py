"""Sendy as the code of its clients knows it: lines of text, as text/html and with status 200."""

from typing import ClassVar

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

LIST = "a1B2c3D4e5"


def line(text: str) -> Answer:
    return Answer(200, body=text.encode(), headers={"content-type": "text/html; charset=UTF-8"})


class Sendy(Vendor):
    """One list. `others` are subscribers whose state is another than subscribed, by address."""

    kind = "sendy"
    keeps = "complained@example.org"
    refuses = "invalid@nowhere"
    troubles: ClassVar = {
        "wrong key": Trouble(line("Invalid API key")),
        "wrong list": Trouble(line("Invalid list ID.")),
        "a sentence that nobody knows": Trouble(line("Our hamster is tired.")),
        "invalid address": Trouble(line("Invalid email address."), dead=True),
    }

    def __init__(self) -> None:
        super().__init__()
        self.subscribers: set[str] = set()
        self.others: dict[str, str] = {}

    def keys(self, key: str = KEY) -> str:
        return f'api_key = "{key}"\nlist_ids = ["{LIST}"]\nresubscribe = true'

    def prepare(self, *addresses: str) -> None:
        self.subscribers |= {address.lower() for address in addresses}
        if self.keeps in addresses:
            self.others[self.keeps] = "Complained"
            self.listed.add(self.keeps)

    def handle(self, call: Call) -> Answer:
        form = {name: values[0] for name, values in call.form.items()}
        if call.method != "POST" or call.headers.get("content-type") != "application/x-www-form-urlencoded":
            return line("No data passed")
        match call.path:
            case "/api/subscribers/subscription-status.php":
                return line(self._status(form))
            case "/unsubscribe":
                return line(self._unsubscribe(form))
            case "/subscribe":
                return line(self._subscribe(form))
            case _:
                return Answer(404, body=b"<html>Not found</html>", headers={"content-type": "text/html"})

    def _state(self, email: str) -> str | None:
        if email in self.others:
            return self.others[email]
        if email in self.listed:
            return "Unsubscribed"
        return "Subscribed" if email in self.subscribers else None

    def _status(self, form: dict[str, str]) -> str:
        if form.get("api_key") != KEY:
            return "Invalid API key" if form.get("api_key") else "API key not passed"
        if not form.get("email"):
            return "Email not passed"
        if form.get("list_id") != LIST:
            return "Invalid list ID." if form.get("list_id") else "List ID not passed"
        if form["email"] == self.refuses:
            return "Invalid email address."
        return self._state(form["email"].lower()) or "Email does not exist in list"

    def _unsubscribe(self, form: dict[str, str]) -> str:
        if set(form) != {"list", "email", "boolean"}:
            return "Some fields are missing."
        if form["list"] != LIST:
            return "Invalid list ID."
        email = form["email"].lower()
        if self._state(email) is None:
            return "Email does not exist."
        self.others.pop(email, None)
        self.listed.add(email)
        return "1"

    def _subscribe(self, form: dict[str, str]) -> str:
        if not {"api_key", "list", "email", "boolean"} <= set(form):
            return "Some fields are missing."
        if form["api_key"] != KEY:
            return "Invalid API key"
        if form["list"] != LIST:
            return "Invalid list ID."
        email = form["email"].lower()
        if self.others.get(email) in ("Bounced", "Complained"):
            return "Bounced email address."
        if self._state(email) == "Subscribed":
            return "Already subscribed."
        self.listed.discard(email)
        self.subscribers.add(email)
        return "1"


VENDOR = Sendy
