"""notices: who hears of an occurrence, and in which words."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.model.ledger import NoticeType, Occurrence, OutboxState
from bounce_watcher.outbox.webhook.notice import body, notices
from tests.outbox.samples import AT, occurrence, target


def ids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"msg_{next(numbers):04}"


def test_each_subscribed_target_gets_an_item_of_its_own() -> None:
    listening = (target("one"), target("two"))
    items = notices(occurrence(), (*listening, target("deaf", types=frozenset({NoticeType.ALERT_RAISED}))), ids())
    assert [(item.id, item.target) for item in items] == [("msg_0001", "one"), ("msg_0002", "two")]


def test_nobody_listens_nothing_is_written() -> None:
    assert notices(occurrence(NoticeType.BOUNCE), (target(),), ids()) == ()


def test_an_item_is_due_at_once_and_says_whom_it_is_about() -> None:
    (item,) = notices(occurrence(), (target(),), ids())
    assert (item.type, item.recipient, item.stream, item.sequence) == (
        NoticeType.SUPPRESSED, "user@example.org", "marketing", 7,
    )
    assert (item.created_at, item.next_attempt_at, item.state, item.attempts) == (AT, AT, OutboxState.DUE, 0)


def test_the_body_is_compact_json_with_the_fields_of_the_contract() -> None:
    (item,) = notices(occurrence(), (target(),), ids())
    assert item.body == (
        '{"type":"recipient.suppressed","timestamp":"2026-11-24T06:00:00Z","data":'
        '{"recipient":"user@example.org","stream":"marketing","because":"1 of 1","reason":"invalid_recipient",'
        '"until":null,"sequence":7}}'
    )


def test_equal_occurrences_make_equal_bodies_whatever_the_order_of_their_data() -> None:
    one = occurrence(data={"reason": "spam", "because": "x"})
    other = occurrence(data={"because": "x", "reason": "spam"})
    assert one == other
    assert body(one) == body(other)


def test_the_time_is_told_in_utc_to_the_second() -> None:
    vienna = timezone(timedelta(hours=1))
    told = json.loads(body(occurrence(at=datetime(2026, 11, 24, 7, 0, 0, 999_999, tzinfo=vienna))))
    assert told["timestamp"] == "2026-11-24T06:00:00Z"


def test_an_alert_has_no_recipient_and_no_sequence() -> None:
    alert = Occurrence(NoticeType.ALERT_RAISED, AT, data={"alert": "endpoint_gone", "target": "platform"})
    assert json.loads(body(alert))["data"] == {"alert": "endpoint_gone", "target": "platform"}


def test_other_scripts_stay_readable_and_bytes_without_a_charset_do_not_break_utf8() -> None:
    text = body(occurrence(data={"diagnostic": "Postfach überfüllt 满 \udce4 \x00"}))
    assert "überfüllt 满 ?" in text
    assert json.loads(text.encode())["data"]["diagnostic"].endswith(" \x00")


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        body(occurrence(data={"share": float("nan")}))


@given(st.dictionaries(st.text(), st.one_of(st.none(), st.booleans(), st.integers(), st.text())))
def test_any_data_comes_out_as_utf8_json_on_one_line(data: dict[str, object]) -> None:
    text = body(Occurrence(NoticeType.ALERT_RAISED, datetime(2026, 1, 1, tzinfo=UTC), data=data))
    assert "\n" not in text
    assert json.loads(text.encode("utf-8"))["type"] == "alert.raised"
