"""What stands around every page: who gets in, what the browser is told, and that nothing hostile gets out."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from bounce_watcher.config.loading import load
from bounce_watcher.config.settings import WebSettings
from bounce_watcher.web.view.render import assets
from bounce_watcher.words import formatting
from tests.families import for_each
from tests.web.conftest import TOKEN, Web
from tests.web.looking import csrf_of

Make = Callable[..., Web]
READER = "a token that may only look"
BROWSER = {"Sec-Fetch-Site": "same-origin"}


def signed_in(client: Web, token: str = TOKEN) -> dict[str, str]:
    """The cookie of a session, as headers."""
    form = client.get("/login")
    answer = client.post("/login", data={"csrf": csrf_of(form.text), "token": token, "next": "/settings"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings")
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def with_reader(client: Web) -> Web:
    client.settings = client.settings.__class__(
        database_url=client.settings.database_url,
        web=WebSettings("127.0.0.1", 8025, SecretStr(TOKEN), SecretStr(READER), "X-User", frozenset({"127.0.0.1"}),
                        frozenset({"jo"})),
    )
    return client


def test_a_page_leads_to_the_sign_in_and_from_there_back(web: Make) -> None:
    client = web(TOKEN)
    answer = client.get("/settings?a=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fsettings%3Fa%3D1")
    page = client.get("/settings", headers=signed_in(client))
    assert page.status_code == 200
    assert "Sign out" in page.text


@pytest.mark.parametrize("wanted", [
    "https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1", "\n/",
])
def test_the_sign_in_leads_nowhere_else(web: Make, wanted: str) -> None:
    client = web(TOKEN)
    form = client.get("/login")
    answer = client.post("/login", data={"csrf": csrf_of(form.text), "token": TOKEN, "next": wanted})
    assert answer.headers["location"] == "/"


def test_the_cookie_is_kept_from_scripts_and_other_sites_and_ends_with_the_token(web: Make) -> None:
    client = web(TOKEN)
    answer = client.post("/login", data={"csrf": csrf_of(client.get("/login").text), "token": TOKEN})
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(answer.headers["set-cookie"].split("; "))
    session = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    assert client.get("/settings", headers=session).status_code == 200
    other = web(TOKEN + "another")
    assert other.get("/settings", headers=session).status_code == 303


def test_behind_tls_the_cookie_is_secure(web: Make) -> None:
    client = with_reader(web(TOKEN))
    headers = {"X-Forwarded-Proto": "https"}
    form = client.get("/login", headers=headers)
    answer = client.post("/login", headers=headers, data={"csrf": csrf_of(form.text), "token": TOKEN})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-")
    assert "Secure" in cookie.split("; ")


@pytest.mark.parametrize("forged", [
    {"headers": {"Sec-Fetch-Site": "cross-site"}},
    {"headers": {"Sec-Fetch-Site": "same-site"}},
    {"headers": {"Origin": "https://evil.example"}},
    {"headers": {"Origin": "http://["}},
    {"data": {"csrf": "0" * 64}},
    {"data": {"other": "field"}},
])
def test_a_forged_form_does_nothing(web: Make, forged: dict[str, dict[str, str]]) -> None:
    client = web(TOKEN)
    session = signed_in(client)
    good = csrf_of(client.get("/settings", headers=session).text)
    data = forged.get("data", {"csrf": good})
    answer = client.post("/logout", headers={**session, **forged.get("headers", {})}, data=data)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert client.post("/logout", headers={**session, **BROWSER}, data={"csrf": good}).status_code == 303


def test_a_form_as_a_browser_sends_it_is_taken(web: Make) -> None:
    """Without a referrer policy that lets our own pages know each other, it would come from the Origin "null"."""
    client = web(TOKEN)
    session = signed_in(client)
    csrf = csrf_of(client.get("/settings", headers=session).text)
    browser = {**session, "Origin": "http://127.0.0.1:8025", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/find", headers=browser, data={"csrf": csrf, "q": "full"}).status_code == 303
    forged = {**session, "Origin": "null", "Sec-Fetch-Site": "cross-site"}
    assert client.post("/find", headers=forged, data={"csrf": csrf, "q": "full"}).status_code == 403


def test_the_form_of_one_session_is_no_use_in_another(web: Make) -> None:
    client = web(TOKEN)
    one, other = signed_in(client), signed_in(client)
    csrf = csrf_of(client.get("/settings", headers=one).text)
    assert client.post("/logout", headers=other, data={"csrf": csrf}).status_code == 403


def test_a_proxy_names_the_reader_and_nobody_else_does(web: Make) -> None:
    client = with_reader(web(TOKEN))
    assert client.get("/settings", headers={"X-User": "jo"}).status_code == 200
    assert client.get("/settings").status_code == 303
    client.settings = client.settings.__class__(
        database_url=client.settings.database_url,
        web=WebSettings("127.0.0.1", 8025, SecretStr(TOKEN), user_header="X-User",
                        trusted_proxies=frozenset({"10.0.0.1"})),
    )
    assert client.get("/settings", headers={"X-User": "jo"}).status_code == 303


@pytest.mark.parametrize("path", ["/login", "/settings", "/nothing-here"])
def test_every_page_ties_the_browser_down(web: Make, path: str) -> None:
    answer = web().get(path)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"


def test_files_of_the_pages_are_kept_for_good_under_their_digest(web: Make) -> None:
    for asset in assets().values():
        answer = web().get(asset.path)
        assert answer.content == asset.content
        assert "immutable" in answer.headers["cache-control"]
        assert web().get(f"/static/0/{asset.name}").headers["cache-control"] == "no-store"
    assert web().get("/static/0/nothing.css").status_code == 404


SECRETS = """
[database]
url = "postgresql+psycopg://bounces:canary-6@db.example.org/bounces"
[[mailbox]]
name = "returns"
host = "imap.example.org"
username = "returns"
password = "canary-1"
[[mailbox]]
name = "others"
host = "imap.example.org"
username = "others"
[mailbox.oauth2]
grant = "refresh_token"
token_url = "https://login.example.org/token"
client_id = "x"
client_secret = "canary-2"
refresh_token = "canary-3"
[attribution]
return_path = "returns@bounces.example.com"
token_key = "canary-4-canary-4-canary-4-canary-4"
token_old_keys = ["canary-5-canary-5-canary-5-canary-5"]
[[webhook]]
name = "shop"
url = "https://shop.example.org/hook"
secret = "whsec_Y2FuYXJ5LTktY2FuYXJ5LTktY2FuYXJ5LTktY2FuYXJ5LTk="
old_secrets = ["whsec_Y2FuYXJ5LTAtY2FuYXJ5LTAtY2FuYXJ5LTAtY2FuYXJ5LTA="]
[[platform]]
name = "grid"
kind = "sendgrid"
api_key = "canary-10"
[[notify]]
name = "operator"
url = "mailtos://canary-11:canary-12@example.org"
[web]
token = "canary-13-canary-13"
read_token = "canary-14-canary-14"
"""


def test_no_secret_is_on_the_page_of_settings(web: Make, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(SECRETS)
    path.chmod(0o600)
    client = web(TOKEN)
    session = signed_in(client)
    client.settings = replace(load(path, {}), web=client.settings.web)
    text = client.get("/settings", headers=session).text
    for key in ("returns.password", "token_keys", "shop.secrets", "grid.api_key", "notify.operator.url", "token"):
        assert re.search(rf"<dt>{key}</dt>\s*<dd>(set, )*set</dd>", text), key
    assert "imap.example.org" in text
    for secret in (TOKEN, "canary", "Y2FuYXJ5"):
        assert secret not in text


@for_each(("text", "meant"), [
    ("a\u202eb", "a[U+202E]b"), ("\x1b[2J", "[U+001B][2J"), ("a\u200bb", "a[U+200B]b"), ("a\x00b", "a[U+0000]b"),
    ("a\r\nb\tc", "a\nb\tc"), ("a\u2028b", "a[U+2028]b"), ("Grüße", "Grüße"),
    ("e" + "\u0301" * 30, "e" + "\u0301" * 4), ("x" * 700, "x" * 600 + "… (cut here, 700 characters in total)"),
])
def test_what_strangers_wrote_is_made_harmless(text: str, meant: str) -> None:
    assert formatting.harmless(text) == meant


@for_each(("now", "before", "meant"), [
    (1829, 1374, "+455 (+33\u202f%)"), (12, 0, "new"), (3, 5, "–"), (5, 40, "−35"), (60, 60, "±0"), (9, None, "–"),
])
def test_changes(now: int, before: int | None, meant: str) -> None:
    assert formatting.change(now, before) == meant


@for_each(("part", "whole", "meant"), [
    (803, 1829, "44\u202f%"), (3, 17, "3 of 17"), (0, 1204, "0 of 1,204"), (36, 1829, "2.0\u202f%"),
    (1, 20000, "under 0.01\u202f%"), (1, 200, "0.50\u202f%"), (0, 0, "–"),
])
def test_shares(part: int, whole: int, meant: str) -> None:
    assert formatting.share(part, whole) == meant
