"""Files of lists, where the configuration says that no address may leave the house."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from bounce_watcher.ledger.actions import Act
from bounce_watcher.model.ledger import Actor
from bounce_watcher.model.verdict import Reason
from bounce_watcher.service.announcing import announcer
from tests.ledger.making import bounce, day, decide, page
from tests.outbox.samples import target
from tests.web.conftest import Web

Make = Callable[..., Web]
WHO = ("anna.keller@gmx.net", "ben.keller@gmx.net")
LISTS = ("events", "recipients", "outbox", "review", "log", "providers", "streams")


@pytest.fixture
def desk(web: Make) -> Web:
    client = web()
    client.settings = replace(client.settings, webhooks=(target("crm-hook"),), hashed_exports=True)
    words = "550 5.1.1 <{}>: unknown, quarrel of anna.keller"
    events = [bounce(f"{n:032x}", who, at=day(n), diagnostic=words.format(who)) for n, who in enumerate(WHO)]
    odd = bounce("f" * 32, WHO[0], at=day(3), reason=Reason.UNKNOWN, diagnostic=f"554 <{WHO[0]}> quux")
    client.ledger.recording.record(page(*events, odd), decide, announcer(client.settings))
    client.ledger.log.enter(Act(Actor("jo", day(4), f"asked by {WHO[0]}"), "release", recipient=WHO[0]), 1)
    return client


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize("name", LISTS)
def test_no_address_and_no_words_leave_the_house(desk: Web, name: str, ending: str) -> None:
    answer = desk.get(f"/{name}.{ending}?range=")
    assert answer.status_code == 200
    assert "keller" not in answer.text
    assert "quarrel" not in answer.text


def test_one_address_has_one_name_in_all_of_them(desk: Web) -> None:
    named = desk.ledger.lists.pseudonyms()
    rows = list(csv.DictReader(io.StringIO(desk.get("/events.csv").text, newline="")))
    assert {row["Address"] for row in rows} == {named(who) for who in WHO}
    assert all(row["Address"].endswith("@gmx.net") for row in rows)
    assert {row["Reason"] for row in rows} == {"Mailbox does not exist", "Not recognised"}
    people = [json.loads(line) for line in desk.get("/recipients.jsonl").text.splitlines()]
    assert {named(who) for who in WHO} == {row["recipient"] for row in people}


def test_a_page_and_the_api_hold_addresses(desk: Web) -> None:
    assert WHO[0] in desk.get("/events").text
    assert WHO[0] in desk.get("/api/v1/events").text


def test_unless_it_is_asked_for_files_hold_addresses(desk: Web) -> None:
    desk.settings = replace(desk.settings, hashed_exports=False)
    assert WHO[0] in desk.get("/events.csv").text
