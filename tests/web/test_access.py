"""Who gets in, for what, and for how long; that a stranger learns nothing, and keeps nobody out."""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from bounce_watcher.config.settings import WebSettings
from bounce_watcher.ledger.sessions import IDLE, LASTS
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.errors import TemporaryFailure
from bounce_watcher.service.clock import utcnow
from bounce_watcher.web import request
from bounce_watcher.web.http import access, peers, session
from bounce_watcher.web.http.session import BURST, PACE, BrowserSessions, Throttle
from tests.web.conftest import BEARER, TOKEN, Web
from tests.web.looking import csrf_of
from tests.web.test_frame import READER, signed_in, with_reader

Make = Callable[..., Web]
SUPPRESS = {"recipient": "a@example.org", "because": "a test"}
MAIL = {"message_id": "<1@x>", "recipient": "a@example.org"}
PROXIES = (
    {"X-Forwarded-For": "203.0.113.7"}, {"Via": "1.1 proxy.example"}, {"Forwarded": "for=203.0.113.7"},
    {"X-Real-IP": "203.0.113.7"}, {"X-Forwarded-Proto": "https"}, {"CF-Connecting-IP": "203.0.113.7"},
)
CHANGES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "/api/v1/suppressions", {"json": SUPPRESS}), ("POST", "/api/v1/sent", {"json": [MAIL]}),
    ("POST", "/api/v1/delivered", {"json": [MAIL]}), ("POST", "/api/v1/outbox/pause", {"json": SUPPRESS}),
    ("DELETE", "/api/v1/suppressions?recipient=a@example.org&because=x", {}), ("PUT", "/api/v1/anything", {}),
)


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests come from a process of this user, as the kernel says in earnest (test_server.py)."""
    monkeypatch.setattr(peers, "is_of_our_user", lambda _: True)


def named(client: Web, **more: Any) -> Web:
    client.settings = replace(client.settings, web=WebSettings("127.0.0.1", 8025, user_header="X-User", **more))
    return client


# ── without a token ─────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.usefixtures("local")
@pytest.mark.parametrize(("method", "path", "more"), CHANGES)
def test_without_a_token_nothing_is_changed(web: Make, method: str, path: str, more: dict[str, Any]) -> None:
    client = web(tokenless=True)
    for headers in ({}, BEARER, *PROXIES):
        answer = client.ask(method, path, headers=headers, **more)
        assert answer.status_code == 403
        assert "set token_file under [web]" in answer.json()["error"]
    assert list(client.ledger.lists.suppressions()) == []
    assert client.ledger.log.newest() == []


@pytest.mark.usefixtures("local")
def test_without_a_token_no_form_changes_anything(web: Make) -> None:
    client = web(tokenless=True)
    page = client.get("/settings")
    assert (page.status_code, "no token is set" in page.text) == (200, True)
    form = {"csrf": csrf_of(page.text), "because": "x"}
    assert client.post("/protect?domain=example.org", data=form).status_code == 403
    assert client.ledger.lists.protections() == []
    assert client.post("/find", data={**form, "q": "full"}).status_code == 303, "looking may be asked by a form"
    assert client.get("/login").status_code == 404


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize("host", ["localhost:8025", "127.0.0.1", "[::1]:8025"])
def test_without_a_token_this_user_may_look(web: Make, host: str) -> None:
    assert web(tokenless=True).get("/api/v1/suppressions", headers={"Host": host}).status_code == 200


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize("headers", PROXIES)
@pytest.mark.parametrize("path", ["/api/v1/suppressions", "/metrics", "/readyz", "/", "/events.csv"])
def test_without_a_token_nobody_looks_through_a_proxy(web: Make, path: str, headers: dict[str, str]) -> None:
    assert web(tokenless=True).get(path, headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/api/v1/suppressions", "/metrics", "/readyz", "/", "/events.csv"])
def test_without_a_token_no_other_user_looks(web: Make, path: str) -> None:
    """Nor a proxy that leaves no mark: it runs as a user of its own."""
    assert web(tokenless=True).get(path).status_code == 403
    assert web(tokenless=True).get("/healthz").status_code == 200


# ── a proxy that signs people in ────────────────────────────────────────────────────────────────────────────────────

def test_only_those_act_who_are_named(web: Make) -> None:
    client = named(web(tokenless=True), acting_users=frozenset({"jo"}))
    for user, status in (("jo", 201), ("jane", 403)):
        assert client.post("/api/v1/suppressions", headers={"X-User": user}, json=SUPPRESS).status_code == status
        assert client.get("/settings", headers={"X-User": user}).status_code == 200
    assert [each.actor for each in client.ledger.log.newest()] == ["jo"]
    assert "not one of acting_users" in client.get("/settings", headers={"X-User": "jane"}).text
    nobody = named(web(tokenless=True))
    assert nobody.post("/api/v1/suppressions", headers={"X-User": "jo"}, json=SUPPRESS).status_code == 403


def test_a_user_who_is_named_twice_is_nobody(web: Make) -> None:
    """A client's own field may come beside the proxy's, before or behind it."""
    client = named(web(tokenless=True), acting_users=frozenset({"jo"}))
    for users in (("jo", "jane"), ("jane", "jo"), ("jo", "jo"), ("", "jo")):
        headers = [("Host", "127.0.0.1"), *(("X-User", each) for each in users)]
        answer = client.post("/api/v1/suppressions", headers=headers, json=SUPPRESS)
        assert (answer.status_code, answer.json()) == (400, {"error": "X-User was sent twice: send it once"})
    assert list(client.ledger.lists.suppressions()) == []


def test_each_user_has_a_form_token_of_their_own(web: Make) -> None:
    client = named(web(tokenless=True), acting_users=frozenset({"jo", "jane"}))
    tokens = {user: csrf_of(client.get("/settings", headers={"X-User": user}).text) for user in ("jo", "jane")}
    assert len(set(tokens.values())) == 2
    asked = {"q": "full"}
    for user, whose, status in (("jo", "jo", 303), ("jo", "jane", 403), ("jane", "jane", 303), ("jane", "jo", 403)):
        answer = client.post("/find", headers={"X-User": user}, data={"csrf": tokens[whose], **asked})
        assert answer.status_code == status


def test_a_token_that_a_proxy_passes_on_is_no_guess(web: Make) -> None:
    client = named(web(tokenless=True), token=SecretStr(TOKEN), acting_users=frozenset({"jo"}))
    headers = {"X-User": "jo", "Authorization": "Bearer of.the.proxy"}
    for _ in range(BURST + 5):
        assert client.get("/settings", headers=headers).status_code == 200


# ── sessions ────────────────────────────────────────────────────────────────────────────────────────────────────────

def is_in(client: Web, cookie: dict[str, str]) -> bool:
    return client.get("/settings", headers=cookie).status_code == 200


def test_a_session_ends_with_the_sign_out(web: Make) -> None:
    client = web(TOKEN)
    cookie = signed_in(client)
    csrf = csrf_of(client.get("/settings", headers=cookie).text)
    assert client.post("/logout", headers=cookie, data={"csrf": csrf}).status_code == 303
    assert not is_in(client, cookie), "whoever kept the cookie is out"
    late = client.post("/find", headers=cookie, data={"csrf": csrf, "q": "full"})
    assert (late.status_code, "Sign in again" in late.text) == (401, True)
    assert client.ledger.sessions.all(utcnow()) == []


def test_what_the_ledger_holds_opens_nothing(web: Make) -> None:
    client = web(TOKEN)
    cookie = signed_in(client)["Cookie"]
    shown = cookie.partition("=")[2]
    with client.ledger._engine.connect() as connection:
        (row,) = connection.exec_driver_sql("SELECT * FROM web_session").all()
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", shown)
    assert shown not in str(row)
    assert hashlib.sha256(shown.encode()).hexdigest() in row
    for told in row:
        assert not is_in(client, {"Cookie": f"bounce-watcher={told}"})


@pytest.mark.parametrize("role", [TOKEN, READER])
def test_a_session_ends_with_its_token(web: Make, role: str) -> None:
    client = with_reader(web(TOKEN))
    before, cookie = client.settings, signed_in(client, role)
    assert is_in(client, cookie)
    other = SecretStr("quite another token")
    assert before.web is not None
    for changed in (
        replace(before.web, token=other, read_token=other),                          # another token
        replace(before.web, token=SecretStr(READER), read_token=SecretStr(TOKEN)),   # for another role
        replace(before.web, token=other, read_token=None),                           # none
    ):
        client.settings = replace(before, web=changed)
        assert not is_in(client, cookie), changed
    assert is_in(replace(client, settings=before), cookie)
    BrowserSessions(changed, client.ledger.sessions).end_stale()  # as at the start under the new configuration
    assert not is_in(replace(client, settings=before), cookie), "bringing the token back brings no session back"


def test_a_reload_leaves_other_sessions_alone(web: Make) -> None:
    client = with_reader(web(TOKEN))
    actor, reader = signed_in(client), signed_in(client, READER)
    assert client.settings.web is not None
    changed = replace(client.settings.web, read_token=None)
    BrowserSessions(changed, client.ledger.sessions).end_stale()
    client.settings = replace(client.settings, web=changed)
    assert (is_in(client, actor), is_in(client, reader)) == (True, False)


def test_a_session_ends_by_the_clock(web: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    client, now = web(TOKEN), utcnow()
    cookie, end = signed_in(client), now + LASTS + timedelta(seconds=5)
    monkeypatch.setattr(access, "utcnow", lambda: now)
    for _ in range(6):
        now += 0.95 * IDLE
        assert is_in(client, cookie)
    now = end
    assert not is_in(client, cookie)


def test_a_session_ends_when_nobody_uses_it(web: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    client, start = web(TOKEN), utcnow()
    cookie = signed_in(client)
    monkeypatch.setattr(access, "utcnow", lambda: start + IDLE + timedelta(seconds=5))
    assert not is_in(client, cookie)


def test_a_new_sign_in_ends_the_old_one(web: Make) -> None:
    client = web(TOKEN)
    cookie = signed_in(client)
    form = client.get("/login", headers=cookie)
    answer = client.post("/login", headers=cookie, data={"csrf": csrf_of(form.text), "token": TOKEN})
    new = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    assert (is_in(client, cookie), is_in(client, new)) == (False, True)


def test_while_the_ledger_is_away_nobody_is_let_in(web: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    client = web(TOKEN)
    cookie = signed_in(client)

    def away(*_: object) -> None:
        raise TemporaryFailure("database: connection refused")

    monkeypatch.setattr(client.ledger.sessions, "find", away)
    for path in ("/settings", "/api/v1/events"):
        answer = client.get(path, headers=cookie)
        assert (answer.status_code, "connection refused" in answer.text) == (503, True)
    assert client.get("/healthz", headers=cookie).status_code == 200
    assert client.get(path, headers=BEARER).status_code == 200


def test_settings_show_sessions_and_end_them(web: Make) -> None:
    client = with_reader(web(TOKEN))
    actor, reader = signed_in(client), signed_in(client, READER)
    page = client.get("/settings", headers=actor).text
    mine, other = sorted(client.ledger.sessions.all(utcnow()), key=lambda each: each.role)
    assert page.count("/end\">") == 2
    assert "this one" in page
    assert "/end\">" not in client.get("/settings", headers=reader).text, "addresses of others are not for readers"
    path, form = f"/sessions/{other.id}/end", {"csrf": csrf_of(page)}
    assert client.post(path, headers=reader, data={"csrf": csrf_of(client.get("/settings", headers=reader).text)}
                       ).status_code == 403
    assert is_in(client, reader)
    assert client.post(path, headers=actor, data=form).status_code == 303
    assert (is_in(client, actor), is_in(client, reader)) == (True, False)
    (done,) = client.ledger.log.newest()
    assert (done.actor, done.action, done.subject) == (f"signed in ({mine.id})", "end-session", other.id)
    assert client.post(path, headers=actor, data=form).status_code == 404
    assert "Session ended" in client.get("/log", headers=actor).text


# ── guessing ────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_no_page_lets_a_token_be_guessed_elsewhere(web: Make) -> None:
    """What the sign-in shows is the same under any token, and another in any ledger."""
    client = web(TOKEN)
    before = csrf_of(client.get("/login").text)
    assert client.settings.web is not None
    client.settings = replace(client.settings, web=replace(client.settings.web, token=SecretStr("quite another token")))
    assert csrf_of(client.get("/login").text) == before
    key = hmac.new(TOKEN.encode(), b"bounce-watcher web session", hashlib.sha256).digest()
    assert before != hmac.new(key, b"form ", hashlib.sha256).hexdigest(), "as it once was"


def test_another_ledger_shows_another_form_token(web: Make, tmp_path: Any) -> None:
    client = web(TOKEN)
    with Ledger.connect(f"sqlite:///{tmp_path}/other.db") as ledger:
        ledger.upgrade()
        assert csrf_of(replace(client, ledger=ledger).get("/login").text) != csrf_of(client.get("/login").text)


def guess(client: Web, way: str, peer: str, token: str = "guess", **headers: str) -> int:
    if way == "bearer":
        return client.get("/readyz", peer=peer, headers={**headers, "Authorization": f"Bearer {token}"}).status_code
    csrf = csrf_of(client.get("/login", peer=peer).text)
    return client.post("/login", peer=peer, headers=headers, data={"csrf": csrf, "token": token}).status_code


@pytest.mark.parametrize(("way", "refused", "taken"), [("bearer", 401, 200), ("form", 403, 303)])
def test_who_guesses_is_slowed_down_and_nobody_else(web: Make, way: str, refused: int, taken: int) -> None:
    client = web(TOKEN)
    inside = signed_in(client)
    tries = [guess(client, way, "203.0.113.7") for _ in range(BURST + 3)]
    assert tries == [refused] * BURST + [429] * 3
    assert guess(client, way, "203.0.113.7", TOKEN) == 429, "or the answer would tell a guess from another"
    assert guess(client, way, "203.0.113.8", TOKEN) == taken
    assert client.get("/settings", peer="203.0.113.7", headers=inside).status_code == 200, "who is in stays in"
    assert client.get("/healthz", peer="203.0.113.7").status_code == 200


def test_the_answer_says_when_to_come_back(web: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    client, start = web(TOKEN), utcnow()
    monkeypatch.setattr(access, "utcnow", lambda: start)
    for _ in range(BURST):
        guess(client, "bearer", "203.0.113.7")
    answer = client.get("/readyz", peer="203.0.113.7", headers=BEARER)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, str(int(PACE.total_seconds())))
    monkeypatch.setattr(access, "utcnow", lambda: start + PACE)
    assert guess(client, "bearer", "203.0.113.7", TOKEN) == 200


def test_a_peer_of_ipv6_has_a_network_and_one_behind_a_proxy_its_own_address(web: Make) -> None:
    client = web(TOKEN)
    for number in range(BURST):
        assert guess(client, "bearer", f"2001:db8::{number + 1:x}") == 401
    assert guess(client, "bearer", "2001:db8::ffff:1", TOKEN) == 429
    assert guess(client, "bearer", "2001:db8:0:1::1", TOKEN) == 200
    for _ in range(BURST):
        guess(client, "bearer", "127.0.0.1", **{"X-Forwarded-For": "198.51.100.1, 203.0.113.9, 127.0.0.1"})
    assert guess(client, "bearer", "203.0.113.9", TOKEN) == 429
    assert guess(client, "bearer", "127.0.0.1", TOKEN) == 200
    assert guess(client, "bearer", "127.0.0.1", TOKEN, **{"X-Forwarded-For": "203.0.113.10"}) == 200


def test_nobody_else_is_believed_in_where_others_are(web: Make) -> None:
    client = web(TOKEN)
    for number in range(BURST):
        guess(client, "bearer", "203.0.113.7", **{"X-Forwarded-For": f"198.51.100.{number}"})
    assert guess(client, "bearer", "203.0.113.7", TOKEN) == 429
    assert guess(client, "bearer", "198.51.100.1", TOKEN) == 200


def test_as_many_peers_are_remembered_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MOST_PEERS", 100)
    it, now = Throttle(), utcnow()
    with capture_logs():
        for number in range(150):
            for _ in range(BURST):
                it.failed(f"203.0.113.{number}", now, way="form", wanted="reader")
    assert len(it._spent) == 100
    assert [it.wait(f"203.0.113.{number}", now) for number in (49, 50, 149)] == [0, 10, 10]


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    it, now = Throttle(), utcnow()
    with capture_logs():
        for _ in range(BURST):
            it.failed("203.0.113.7", now, way="form", wanted="reader")
    assert it.wait("203.0.113.7", now) == PACE.total_seconds()
    assert it.wait("203.0.113.7", now - timedelta(days=1)) == 0


def test_each_failure_is_in_the_log_without_what_was_tried(web: Make) -> None:
    client = web(TOKEN)
    with capture_logs() as logs:
        guess(client, "bearer", "203.0.113.7", "secret-guess")
        guess(client, "form", "2001:db8::1", "secret-guess")
        client.post("/api/v1/sent", peer="203.0.113.7", headers={"Authorization": "Bearer x"}, json=[])
        client.get("/readyz")
        guess(client, "bearer", "203.0.113.7", TOKEN)
    assert [{**each} for each in logs if each["action"] == "auth_failed"] == [
        {"event": "authentication failed", "log_level": "warning", "action": "auth_failed", "peer": peer, "way": way,
         "wanted": wanted}
        for peer, way, wanted in (
            ("203.0.113.7", "bearer", "reader"), ("2001:db8::1", "form", "reader"),
            ("203.0.113.7", "bearer", "operator"),
        )
    ]
    assert "secret-guess" not in str(logs)


def test_an_unknown_sender_of_a_form_is_heard_shortly(web: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    client = web(TOKEN)
    csrf = csrf_of(client.get("/login").text)
    long = {"csrf": csrf, "token": "x" * request.MOST_SIGN_IN_BYTES}
    assert client.post("/login", data=long).status_code == 413
    monkeypatch.setattr(request, "SIGN_IN_WITHIN", 0.05)

    async def slowly() -> Any:
        import asyncio

        yield b"token="
        await asyncio.sleep(30)

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/login", headers=form, content=slowly()).status_code == 408


def test_two_tokens_in_one_request_are_none(web: Make) -> None:
    headers = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer x")]
    assert web(TOKEN).get("/readyz", headers=headers).status_code == 400


@pytest.mark.parametrize("cookie", ["", "x", "é", "A" * 42, "A" * 43, "A" * 44, "../../etc"])
def test_a_made_up_cookie_opens_nothing(web: Make, cookie: str) -> None:
    headers = {"Cookie": f"bounce-watcher={cookie}".encode()}
    assert web(TOKEN).get("/settings", headers=headers).status_code == 303
