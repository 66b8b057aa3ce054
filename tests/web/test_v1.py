"""The lists and the actions of the API: the rows of the shell, page by page, and what is changed is changed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from bounce_watcher.config.settings import WebSettings
from bounce_watcher.ledger.lists.filters import EventFilter, OutboxFilter, SuppressionFilter
from bounce_watcher.model.ledger import Actor, Attempt, Disposition, OutboxState
from bounce_watcher.model.verdict import Reason
from bounce_watcher.web.api.v1.answers import json_answer
from bounce_watcher.words.grounds import text
from bounce_watcher.words.rows import event_row, suppression_row
from tests.ledger.making import START, Platform, bounce, day, mail, page, record
from tests.outbox.samples import target
from tests.web.conftest import TOKEN, Web

Make = Callable[..., Web]
EVENTS = [bounce(f"m{number}", f"user{number}@example.org", at=day(number)) for number in range(5)]
READER = "a token that may only look"


def as_json(value: object) -> Any:
    import json

    return json.loads(bytes(json_answer(value).body))


@pytest.fixture
def client(web: Make) -> Web:
    made = web()
    record(made.ledger, page(*EVENTS), Platform())
    return made


def walk(client: Web, path: str, name: str) -> list[Any]:
    rows, after = [], ""
    while True:
        answer = client.get(f"{path}{after}").json()
        rows += answer[name]
        if answer["next"] is None:
            return rows
        after = f"&after={answer['next']}"


def test_events_page_by_page_are_those_of_the_shell(client: Web) -> None:
    told = [as_json(event_row(event)) for event in client.ledger.lists.events()]
    assert walk(client, "/api/v1/events?limit=2", "events") == told
    assert walk(client, "/api/v1/events?limit=2&newest_first=true", "events") == told[::-1]


@pytest.mark.parametrize(("query", "wanted"), [
    ("recipient=USER1@example.org", ["m1"]), ("reason=mailbox_full", []), ("bounce_type=hard", None),
    ("since=2026-03-03T12:00:00Z&until=2026-03-05T12:00:00%2B00:00", ["m2", "m3"]), ("kind=complaint", []),
    ("stream=nowhere", []),
])
def test_events_are_narrowed(client: Web, query: str, wanted: list[str] | None) -> None:
    answer = client.get(f"/api/v1/events?{query}").json()["events"]
    expected = [event.id for event in EVENTS if wanted is None or event.message_digest in wanted]
    assert [each["id"] for each in answer] == expected


def test_suppressions_page_by_page(client: Web) -> None:
    told = [as_json(suppression_row(each)) for each in client.ledger.lists.suppressions()]
    assert len(told) == 5
    assert walk(client, "/api/v1/suppressions?limit=2", "suppressions") == told


def test_one_item_with_its_tries(client: Web) -> None:
    (item,) = client.ledger.outbox.lease("platform", START, timedelta(minutes=1), 1)
    client.ledger.outbox.conclude([(item, Attempt(Disposition.DEAD, "HTTP 400", took=timedelta(seconds=2)))], START)
    told = client.get(f"/api/v1/outbox/{item.id}").json()
    assert told["state"] == "dead"
    assert told["tries"] == [{
        "number": 1, "at": "2026-03-01T12:00:00Z", "took_ms": 2000, "disposition": "dead",
        "answer": "HTTP 400", "next_at": None,
    }]
    assert told["request"] is None, "no target of that name is in the configuration"
    missing = client.get("/api/v1/outbox/none")
    assert (missing.status_code, missing.json()) == (404, {"error": "no item has this id"})


def test_a_target_is_paused_and_resumed(client: Web) -> None:
    client.settings = replace(client.settings, webhooks=(target("shop"),))
    asked = {"target": "shop", "because": "moves"}
    assert client.post("/api/v1/outbox/pause", json=asked).json() == {"changed": 1}
    assert client.post("/api/v1/outbox/pause", json={**asked, "because": "again"}).json() == {"changed": 0}
    assert [(name, pause.because) for name, pause in client.ledger.outbox.paused().items()] == [("shop", "moves")]
    assert client.post("/api/v1/outbox/resume", json={"target": "shop"}).json() == {"changed": 1}
    assert client.post("/api/v1/outbox/resume", json={"target": "shop"}).json() == {"changed": 0}
    assert client.ledger.outbox.paused() == {}
    assert [
        (done.action, done.subject) for done in client.ledger.log.newest()
    ] == [("resume", "shop"), ("pause", "shop")]
    assert client.post("/api/v1/outbox/pause", json={"target": "none", "because": "x"}).status_code == 404
    assert client.post("/api/v1/outbox/pause", json={"target": "shop"}).status_code == 422


def test_the_outbox_page_by_page(client: Web) -> None:
    ids = [item.id for item in client.ledger.lists.outbox()]
    assert [row["id"] for row in walk(client, "/api/v1/outbox?limit=2", "outbox")] == ids
    assert client.get("/api/v1/outbox?state=dead").json() == {"outbox": [], "next": None}


def test_all_of_one_recipient(client: Web) -> None:
    answer = client.get("/api/v1/recipients?recipient=user1@example.org").json()["recipients"]
    assert [(each["stream"], each["state"]) for each in answer] == [("default", "suppressed")]
    assert [each["id"] for each in answer[0]["history"]] == [EVENTS[1].id]
    assert answer[0]["course"][0]["state"] == "suppressed"
    assert client.get("/api/v1/recipients?recipient=nobody@example.org").json() == {"recipients": []}


def test_stats_by_what_is_asked(client: Web) -> None:
    record(client.ledger, [mail(replace(bounce("m9", "x@gmail.com", at=day(1), reason=Reason.MAILBOX_FULL),
                                        sending="spring"))])
    period = "since=2026-03-01T00:00:00Z&until=2026-04-01T00:00:00Z"
    answer = client.get(f"/api/v1/stats?{period}").json()
    assert (answer["total"], answer["sent"]) == (6, None)
    assert answer["rows"] == [{"type": "hard", "number": 5}, {"type": "soft", "number": 1}]
    days = client.get(f"/api/v1/stats?{period}&by=day").json()["rows"]
    assert days[:2] == [{"day": "2026-03-01", "number": 1}, {"day": "2026-03-02", "number": 2}]
    assert client.get(f"/api/v1/stats?{period}&by=provider&by=reason").json()["rows"] == [
        {"provider": "example.org", "reason": "invalid_recipient", "number": 5},
        {"provider": "google.com", "reason": "mailbox_full", "number": 1},
    ]
    assert client.get(f"/api/v1/stats?{period}&by=sending").json()["rows"] == [{"sending": "spring", "number": 1}]


@pytest.mark.parametrize(("path", "error"), [
    ("/events?reason=nonsense", "reason: Input should be"),
    ("/events?limit=0", "limit: Input should be greater than or equal to 1"),
    ("/events?colour=red", "colour: Extra inputs are not permitted"),
    ("/events?since=2026-03-03", "since: has no zone"),
    ("/events?after=nonsense", "after: must be a `next` value"),
    ("/events?after=WyJhIiwgImIiXQ", "after: must be a `next` value"),
    ("/stats?by=provider&by=sending", "providers and sendings are counted apart"),
    ("/stats?since=2026-03-03T00:00:00Z&until=2026-03-01T00:00:00Z", "since: is after until"),
    ("/recipients", "recipient: Field required"),
])
def test_what_is_asked_wrongly_is_told_in_one_line(client: Web, path: str, error: str) -> None:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(error)
    assert "\n" not in answer.json()["error"]


# ── actions ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_suppress_and_release(client: Web) -> None:
    answer = client.post("/api/v1/suppressions", json={"recipient": "new@example.org", "because": "asked by phone"})
    assert (answer.status_code, answer.json()["source"]) == (201, "manual")
    assert [text(each.grounds) for each in client.ledger.lists.suppressions(SuppressionFilter("new@example.org"))] == [
        "asked by phone"
    ]
    gone = client.ask("DELETE", "/api/v1/suppressions?recipient=new@example.org&because=is%20back")
    assert gone.json() == {"changed": 1}
    assert list(client.ledger.lists.suppressions(SuppressionFilter("new@example.org"))) == []
    assert client.ask("DELETE", "/api/v1/suppressions?recipient=new@example.org&because=x").status_code == 404
    done = client.ledger.log.newest()
    assert [(each.actor, each.action, each.because) for each in done] == [
        ("API token", "release", "is back"), ("API token", "suppress", "asked by phone"),
    ]
    assert {client.ledger.names.address(each.subject) for each in done} == {"new@example.org"}


def test_a_suppression_may_have_an_end(client: Web) -> None:
    until = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)
    asked = {"recipient": "new@example.org", "because": "for a month", "until": until.isoformat()}
    assert client.post("/api/v1/suppressions", json=asked).status_code == 201
    assert [each.until for each in client.ledger.lists.suppressions(SuppressionFilter("new@example.org"))] == [until]


@pytest.mark.parametrize("asked", [
    {"recipient": "new@example.org"}, {"recipient": "new@example.org", "because": " "},
    {"recipient": "nobody", "because": "x"}, {"recipient": "a@b@c", "because": "x"},
    {"recipient": "new@example.org", "because": "x", "until": START.isoformat()},
    {"recipient": "new@example.org", "because": "x", "until": "2099-01-01T00:00:00"},
    {"recipient": "new@example.org", "because": "x", "colour": "red"}, [], "text", None,
])
def test_nothing_half_told_suppresses(client: Web, asked: object) -> None:
    assert client.post("/api/v1/suppressions", json=asked).status_code == 422
    assert list(client.ledger.lists.suppressions(SuppressionFilter("new@example.org"))) == []
    assert client.ledger.log.newest() == []


def test_retry_and_discard(client: Web) -> None:
    ids = [item.id for item in client.ledger.lists.outbox()]
    assert client.post("/api/v1/outbox/discard", json={"ids": ids[:2]}).json() == {"changed": 2}
    assert len(list(client.ledger.lists.outbox(OutboxFilter(OutboxState.DISCARDED)))) == 2
    assert client.post("/api/v1/outbox/retry", json={"target": "platform"}).json() == {"changed": 0, "paused": []}
    assert client.post("/api/v1/outbox/retry", json={}).status_code == 422
    assert len(list(client.ledger.lists.outbox(OutboxFilter(OutboxState.DUE)))) == len(ids) - 2


def test_a_retry_names_targets_that_are_paused(client: Web) -> None:
    (item, *_) = client.ledger.outbox.lease("platform", START, timedelta(minutes=1), 1)
    client.ledger.outbox.conclude([(item, Attempt(Disposition.DEAD, "HTTP 400"))], START)
    for name in ("platform", "other"):
        client.ledger.outbox.pause(name, Actor("petra", START, "moves"))
    for asked, paused in (({"ids": [item.id]}, ["platform"]), ({"target": "other"}, ["other"]), ({"ids": ["x"]}, []),
                          ({"target": "none"}, [])):
        answer = client.post("/api/v1/outbox/retry", json=asked).json()
        assert answer == {"changed": int(asked == {"ids": [item.id]}), "paused": paused}
    assert client.ledger.outbox.paused().keys() == {"platform", "other"}


@pytest.mark.parametrize(("method", "path", "more"), [
    ("POST", "/api/v1/suppressions", {"json": {"recipient": "new@example.org", "because": "x"}}),
    ("DELETE", "/api/v1/suppressions?recipient=user1@example.org&because=x", {}),
    ("POST", "/api/v1/outbox/discard", {"json": {"target": "platform"}}),
    ("POST", "/api/v1/sent", {"json": []}),
])
def test_whoever_may_only_look_changes_nothing(client: Web, method: str, path: str, more: dict[str, Any]) -> None:
    client.settings = replace(
        client.settings, web=WebSettings("127.0.0.1", 8025, SecretStr(TOKEN), SecretStr(READER))
    )
    headers = {"Authorization": f"Bearer {READER}"}
    before = list(client.ledger.lists.suppressions()), list(client.ledger.lists.outbox())
    answer = client.ask(method, path, headers=headers, **more)
    assert (answer.status_code, "read-only" in answer.json()["error"]) == (403, True)
    assert (list(client.ledger.lists.suppressions()), list(client.ledger.lists.outbox())) == before
    assert client.get("/api/v1/events", headers=headers).status_code == 200
    assert list(client.ledger.lists.events(EventFilter(limit=1)))
