"""The requests to an HTTP API and its replies, as values. Pure: client.py makes the calls.

A conversation with an API is a generator that yields `Request`s and is sent `Reply`s. So tests need no network, and
`--dry-run` shows a request without sending it.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from pydantic import SecretStr

from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.model.neutral import for_terminal, without_addresses
from bounce_watcher.model.url import MASK, Hides, shown_url, url_secrets

T = TypeVar("T")
Conversation = Generator["Request", "Reply", T]
Headers = Mapping[str, str | SecretStr]

PLACE_HOLDER = "SECRET"
"""Stands for each secret in a command that a person copies."""
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
MAX_REPLY_BYTES = 1024 * 1024
"""The most that is read of a reply's body, unless the request asks for more."""

MAX_LINE = 240

_CONTROLS = re.compile(r"[\x00-\x20\x7f-\x9f]+")
_MASKS = (
    (re.compile(r"(whsec_|whsk_)[A-Za-z0-9+/=_-]+"), r"\1…"),
    (re.compile(r"(https?://)[^/\s@?#]{1,200}@", re.IGNORECASE), r"\1…@"),       # userinfo
    (re.compile(r"(https?://[^\s?#\"'<>]{1,200})[?#][^\s\"'<>]*", re.IGNORECASE), r"\1?…"),  # query and fragment
)


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `url` is absolute, every part of it percent-encoded: see `address_of`.

    Header values, form fields and any value inside `document` may be a `SecretStr`: it is revealed on the wire only.
    `document` is sent as JSON, `form` as application/x-www-form-urlencoded, `content` unchanged; at most one is given.
    `max_reply` is in bytes. `hides` says which part of the URL no reader may see.
    """

    method: str
    url: str
    headers: Headers = field(default_factory=dict)
    document: object = None
    form: Mapping[str, str | SecretStr] | None = None
    content: bytes | None = None
    max_reply: int = MAX_REPLY_BYTES
    hides: Hides = Hides.NOTHING

    def reading(self, max_reply: int) -> "Request":
        """Returns the same request for a longer reply."""
        return replace(self, max_reply=max_reply)

    def body(self, mask: str | None = None) -> bytes:
        """Returns the body as sent, or with `mask` in place of each secret."""
        if self.document is not None:
            reveal = partial(_plain, mask=mask)
            text = json.dumps(self.document, ensure_ascii=False, separators=(",", ":"), default=reveal)
            return text.encode("utf-8", "replace")
        if self.form is not None:
            return urlencode({name: _plain(value, mask) for name, value in self.form.items()}).encode()
        return self.content or b""

    def wire_headers(self, mask: str | None = None) -> dict[str, str]:
        """Returns the headers. Adds the content-type of the body's format unless one is given."""
        headers = {name.lower(): _plain(value, mask) for name, value in self.headers.items()}
        if self.document is not None:
            headers.setdefault("content-type", "application/json")
        elif self.form is not None:
            headers.setdefault("content-type", "application/x-www-form-urlencoded")
        return headers

    def secrets(self) -> set[str]:
        """Returns every secret in the request, so that a reply that repeats one can be shown without it."""
        whole = _revealed((*self.headers.values(), self.form, self.document))
        parts = (part for each in whole for part in _credentials(each))
        return {value for value in (*whole, *parts, *url_secrets(self.url, self.hides)) if value}

    def shown(self) -> str:
        """Returns the request as it would be sent, for a person, with secrets masked."""
        lines = [f"{self.method} {shown_url(self.url, self.hides)}"]
        lines += [f"{name}: {value}" for name, value in sorted(self.wire_headers(MASK).items())]
        body = self.body(MASK).decode("utf-8", "replace")
        return "\n".join([*lines, "", body] if body else lines)

    def curl(self) -> list[str] | None:
        """Returns the words of a curl command that makes the call, with `PLACE_HOLDER` in place of each secret.

        The words hold only printable ASCII, tabs and line breaks. Every page, clipboard, terminal and shell copies them
        unchanged. JSON is escaped for this, which keeps its meaning. Returns None if other text does not fit.
        """
        headers = self.wire_headers(PLACE_HOLDER)
        body = self.body(PLACE_HOLDER).decode("utf-8", "replace")
        if "json" in headers.get("content-type", ""):
            body = "".join(map(_in_json, body))
        url = shown_url(self.url, self.hides, PLACE_HOLDER)
        words = ["curl", "--globoff", "--request", self.method, "--url", url]
        for name, value in sorted(headers.items()):
            words += ["--header", f"{name}: {value}" if value else f"{name};"]  # curl reads "x:" as: send no x
        if body:
            words += ["--data-raw", body]
        return words if all(map(_is_plain, "".join(words))) else None


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to a request. If `status` is None, none came: `text` says why, and so does `failure` if there is a fix.

    `text` is one line for logs and the outbox, without secrets or addresses. `body` is cut at the request's
    `max_reply`; `cut` says whether it was. `headers` have lower-case names.
    """

    status: int | None
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False
    failure: BounceWatcherError | None = None

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_page(self) -> bool:
        """Whether the body is HTML, which no API sends."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower() in _PAGES

    @property
    def retry_after(self) -> str | None:
        return self.headers.get("retry-after")

    def document(self) -> Any:
        """Returns the body parsed as JSON; None if it is not JSON (garbage, cut off, empty)."""
        if self.cut:
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def field(self, *names: str) -> Any:
        """Returns the value at the nested `names` in a body of JSON objects; None if there is none."""
        found = self.document()
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def rows(self, *names: str) -> list[Any] | None:
        """Returns the list at the nested `names` in the body of a success; None for any other reply."""
        found = self.field(*names) if self.ok else None
        return found if isinstance(found, list) else None


def address_of(base: str, *segments: str, **query: str) -> str:
    """Returns `base` with path `segments` and a `query`, each percent-encoded whole: no value can alter another part.

    Raises ValueError for an empty segment and for "." and "..": no encoding stops these two from being resolved
    (RFC 3986 section 5.2.4).
    """
    if any(segment in ("", ".", "..") for segment in segments):
        raise ValueError("a path segment may be neither empty nor dots")
    path = "".join("/" + quote(segment, safe="") for segment in segments)
    return base.rstrip("/") + path + ("?" + urlencode(query, quote_via=quote) if query else "")


def basic(user: str, password: SecretStr) -> SecretStr:
    """Returns the value of an Authorization header for a user and a password (RFC 7617)."""
    pair = f"{user}:{password.get_secret_value()}".encode()
    return SecretStr(f"Basic {b64encode(pair).decode()}")


def bearer(token: SecretStr, scheme: str = "Bearer") -> SecretStr:
    """Returns the value of an Authorization header for a token (RFC 6750)."""
    return SecretStr(f"{scheme} {token.get_secret_value()}")


def masked(text: str, secrets: set[str]) -> str:
    """Returns `text` as one line, without `secrets` and without anything that looks like a secret or an address."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return one_line(text)


def one_line(text: str) -> str:
    """Returns `text` as one short line, with secrets, URL userinfo, URL queries and local parts of addresses masked."""
    line = for_terminal(_CONTROLS.sub(" ", text[: 2 * MAX_LINE]))
    for pattern, mask in _MASKS:
        line = pattern.sub(mask, line)
    # "//…@" is userinfo, masked above
    line = without_addresses(line, lambda address, domain: address if address.startswith("//…@") else f"…@{domain}")
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"


def _is_plain(character: str) -> bool:
    return character in "\t\n" or (character.isascii() and character.isprintable())


def _in_json(character: str) -> str:
    """Escapes a character for JSON (RFC 8259 section 7). Tabs and line breaks occur only between values."""
    if _is_plain(character):
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[place:place + 2].hex()}" for place in range(0, len(units), 2))


def _plain(value: object, mask: str | None) -> str:
    """Returns text, or what stands for a secret. Raises TypeError for anything else: it is no JSON either."""
    if isinstance(value, SecretStr):
        return value.get_secret_value() if mask is None else mask
    if isinstance(value, str):
        return value
    raise TypeError(f"{type(value).__name__} is no JSON")


def _credentials(value: str) -> list[str]:
    """Returns the parts of an Authorization header's value that are as secret as the whole: a token, a password."""
    scheme, _, token = value.partition(" ")
    match scheme:
        case "Bearer" | "Zoho-oauthtoken":
            return [token]
        case "Basic":
            with suppress(ValueError):
                return [token, b64decode(token).decode().partition(":")[2]]
            return [token]
        case _:
            return []


def _revealed(value: object) -> list[str]:
    match value:
        case SecretStr():
            return [value.get_secret_value()]
        case Mapping():
            return [found for each in value.values() for found in _revealed(each)]
        case list() | tuple():
            return [found for each in value for found in _revealed(each)]
        case _:
            return []
