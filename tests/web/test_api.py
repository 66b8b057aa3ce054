"""What the paths answer."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from bounce_watcher.ledger.db.engine import open_engine
from bounce_watcher.model.ledger import State
from bounce_watcher.model.verdict import Reason
from bounce_watcher.web.api.v1 import reported as api
from tests.ledger.making import bounce, day, page, record
from tests.web.conftest import TOKEN, Web

Make = Callable[..., Web]
EVER = (date(2026, 1, 1), date(2027, 1, 1))
MAIL = {"message_id": "<1@x>", "recipient": "a@example.org", "at": "2026-03-01T06:00:00Z"}
NO_OBJECT = 'is not a JSON object; write a row as {"recipient": "user@example.org", …}'


# ── what is reported ────────────────────────────────────────────────────────────────────────────────────────────────

def test_sent_as_an_array(web: Make) -> None:
    at = web()
    figure = {"day": "2026-03-01", "domain": "example.net", "count": 7, "campaign": 12}
    answer = at.post("/api/v1/sent", json=[MAIL, figure, {**MAIL, "message_id": "2@x"}])
    assert (answer.status_code, answer.json()) == (
        200, {"rows": 3, "new": 2, "known": 0, "counts": 1, "proven": 0, "refused": 0, "errors": []}
    )
    assert at.ledger.figures.sent_by_day(*EVER) == {
        (date(2026, 3, 1), "example.org"): 2, (date(2026, 3, 1), "example.net"): 7
    }
    assert at.post("/api/v1/sent", json=[MAIL]).json()["known"] == 1


@pytest.mark.parametrize("path", [
    "/api/v1/events", "/api/v1/openapi.json", "/api/v1/nothing", "/api/v1/events?limit=x", "/healthz", "/metrics",
    "/events.csv", "/review.jsonl", "/nothing",
])
def test_every_answer_is_kept_to_what_it_is_and_by_nobody(web: Make, path: str) -> None:
    for client in (web(), web(token=TOKEN)):
        for answer in (client.get(path), client.ask("PUT", path)):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_fault_of_ours_bears_the_same_headers(web: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    client = web()

    def broken(*_: object) -> None:
        raise RuntimeError("zorp")

    monkeypatch.setattr(client.ledger.browsing, "event_page", broken)
    monkeypatch.setattr(client.ledger.lists, "some_events", broken)
    for path in ("/events", "/api/v1/events"):
        with capture_logs():
            answer = client.get(path)
        assert answer.status_code == 500
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert answer.headers["cache-control"] == "no-store", path


@pytest.mark.parametrize("body", [
    json.dumps(MAIL), json.dumps(MAIL, indent=2), f"\ufeff{json.dumps([MAIL])}\n",
    f"{json.dumps(MAIL)}\r\n\r\n{json.dumps(MAIL)}\r\n",
])
def test_one_object_or_one_a_line(web: Make, body: str) -> None:
    assert web().post("/api/v1/sent", content=body.encode()).json()["new"] == 1


def test_bad_rows_are_told_by_index_and_the_others_are_kept(web: Make) -> None:
    at = web()
    answer = at.post("/api/v1/sent", json=[MAIL, {**MAIL, "recipient": "nobody"}, 3, {**MAIL, "stream": []}])
    assert answer.status_code == 200
    assert answer.json()["errors"] == [
        {"index": 1, "error": "recipient: is no address; write it as user@example.org"},
        {"index": 2, "error": NO_OBJECT},
        {"index": 3, "error": "stream: must be text"},
    ]
    lines = at.post("/api/v1/sent", content=f"{json.dumps(MAIL)}\n{{oops\n[]\n".encode())
    assert [each["index"] for each in lines.json()["errors"]] == [1, 2]
    assert "nobody" not in answer.text


HOSTILE: list[Any] = [
    {"message_id": ["x"], "recipient": {}}, {"message_id": "1@x", "recipient": "a@b", "at": 5},
    {"message_id": "1@x", "recipient": "a@b", "at": "9999-12-31T23:59:59-14:00"},
    {"day": "2026-13-01", "domain": "x", "count": 1}, {"day": "2026-03-01", "domain": "x", "count": -1},
    {"day": "2026-03-01", "domain": "x", "count": True}, {"day": "2026-03-01", "domain": "x", "count": 10**30},
    {"day": "2026-03-01", "domain": "x", "count": 1.5}, {"count": "1"}, {"message_id": "a b@x", "recipient": "a@b"},
    {"message_id": "1@x", "recipient": f"{'a' * 400}@b"}, {**MAIL, "campaign": "c" * 201}, {**MAIL, "stream": True},
    None, [], "x", {},
]


@pytest.mark.parametrize("row", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("path", ["sent", "delivered"])
def test_any_row_gets_an_answer(web: Make, path: str, row: object) -> None:
    answer = web().post(f"/api/v1/{path}", content=json.dumps([row]).encode())
    assert answer.status_code in {200, 422}
    assert answer.status_code == 422 or path == "delivered"


@pytest.mark.parametrize(("body", "told"), [
    (b"", "the body is empty"), (b"message_id,recipient", "the body is not JSON"),
    (b"[" * 100_000, "nested too deeply"),
    (b"[" + b"9" * 5000 + b"]", "a number is too long"), (b"\xff\xfe\x00", "the body is not JSON"),
])
def test_a_body_without_rows(web: Make, body: bytes, told: str) -> None:
    answer = web().post("/api/v1/sent", content=body)
    assert answer.status_code == 400
    assert told in answer.json()["error"]


def test_many_bad_rows_are_counted(web: Make) -> None:
    answer = web().post("/api/v1/sent", json=[3] * 250)
    assert answer.status_code == 422
    assert (answer.json()["refused"], len(answer.json()["errors"])) == (250, 100)


def test_delivered(web: Make) -> None:
    at = web()
    record(at.ledger, page(*(bounce(f"m{n}", reason=Reason.MAILBOX_FULL, at=day(n)) for n in range(3))))
    assert len(list(at.ledger.lists.suppressions())) == 1
    row = {"recipient": "USER@example.org", "at": day(5).isoformat(), "message_id": "7@x"}
    answer = at.post("/api/v1/delivered", json=[row, {"recipient": "other@example.org"}])
    assert answer.json() == {"rows": 2, "taken": 2, "reset": 1, "released": 1, "refused": 0, "errors": []}
    assert [each.state for each in at.ledger.lists.recipients("user@example.org")] == [State.RELEASED]
    assert at.post("/api/v1/delivered", json=[row]).json()["reset"] == 0


def test_a_ledger_that_fails_asks_for_another_try(web: Make) -> None:
    at = web()
    with open_engine(at.settings.database_url.get_secret_value()).begin() as connection:
        connection.execute(text("DROP TABLE sent_message"))
    answer = at.post("/api/v1/sent", json=[MAIL])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert "example.org" not in answer.text


# ── limits ──────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_a_body_that_is_too_large_is_refused(web: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MOST_BYTES", 1024**2)
    client = web()
    assert client.post("/api/v1/sent", content=b" " * (1024**2 + 1)).status_code == 413
    untold = client.post("/api/v1/sent", content=chunks(20))
    assert (untold.status_code, "1 MiB" in untold.json()["error"]) == (413, True)


async def chunks(number: int) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield b" " * 65536


def test_compressed_bodies_and_other_methods_are_refused(web: Make) -> None:
    client = web()
    assert client.post("/api/v1/sent", content=b"x", headers={"Content-Encoding": "gzip"}).status_code == 415
    assert client.get("/api/v1/sent").status_code == 405
    assert client.get("/api/v1/nothing").json() == {"error": "Not Found"}


# ── who may ask ─────────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("shown", [None, "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer \xe9", TOKEN])
@pytest.mark.parametrize("path", ["/readyz", "/api/v1/sent", "/nothing"])
def test_without_the_token_nothing_but_health(web: Make, path: str, shown: str | None) -> None:
    headers = {"Authorization": shown.encode("latin-1")} if shown else {}
    answer = web(TOKEN).post(path, headers=headers, json=[MAIL])
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert TOKEN not in answer.text


def test_with_the_token(web: Make) -> None:
    client, shown = web(TOKEN), {"Authorization": f"bearer {TOKEN}", "Host": "bounces.example.com"}
    assert client.get("/readyz", headers=shown).json() == {"status": "ok"}
    assert client.post("/api/v1/sent", json=[MAIL], headers=shown).status_code == 200


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example:8025"}, {"Host": "[::"},
])
def test_a_page_in_a_browser_is_no_platform(web: Make, headers: dict[str, str]) -> None:
    client = web(tokenless=True)
    assert client.get("/readyz", headers=headers).status_code == 403
    assert client.post("/api/v1/sent", json=[MAIL], headers=headers).status_code == 403
    assert client.get("/healthz", headers=headers).status_code == 200


# ── health ──────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_health_follows_the_mailboxes(web: Make) -> None:
    at = web(TOKEN)
    assert (at.get("/healthz").status_code, at.get("/healthz").json()["status"]) == (200, "ok")
    at.stuck.append("mailbox returns")
    assert (at.get("/healthz").status_code, at.get("/healthz").json()) == (
        503, {"status": "stuck", "stuck": 1}
    )


def test_readiness_follows_the_schema(web: Make) -> None:
    at = web()
    assert at.get("/readyz").status_code == 200
    with open_engine(at.settings.database_url.get_secret_value()).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    answer = at.get("/readyz")
    assert answer.status_code == 503
    assert "newer bounce-watcher" in answer.json()["error"]


def test_readiness_follows_the_tables(web: Make) -> None:
    at = web()
    with open_engine(at.settings.database_url.get_secret_value()).begin() as connection:
        connection.execute(text("ALTER TABLE event DROP COLUMN forwarded"))
    answer = at.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
    assert answer.json()["differences"] == ["column event.forwarded is missing"]
    assert "claims the schema 0001" in answer.json()["error"]
