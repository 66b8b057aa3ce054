"""Postmark: it answers for each address alone inside a success, and a complaint stands for good."""

from contextlib import closing
from datetime import datetime

import pytest

from bounce_watcher.config.loading import parse
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.ledger import OutboxState
from bounce_watcher.outbox.platform import Listed
from bounce_watcher.outbox.platform_channel import connect
from tests.outbox.platforms.desk import Desk, now
from tests.outbox.platforms.vendor import Answer, vendor_fixture
from tests.outbox.platforms.vendors.postmark import HELD, INVALID, Postmark

USER, ANGRY = "user@example.org", "angry@example.org"


vendor = vendor_fixture(Postmark)


def by_recipient(desk: Desk) -> dict[str | None, tuple[OutboxState, str]]:
    return {item.recipient: (item.state, item.last_answer or "") for item in desk.items()}


def test_one_call_tells_apart_who_is_suppressed_who_is_refused_and_who_stands_there(
    desk: Desk, vendor: Postmark
) -> None:
    vendor.complain(ANGRY)
    desk.suppress(USER, "nonsense", ANGRY, "Mixed.Case@example.org")
    desk.send(rounds=4)
    found = by_recipient(desk)
    states = {recipient: state for recipient, (state, _) in found.items()}
    assert {str(recipient).lower(): state for recipient, state in states.items()} == {
        USER: OutboxState.DELIVERED, ANGRY: OutboxState.DELIVERED, "mixed.case@example.org": OutboxState.DELIVERED,
        "nonsense": OutboxState.DEAD,
    }
    assert INVALID in found["nonsense"][1]
    assert vendor.listed == {USER, ANGRY, "mixed.case@example.org"}


def test_a_refusal_in_those_words_of_who_is_not_on_the_list_is_a_refusal(desk: Desk, vendor: Postmark) -> None:
    row = {"EmailAddress": USER, "Status": "Failed", "Message": HELD}
    vendor.then(Answer(200, {"Suppressions": [row]}))
    desk.suppress(USER)
    desk.send()
    assert HELD in by_recipient(desk)[USER][1]
    assert desk.states() == {OutboxState.DEAD}


def test_while_it_can_not_be_looked_up_nothing_is_decided(desk: Desk, vendor: Postmark) -> None:
    row = {"EmailAddress": USER, "Status": "Failed", "Message": HELD}
    vendor.then(Answer(200, {"Suppressions": [row]}), Answer(503))
    desk.suppress(USER)
    desk.send()
    assert desk.states() == {OutboxState.DUE}


def test_releases_go_together_and_a_complaint_among_them_holds_up_nobody(desk: Desk, vendor: Postmark) -> None:
    others = [f"user{number:02}@example.org" for number in range(60)]
    desk.suppress(*others, ANGRY)
    desk.send(rounds=2)
    vendor.complain(ANGRY)
    calls = len(vendor.calls)
    desk.release(*others, ANGRY)
    desk.send(rounds=2)
    assert len(vendor.calls) == calls + 2
    assert vendor.listed == {ANGRY}
    (dead,) = desk.items(OutboxState.DEAD)
    assert dead.recipient == ANGRY
    assert "does not release it" in (dead.last_answer or "")


def test_its_list_tells_why_and_since_when(desk: Desk, vendor: Postmark) -> None:
    vendor.listed.add(USER)
    vendor.complain(ANGRY)
    session, cursor, found = connect(desk.platform), None, list[Listed]()
    try:
        while True:
            page = session.page(cursor, now())
            found += page.entries
            cursor = page.cursor
            if cursor is None:
                break
    finally:
        session.close()
    since = datetime.fromisoformat("2026-11-26T08:58:33-05:00")
    assert found == [Listed(USER, "ManualSuppression", since), Listed(ANGRY, "SpamComplaint", since)]


def test_a_time_that_is_no_text_is_not_known(desk: Desk, vendor: Postmark) -> None:
    vendor.then(Answer(200, {"Suppressions": [{"EmailAddress": USER, "CreatedAt": 1764147513}]}))
    with closing(connect(desk.platform)) as session:
        assert session.page(None, now()).entries == (Listed(USER),)


def test_what_is_no_stream_is_refused_in_one_line() -> None:
    text = '[[platform]]\nname = "pm"\nkind = "postmark"\nserver_token = "t"\nmessage_stream = "all streams"\n'
    with pytest.raises(ConfigError) as error:
        parse(text, "config.toml", {})
    assert error.value.problems == (
        "line 5: platform[pm].message_stream: is no id of a message stream: give the id that stands in its settings at "
        "Postmark, such as outbound",
    )
