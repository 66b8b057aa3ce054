"""Opt-outs in the browser: on the Overview, in Review, with their addresses; marked as done, and taken up again."""

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from bounce_watcher.model.finding import Doubt, DoubtKind, Evidence, Kind
from bounce_watcher.model.ledger import MessageRecord
from bounce_watcher.model.message import pack
from bounce_watcher.model.optout import AskedBy, OptOut
from tests.ledger.making import USER, bounce, day, mail, page, record
from tests.web.conftest import TOKEN, Web
from tests.web.looked_at import HOSTILE, demand_harmless
from tests.web.test_frame import READER, signed_in, with_reader
from tests.web.test_review import fields_of

SENDER = "private@example.net"
PATH = "/review/opt-outs"


ASKING = b"Subject: unsubscribe\n\nNo more."


def asking(name: str, opt_out: OptOut, at: float, content: bytes = ASKING) -> MessageRecord:
    message = mail(digest=name, kind=Kind.UNSUBSCRIBE, at=day(at))
    return replace(message, opt_outs=(opt_out,), packed=pack(content))


@pytest.fixture(autouse=True)
def _at_that_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("request", "http.access"):
        monkeypatch.setattr(f"bounce_watcher.web.{module}.utcnow", lambda: day(8))


@pytest.fixture
def desk(web: Callable[..., Web]) -> Web:
    client = web()
    record(client.ledger, [
        asking("a", OptOut(AskedBy.MAIL, "news", SENDER, USER, Evidence.TOKEN), 1),
        asking("b", OptOut(AskedBy.MAIL, "news", SENDER), 2),
        asking("c", OptOut(AskedBy.FEEDBACK_REPORT, "news", "fbl@example.com", USER, Evidence.REPORT), 3),
    ])
    return client


def recipient(client: Web, address: str) -> str:
    return f"/recipients/{client.ledger.names.name(address)}"


def chosen(client: Web, digest: str) -> str:
    return next(f"{PATH}/{each.id}" for each in client.ledger.review.opt_outs() if each.message_digest == digest)


def sent(client: Web, path: str, **more: str) -> int:
    return client.post(path, data={**fields_of(client.get(path).text, path), **more}).status_code


def test_they_wait_where_a_person_looks(desk: Web) -> None:
    assert "3 open opt-outs," in desk.get("/").text
    record(desk.ledger, page(bounce("x", "other@example.org", at=day(7))))
    text = desk.get("/").text
    assert "3 open opt-outs," in text
    assert f'href="{PATH}">View opt-outs' in text
    text = desk.get("/review").text
    assert f'href="{PATH}"' in text
    assert "asks for no more mail" in text
    assert "asks for no more mail" in desk.get("/review?kind=opt_out").text
    assert "asks for no more mail" not in desk.get("/review?kind=letter").text


def test_the_list_tells_who_asked_and_how_far_that_is_proven(desk: Web) -> None:
    text = desk.get(PATH).text
    demand_harmless(text)
    assert "3 open opt-outs" in text
    for told in (USER, SENDER, "fbl@example.com", "signed return path", "unproven: address found in the report",
                 "unproven: based on the sender&#39;s address only", "Feedback report"):
        assert told in text
    rows = list(csv.DictReader(io.StringIO(desk.get(f"{PATH}.csv").text, newline="")))
    assert [(row["By"], row["Recipient"], row["Sender"]) for row in rows] == [
        ("Feedback report", USER, "fbl@example.com"), ("Mail", "", SENDER), ("Mail", USER, SENDER)]
    assert json.loads(desk.get(f"{PATH}.jsonl").text.splitlines()[0])["evidence"] == "report"
    assert "No more." in desk.get(f"{chosen(desk, 'a')}/mail").text
    assert desk.get(f"{chosen(desk, 'a')}/mail.eml").content.startswith(b"Subject: unsubscribe")
    assert desk.get(f"{PATH}/nothing/done").status_code == 404


def test_no_address_leaves_in_a_file_where_that_is_so_set(desk: Web) -> None:
    desk.settings = replace(desk.settings, hashed_exports=True)
    for ending in ("csv", "jsonl"):
        text = desk.get(f"{PATH}.{ending}").text
        assert USER not in text
        assert SENDER not in text


def test_an_address_shows_what_it_asked(desk: Web) -> None:
    text = desk.get(recipient(desk, USER)).text
    demand_harmless(text)
    assert f"It opted out on 2 March 2026 at 12:00, by a mail from {SENDER} (signed return path)." in text
    assert "Its provider forwarded an opt-out on 4 March 2026 at 12:00" in text
    assert text.count("It suppresses nobody.") == 2
    text = desk.get(recipient(desk, SENDER)).text
    assert f"A mail from this address opted out {USER} on 2 March" in text
    assert "It opted out on 3 March 2026 at 12:00 (unproven: based on the sender&#39;s address" in text
    assert "Opt-out:" not in desk.get(recipient(desk, "fbl@example.com")).text
    rows = desk.get("/api/v1/recipients", params={"recipient": USER}).json()["recipients"]
    assert [(row["state"], [each["by"] for each in row["opt_outs"]]) for row in rows] == [
        ("active", ["feedback_report", "mail"])]


def test_one_is_marked_as_done_and_taken_up_again(desk: Web) -> None:
    path = chosen(desk, "a")
    assert "reopen it" in desk.get(f"{path}/done").text
    assert sent(desk, f"{path}/done", because="taken off by hand") == 303
    assert "2 open opt-outs" in desk.get(PATH).text
    assert SENDER in desk.get(f"{PATH}?state=done").text
    assert desk.post(f"{path}/done", data=fields_of(desk.get(f"{path}/up").text, f"{path}/up")).status_code == 409
    text = desk.get(recipient(desk, USER)).text
    assert "handled it on 9 March 2026 at 12:00: taken off by hand" in text
    assert "Opt-out marked as done" in text
    assert USER in desk.get("/log").text
    assert sent(desk, f"{path}/up") == 303
    assert "3 open opt-outs" in desk.get(PATH).text


def test_all_are_marked_as_done_but_none_that_came_since(desk: Web) -> None:
    path = f"{PATH}/done"
    held = fields_of(desk.get(path).text, path)
    record(desk.ledger, [asking("d", OptOut(AskedBy.MAIL, "news", SENDER), 4)])
    assert desk.post(path, data={**held, "because": "x"}).status_code == 409
    assert sent(desk, path) == 422, "a reason is asked for"
    assert sent(desk, path, because="all taken off") == 303
    assert "No open opt-outs." in desk.get(PATH).text
    assert "open opt-outs," not in desk.get("/").text
    assert "Everything was recognised" in desk.get("/review").text
    assert desk.get(path).status_code == 409


def test_the_group_is_no_wording_to_set_aside_or_to_make_a_rule_of(desk: Web) -> None:
    for path in ("aside", "up"):
        assert desk.get(f"{PATH}/{path}").status_code == 404
    assert len(list(desk.ledger.review.opt_outs())) == 3


def test_who_may_only_look_changes_nothing(web: Callable[..., Web]) -> None:
    client = with_reader(web(TOKEN))
    record(client.ledger, [asking("a", OptOut(AskedBy.MAIL, "news", SENDER), 1)])
    cookies = signed_in(client, READER)
    path = f"{chosen(client, 'a')}/done"
    text = client.get(path, headers=cookies).text
    assert "You can't make changes" in text
    held = fields_of(text, path)
    assert client.post(path, headers=cookies, data=held).status_code == 403
    assert len(list(client.ledger.review.opt_outs())) == 1


def test_hostile_mail_shows_harmlessly(web: Callable[..., Web]) -> None:
    client = web()
    bad = " ".join(HOSTILE)
    hostile = OptOut(AskedBy.MAIL, bad, f'"{bad}"@x.example', f'"{bad}"@y.example', Evidence.VERP,
                     Doubt(DoubtKind.DMARC, domain=bad, result=bad), bad)
    record(client.ledger, [asking("a", hostile, 1, b"Subject: unsubscribe\n\n" + bad.encode())])
    for path in (PATH, f"{chosen(client, 'a')}/done", f"{chosen(client, 'a')}/mail", f"{PATH}/done", "/review", "/",
                 recipient(client, hostile.recipient or ""), recipient(client, hostile.sender or "")):
        demand_harmless(client.get(path).text)


def test_a_monitor_is_told(desk: Web) -> None:
    figures = desk.get("/metrics").text
    assert re.search(r"^bounce_watcher_opt_outs_waiting 3\.0$", figures, re.MULTILINE)
    assert re.search(r"^bounce_watcher_opt_outs_oldest_seconds [1-9]", figures, re.MULTILINE)
