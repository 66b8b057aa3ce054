"""Requests and replies as values: nothing gets into another part of a URL, no secret is shown, garbage is no JSON."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bounce_watcher.model.url import MASK
from bounce_watcher.outbox.http.client import HttpClient
from bounce_watcher.outbox.http.deadline import DeadlineTransport
from bounce_watcher.outbox.http.exchange import Reply, Request, address_of, basic, masked
from bounce_watcher.outbox.http.reach import Reach
from tests.families import for_each
from tests.outbox.platforms.vendor import Answer, Call, Vendor, serving

BASE = "https://api.example.com/base/"
KEY = SecretStr("k3y-that-nobody-may-see")
ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


# ── addresses ───────────────────────────────────────────────────────────────────────────────────────────────────────

@given(segment=ANY.filter(lambda text: text not in {".", ".."}), value=ANY)
def test_what_stands_in_a_url_stays_in_its_part(segment: str, value: str) -> None:
    split = urlsplit(address_of(BASE, "v3", segment, "end", of=value, more="1"))
    assert (split.scheme, split.netloc, split.fragment) == ("https", "api.example.com", "")
    assert [unquote(part) for part in split.path.split("/")] == ["", "base", "v3", segment, "end"]
    assert parse_qs(split.query, keep_blank_values=True) == {"of": [value], "more": ["1"]}


@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_a_segment_that_would_be_walked_is_refused(segment: str) -> None:
    with pytest.raises(ValueError, match="neither empty nor dots"):
        address_of(BASE, "lists", segment)


def test_an_address_of_nothing_is_the_base() -> None:
    assert address_of(BASE) == "https://api.example.com/base"


def test_a_plus_is_a_plus_and_a_space_a_space() -> None:
    assert address_of(BASE, "a+b@x.example", q="a+b c").endswith("/a%2Bb%40x.example?q=a%2Bb%20c")


# ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────────

EVERYWHERE = [
    Request("POST", BASE, {"Authorization": KEY}, document={"a": [1, {"key": KEY}], "ü": "ä"}),
    Request("POST", BASE, {"X-Key": KEY}, form={"key": KEY, "email": "a+b@x.example"}),
    Request("PUT", BASE, {"x-key": KEY}, content=b"raw"),
]


@pytest.mark.parametrize(
    ("value", "secrets"),
    [
        (basic("me", KEY), {"k3y-that-nobody-may-see", "bWU6azN5LXRoYXQtbm9ib2R5LW1heS1zZWU="}),
        (SecretStr("Bearer t0ken"), {"t0ken"}),
        (SecretStr("Basic no-base64!"), {"no-base64!"}),
        (SecretStr("Basic /w=="), {"/w=="}),
    ],
)
def test_what_a_header_is_made_of_is_as_secret_as_the_header(value: SecretStr, secrets: set[str]) -> None:
    request = Request("GET", BASE, {"authorization": value})
    assert request.secrets() == secrets | {value.get_secret_value()}
    for secret in request.secrets():
        assert secret not in masked(f"not {secret}!", request.secrets())


@pytest.mark.parametrize("request_", EVERYWHERE)
def test_a_secret_is_on_the_wire_and_nowhere_else(request_: Request) -> None:
    secret = KEY.get_secret_value()
    assert request_.secrets() == {secret}
    assert secret in " ".join(request_.wire_headers().values())
    assert secret not in request_.shown()
    assert secret not in repr(request_)
    assert MASK in request_.shown()


def test_a_document_is_compact_json_in_utf_8() -> None:
    request = EVERYWHERE[0]
    assert json.loads(request.body()) == {"a": [1, {"key": KEY.get_secret_value()}], "ü": "ä"}
    assert " " not in request.body().decode()
    assert request.wire_headers()["content-type"] == "application/json"
    assert json.loads(request.body(MASK))["a"][1] == {"key": MASK}
    own = Request("POST", BASE, {"Content-Type": "application/vnd.api+json"}, document={})
    assert own.wire_headers() == {"content-type": "application/vnd.api+json"}


@for_each("text", [
    "plain", "o'neil", 'say "no"', "$(id) `id` $HOME !! *?[a] ~ #", "a\\nb\\", "two\nlines\r\n\tof it",
    "@/etc/passwd", "-d x", "\x00\x1b]52;c;eA==\x07\x7f", "ä ß 中 😀", "\u202egnp.exe\u200b\u2066\U000e0041",
    "e" + "\u0301" * 40, "",
])
def test_a_curl_command_sends_the_same_whatever_it_holds(text: str) -> None:
    request = Request("POST", f"{BASE}/x", {"X-Key": KEY, "x-none": ""}, document={"a": text, "key": KEY, text: 1})
    words = request.curl()
    assert words is not None
    line = shlex.join(words)
    assert line.isascii()
    assert line.isprintable()
    assert KEY.get_secret_value() not in line
    assert shlex.split(line) == words
    assert words[:-1] == [
        "curl", "--globoff", "--request", "POST", "--url", f"{BASE}/x", "--header", "content-type: application/json",
        "--header", "x-key: SECRET", "--header", "x-none;", "--data-raw",
    ]
    assert json.loads(words[-1]) == {"a": text, "key": "SECRET", text: 1}


def test_a_curl_command_of_what_is_no_json() -> None:
    form = EVERYWHERE[1].curl()
    assert form is not None
    assert parse_qs(form[-1]) == {"key": ["SECRET"], "email": ["a+b@x.example"]}
    asked = Request("GET", BASE).curl()
    assert asked is not None
    assert asked == ["curl", "--globoff", "--request", "GET", "--url", BASE]
    whole = Request("POST", BASE, {"content-type": "application/json"}, content='{"a": "ü"\n}'.encode()).curl()
    assert whole is not None
    assert whole[-1] == '{"a": "\\u00fc"\n}'
    assert Request("POST", BASE, content="ü".encode()).curl() is None, "it can't be spelled in ASCII"
    assert Request("POST", BASE, {"x-name": "ü"}).curl() is None


def test_a_form_is_encoded() -> None:
    request = EVERYWHERE[1]
    assert parse_qs(request.body().decode()) == {"key": [KEY.get_secret_value()], "email": ["a+b@x.example"]}
    assert request.wire_headers()["content-type"] == "application/x-www-form-urlencoded"


def test_without_a_body_there_is_no_content_type() -> None:
    request = Request("GET", BASE)
    assert (request.body(), request.wire_headers()) == (b"", {})
    assert request.shown() == f"GET {BASE}"


def test_bytes_that_no_charset_explained_are_still_json() -> None:
    assert json.loads(Request("POST", BASE, document=["\udcff"]).body()) == ["?"]


def test_what_is_no_json_is_our_mistake() -> None:
    with pytest.raises(TypeError, match="object is no JSON"):
        Request("POST", BASE, document=[object()]).body()


# ── replies ─────────────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize(("status", "ok"), [(None, False), (199, False), (200, True), (299, True), (300, False)])
def test_only_2xx_is_ok(status: int | None, ok: bool) -> None:
    assert Reply(status, "").ok is ok


@for_each("body", [b"", b"<html>", b"{", b"\xff\xfe", b"[" * 100_000, b"NaN!"])
def test_a_body_that_is_no_json_is_none(body: bytes) -> None:
    assert Reply(200, "", body=body).document() is None
    assert Reply(200, "", body=body).field("a") is None


def test_a_body_that_was_cut_off_is_not_believed() -> None:
    assert Reply(200, "", body=b"[]", cut=True).document() is None
    assert Reply(200, "", body=b"[]").document() == []


def test_a_field_is_looked_for_in_objects_only() -> None:
    reply = Reply(200, "", body=b'{"a": {"b": [1]}, "c": null}')
    assert reply.field("a", "b") == [1]
    assert reply.field() == {"a": {"b": [1]}, "c": None}
    for path in (("a", "x"), ("a", "b", "0"), ("c", "d"), ("x",)):
        assert reply.field(*path) is None


@pytest.mark.parametrize(("kind", "is_page"), [
    ("text/html", True), ("Text/HTML; charset=utf-8", True), ("application/xhtml+xml", True),
    ("application/json", False), ("", False),
])
def test_a_web_page_is_known_by_its_type(kind: str, is_page: bool) -> None:
    assert Reply(200, "", {"content-type": kind}).is_page is is_page


def test_masked_leaves_neither_secrets_nor_addresses() -> None:
    secrets = {"abc", "abcdef"}
    told = masked("no abcdef\nfor user@example.org, abc", secrets)
    assert told == f"no {MASK} for …@example.org, {MASK}"


# ── made ────────────────────────────────────────────────────────────────────────────────────────────────────────────

class Echo(Vendor):
    kind = "echo"

    def handle(self, call: Call) -> Answer:
        return Answer(403, body=b" ".join(value.encode() for value in call.headers.values()) + call.body)

    def keys(self, key: str = "") -> str:
        return ""


@pytest.fixture
def echo() -> Iterator[Vendor]:
    with serving(Echo()) as it:
        yield it


def ask(vendor: Vendor, request: Request, secrets: frozenset[str] = frozenset()) -> Reply:
    client = HttpClient(DeadlineTransport(httpx.create_ssl_context(), None, Reach()), timedelta(seconds=5), secrets)
    try:
        return client.exchange(replace(request, url=vendor.url))
    finally:
        client.close()


@pytest.mark.parametrize(("size", "cut"), [(99, False), (100, False), (101, True), (5000, True)])
def test_no_more_of_a_body_is_read_than_is_asked_for(echo: Vendor, size: int, cut: bool) -> None:
    echo.always(Answer(200, body=b"x" * size))
    reply = ask(echo, Request("GET", "", max_reply=100))
    assert (len(reply.body), reply.cut) == (min(size, 100), cut)


@pytest.mark.parametrize("request_", EVERYWHERE)
def test_an_answer_that_repeats_a_secret_is_told_without(echo: Vendor, request_: Request) -> None:
    other = "an0ther-secret"
    reply = ask(echo, replace(request_, headers={**request_.headers, "x-other": other}), frozenset({other}))
    assert reply.status == 403
    assert KEY.get_secret_value().encode() in reply.body, "the vendor did see it"
    assert KEY.get_secret_value() not in reply.text
    assert other not in reply.text


def test_what_http_cannot_carry_is_a_reply_without_status(echo: Vendor) -> None:
    reply = ask(echo, Request("GET", "", {"x-key": SecretStr("schlüssel\n")}))
    assert reply.status is None
    assert reply.text
    assert echo.calls == []
