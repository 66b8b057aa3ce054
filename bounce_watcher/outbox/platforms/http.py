"""An HTTP API without a kind of its own here: an operator's templates define the request for each change.

Values are escaped for the place where they are inserted (template.py). The body is built as JSON or as a form from the
values and never pasted together. The host comes only from `url`. So no recipient's address can alter another part.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import SecretStr

from bounce_watcher.model.url import Hides
from bounce_watcher.outbox.change import COLUMNS, Change, Fate, Outcome, spelled
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Reply, Request, basic, bearer, masked
from bounce_watcher.outbox.platform import HttpPlatform, Misfit
from bounce_watcher.outbox.replies import NOT_LISTED, done, garbage, later, one_by_one, outcome, refused
from bounce_watcher.outbox.template import (
    BadTemplate,
    Scalar,
    Template,
    TemplateContext,
    Unfit,
    template,
    unknown_names,
)

_CALL = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE) +([/?].*)", re.DOTALL)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_KEY = re.compile("key|token|secret|pass|auth|sign|cred", re.IGNORECASE)
_AS_LONG_AS_A_KEY = 16
_SECRET = re.compile(r"\s*\{\{\s*secret\s*\}\}\s*")
_NOT_YOURS = frozenset({
    "host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "cookie",
    "accept-encoding",
})
_HOLD_SECRETS = frozenset({"authorization", "proxy-authorization"})
_NO_BODY = frozenset({"GET", "HEAD"})
_DEEPEST = 16
MAX_BODY = 256 * 1024

_SAMPLE = spelled(Change(
    "msg_1", "user@example.org", "stream", suppress=True, at=datetime(2026, 1, 1, tzinfo=UTC), sequence=1,
    bounce_type="hard", reason="invalid_recipient", status="5.1.1", diagnostic="550 no such user", because="1 of 1",
    until=datetime(2026, 2, 1, tzinfo=UTC),
))


@dataclass(frozen=True, kw_only=True)
class Http(HttpPlatform):
    """An HTTP API. `suppress_call`, `release_call` and `check_call` are "METHOD /path?query" below `url`.

    A call's body is its JSON (any value of TOML) or its form. `secret` goes into the header `secret_header`, or where
    a body says "{{ secret }}"; `bearer`, or `basic_user` with `basic_password`, goes into Authorization.

    `ok_status` () = every 2xx. `absent_status` are those that mean, for a release, that the address is not there.
    The body of a success contains `ok_text`, if set. `ok_field` (a path of names with dots), if set, must have a value
    there: `ok_value`, or without that any value except null and false.
    """

    suppress_call: str = field(metadata={"example": '"PUT /blocked/{{ recipient }}"'})
    suppress_json: Any = None
    suppress_form: Mapping[str, str] = field(default_factory=dict)
    release_call: str = field(metadata={"example": '"DELETE /blocked/{{ recipient }}"'})
    release_json: Any = None
    release_form: Mapping[str, str] = field(default_factory=dict)
    check_call: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    bearer: SecretStr | None = None
    basic_user: str | None = None
    basic_password: SecretStr | None = None
    secret_header: str | None = None
    secret: SecretStr | None = None
    ok_status: tuple[int, ...] = ()
    refused_status: tuple[int, ...] = (400, 413, 422)
    absent_status: tuple[int, ...] = ()
    ok_text: str | None = None
    ok_field: str | None = None
    ok_value: str | None = None

    kind: ClassVar[str] = "http"
    limits: ClassVar[Limits] = Limits(rate=10, concurrency=4)

    def __post_init__(self) -> None:
        if not self.url:
            raise Misfit("url", 'missing: kind = "http" needs it: add url = "https://api.example.com/v1"')
        if "?" in self.url:
            raise Misfit("url", "holds a query: write it into each call, behind its path")
        _look_at_auth(self)
        _look_at_headers(self.headers)
        _look_at_statuses(self)
        for key in ("suppress", "release"):
            _look_at_call(self, key)
        if self.check_call is not None:
            _, path = _call("check_call", self.check_call)
            _known("check_call", path, ())

    # ── the calls ──

    @one_by_one
    def suppress(self, change: Change, now: datetime) -> Conversation[Outcome]:
        return (yield from self._make("suppress", change, now))

    @one_by_one
    def release(self, change: Change, now: datetime) -> Conversation[Outcome]:
        return (yield from self._make("release", change, now))

    def check(self, now: datetime) -> Conversation[Outcome]:
        if self.check_call is None:
            reply = yield Request("GET", self.url, self._headers({}))
            status = reply.status
            if status is None or status >= 500 or 300 <= status < 400 or status in {401, 403, 429}:
                return later(reply, now)
            return Outcome(Fate.DONE, f"{reply.text}: it answers; whether it knows us is not known without check_call")
        method, path = _call("check_call", self.check_call)
        address = self.url.rstrip("/") + path.render({})
        reply = yield Request(method, address, self._headers({}), hides=_hides(self.check_call))
        return outcome(reply, now)

    def rehearse(self, changes: Sequence[Change], now: datetime) -> str:
        try:
            return super().rehearse(changes, now)
        except StopIteration as end:  # no request is made for a change whose values don't fit
            return f"nothing: {end.value[0].answer}"

    def _make(self, key: str, change: Change, now: datetime) -> Conversation[Outcome]:
        try:
            request = self._request(key, spelled(change))
        except Unfit as unfit:
            return Outcome(Fate.REFUSED, masked(f"not sent: {unfit}", set(self.secrets())))
        return self._read(key, (yield request), now)

    def _request(self, key: str, values: Mapping[str, Scalar]) -> Request:
        """Returns the request for one change. Raises Unfit."""
        method, path = _call(f"{key}_call", getattr(self, f"{key}_call"))
        form: Mapping[str, str] = getattr(self, f"{key}_form")
        document = _filled(getattr(self, f"{key}_json"), values, self.secret)
        fields = {name: self._form_field(value, values) for name, value in form.items()}
        request = Request(
            method, _address(self.url, path, values), self._headers(values), document, fields if form else None,
            hides=_hides(getattr(self, f"{key}_call")),
        )
        if len(request.body()) > MAX_BODY:
            raise Unfit("its body comes to more than 256 KiB")
        return request

    def _form_field(self, source: str, values: Mapping[str, Scalar]) -> str | SecretStr:
        if self.secret and _SECRET.fullmatch(source):
            return self.secret
        return template(source, TemplateContext.TEXT).render(values)

    def _headers(self, values: Mapping[str, Scalar]) -> dict[str, str | SecretStr]:
        """Returns the headers. Without values, leaves out the headers whose templates need some."""
        made: dict[str, str | SecretStr] = {}
        for name, source in self.headers.items():
            header = template(source, TemplateContext.HEADER)
            if values or not header.names:
                made[name] = header.render(values)
        if self.bearer:
            made["authorization"] = bearer(self.bearer)
        if self.basic_user and self.basic_password:
            made["authorization"] = basic(self.basic_user, self.basic_password)
        if self.secret_header and self.secret:
            made[self.secret_header] = self.secret
        return made

    # ── the answers ──

    def _read(self, key: str, reply: Reply, now: datetime) -> Outcome:
        if key == "release" and reply.status in self.absent_status:
            return done(reply, NOT_LISTED)
        if reply.status in self.ok_status or (reply.ok and not self.ok_status):
            return done(reply) if self._keeps_its_word(reply) else garbage(reply)
        if reply.status in self.refused_status:
            return refused(reply)
        return later(reply, now)

    def _keeps_its_word(self, reply: Reply) -> bool:
        """Checks the body of a success. A web page is from a portal or a proxy, unless it has what was configured."""
        if self.ok_text is not None and self.ok_text not in reply.body.decode("utf-8", "replace"):
            return False
        if self.ok_field is not None:
            found = reply.field(*self.ok_field.split("."))
            if self.ok_value is None:
                return found is not None and found is not False
            return (str(found).lower() if isinstance(found, bool) else str(found)) == self.ok_value
        return self.ok_text is not None or not reply.is_page


# ── how a call is filled in ─────────────────────────────────────────────────────────────────────────────────────────

def _call(key: str, text: str) -> tuple[str, Template]:
    """Returns the method, and the path and query to append to `url`. Raises Misfit."""
    found = _CALL.fullmatch(text)
    if not found:
        raise Misfit(key, 'must be a method and a path, such as "PUT /blocked/{{ recipient }}"')
    return found[1], _template(key, found[2], TemplateContext.URL)


def _hides(call: str) -> Hides:
    """Hides the query if it seems to hold a key: a constant with the name of a secret, or a long one."""
    pairs = (each.partition("=") for each in call.partition("?")[2].split("&"))
    written = ((name, value) for name, _, value in pairs if "{{" not in value)
    is_key = any(value and (_KEY.search(name) or len(value) >= _AS_LONG_AS_A_KEY) for name, value in written)
    return Hides.QUERY if is_key else Hides.NOTHING


def _address(url: str, path: Template, values: Mapping[str, Scalar]) -> str:
    """Returns the URL. Raises Unfit if a path segment becomes "." or "..", which would lead elsewhere.

    See RFC 3986 section 5.2.4.
    """
    rendered = path.render(values)
    if any(segment in (".", "..") for segment in rendered.partition("?")[0].split("/")):
        raise Unfit("a part of the path would be dots")
    return url.rstrip("/") + rendered


def _filled(value: object, values: Mapping[str, Scalar], secret: SecretStr | None) -> Any:
    match value:
        case str() if secret and _SECRET.fullmatch(value):
            return secret
        case str():
            return template(value, TemplateContext.TEXT, native=True).value(values)
        case Mapping():
            return {name: _filled(inner, values, secret) for name, inner in value.items()}
        case list() | tuple():
            return [_filled(inner, values, secret) for inner in value]
        case _:
            return value


# ── faults in the table ─────────────────────────────────────────────────────────────────────────────────────────────

def _look_at_auth(platform: Http) -> None:
    if (platform.basic_user is None) != (platform.basic_password is None):
        missing = "basic_password" if platform.basic_password is None else "basic_user"
        raise Misfit(missing, "missing: basic_user and basic_password go together")
    if platform.bearer and platform.basic_user:
        raise Misfit("bearer", "stands beside basic_user: both would be the Authorization, keep one of them")
    if platform.basic_user and ":" in platform.basic_user:
        raise Misfit("basic_user", "holds a colon, which ends the user's name (RFC 7617)")
    if platform.secret_header is not None:
        _look_at_header_name("secret_header", platform.secret_header)
        if platform.secret is None:
            raise Misfit("secret", "missing: secret_header needs it")
    bodies = (platform.suppress_json, platform.suppress_form, platform.release_json, platform.release_form)
    is_used = platform.secret_header is not None or any(_SECRET.fullmatch(each) for each in _texts(bodies))
    if platform.secret and not is_used:
        raise Misfit("secret", 'is used nowhere: add secret_header = "X-Api-Key", or put "{{ secret }}" into a body')


def _texts(value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case Mapping():
            return [text for inner in value.values() for text in _texts(inner)]
        case list() | tuple():
            return [text for inner in value for text in _texts(inner)]
        case _:
            return []


def _look_at_headers(headers: Mapping[str, str]) -> None:
    for name, source in headers.items():
        _look_at_header_name("headers", name)
        if name.lower() in _HOLD_SECRETS:
            raise Misfit("headers", f"{name} holds a secret: use bearer, basic_user or secret_header")
        _known("headers", _template("headers", source, TemplateContext.HEADER))


def _look_at_header_name(key: str, name: str) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise Misfit(key, 'holds a name that no header can have: leave out the colon, as in "X-Api-Key"')
    if name.lower() in _NOT_YOURS:
        raise Misfit(key, f"{name} is set by whoever sends the request: take it out")


def _look_at_statuses(platform: Http) -> None:
    for key, low, high in (("ok_status", 200, 499), ("refused_status", 400, 499), ("absent_status", 400, 499)):
        for status in getattr(platform, key):
            if not low <= status <= high:
                raise Misfit(key, f"{status} is out of range: from {low} to {high}")
    both = set(platform.ok_status) & set(platform.refused_status)
    if both:
        raise Misfit("ok_status", f"{min(both)} stands in refused_status as well: keep one of them")
    if platform.ok_value is not None and platform.ok_field is None:
        raise Misfit("ok_value", "needs ok_field, which says where it stands")


def _look_at_call(platform: Http, key: str) -> None:
    """Checks a call. Also fills it in for a made-up change, to find faults without a real recipient."""
    text, document, form = (getattr(platform, f"{key}_{part}") for part in ("call", "json", "form"))
    method, path = _call(f"{key}_call", text)
    _known(f"{key}_call", path)
    if document is not None and form:
        raise Misfit(f"{key}_form", f"stands beside {key}_json: a call has one body, keep one of them")
    if method in _NO_BODY and (document is not None or form):
        raise Misfit(f"{key}_call", f"{method} has no body: use another method, or put the values into the path")
    names = set(path.names) | _names_in(f"{key}_json", document, platform.secret)
    for name, source in form.items():
        names |= _names_in(f"{key}_form", source, platform.secret)
        _plain_name(f"{key}_form", name)
    if "recipient" not in names:
        raise Misfit(f"{key}_call", 'nothing of it holds "{{ recipient }}": it would do the same for everybody')
    try:
        request = platform._request(key, _SAMPLE)
    except Unfit as unfit:
        raise Misfit(f"{key}_call", f"{unfit}") from None
    if not (request.url.isascii() and request.url.isprintable()) or " " in request.url or "#" in request.url:
        raise Misfit(f"{key}_call", 'holds what no address can: write a space as %20, # as %23, "ü" as %C3%BC')


def _names_in(key: str, value: object, secret: SecretStr | None, depth: int = 0) -> set[str]:
    """Returns the names in all templates of a body. Raises Misfit for a value that is neither JSON nor a template."""
    if depth > _DEEPEST:
        raise Misfit(key, f"is nested deeper than {_DEEPEST}")
    match value:
        case str() if secret and _SECRET.fullmatch(value):
            return set()
        case str():
            found = _template(key, value, TemplateContext.TEXT, native=not key.endswith("_form"))
            _known(key, found)
            return set(found.names)
        case Mapping():
            for name in value:
                _plain_name(key, name)
            return {name for inner in value.values() for name in _names_in(key, inner, secret, depth + 1)}
        case list() | tuple():
            return {name for inner in value for name in _names_in(key, inner, secret, depth + 1)}
        case None | bool() | int() | float():
            return set()
        case _:
            raise Misfit(key, "holds a date or time: write it as text in quotes")


def _plain_name(key: str, name: str) -> None:
    if "{{" in name or "{%" in name:
        raise Misfit(key, "holds a template in the name of a field: only values can be templates")


def _template(key: str, source: str, place: TemplateContext, *, native: bool = False) -> Template:
    try:
        return template(source, place, native=native)
    except BadTemplate as bad:
        raise Misfit(key, str(bad)) from None


def _known(key: str, found: Template, known: Sequence[str] = COLUMNS) -> None:
    for name in unknown_names(found, known):
        if name == "secret":
            raise Misfit(key, 'a secret stands alone in a value of a body, "{{ secret }}", and in no address')
        there = "there are " + ", ".join(known) if known else "a check has no recipient and no values"
        raise Misfit(key, f"holds the unknown value {name}; {there}")
