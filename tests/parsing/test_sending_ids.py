"""List-ID (RFC 2919) and Gmail's Feedback-ID, as platforms write them and as nobody should."""

from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.parsing.message import parse
from bounce_watcher.parsing.returned import original_headers, sent_message
from bounce_watcher.parsing.sending_ids import (
    MAX_FEEDBACK_ID,
    MAX_LIST_ID,
    FeedbackId,
    parse_feedback_id,
    parse_list_id,
)
from tests.families import for_each


@for_each(("value", "identifier"), [
    ("News of March <march.news.example.com>", "march.news.example.com"),
    ('"<odd> name" <List.Example.COM>', "list.example.com"),
    ("<news.example.com>  ", "news.example.com"),
    ("news.Example.com", "news.example.com"),
    ("", None),
    ("News of March", None),
    ("<>", None),
    ("<a b>", None),
    (f"<{'a' * MAX_LIST_ID}>", "a" * MAX_LIST_ID),
    (f"<{'a' * (MAX_LIST_ID + 1)}>", None),
    ("x" * 100_000 + " <news.example.com>", "news.example.com"),
])
def test_the_identifier_of_a_list(value: str, identifier: str | None) -> None:
    assert parse_list_id(value) == identifier


@for_each(("value", "parts"), [
    ("spring-26:42:news:example", FeedbackId("spring-26", "42", "news", "example")),
    (" spring : 42 :\tnews : example ", FeedbackId("spring", "42", "news", "example")),
    ("spring:::example", FeedbackId("spring", None, None, "example")),
    ("::1.eu-west-1.abc=:AmazonSES", FeedbackId(None, None, "1.eu-west-1.abc=", "AmazonSES")),
    ("more:spring:42:news:example", FeedbackId("spring", "42", "news", "example")),
    ("spring:example", FeedbackId(None, None, None, "example")),
    ("example", FeedbackId(None, None, None, "example")),
    ("", FeedbackId(None, None, None, None)),
    (":::", FeedbackId(None, None, None, None)),
])
def test_the_parts_of_a_feedback_id(value: str, parts: FeedbackId) -> None:
    assert parse_feedback_id(value) == parts


@given(st.text(), st.text(alphabet="<>: a"))
def test_they_are_total(noise: str, signs: str) -> None:
    for value in (noise, signs, signs * 1000):
        assert len(parse_list_id(value) or "") <= 3 * MAX_LIST_ID  # some letters have a longer lower case
        assert len(parse_feedback_id(value).sender or "") <= MAX_FEEDBACK_ID


def test_they_are_read_of_the_mail_that_came_back() -> None:
    report = parse(
        b"Content-Type: multipart/report; boundary=b\n\n--b\n\nIt failed.\n--b\nContent-Type: message/rfc822\n\n"
        b"List-Id: =?utf-8?q?Fr=C3=BChling?=\n <News.example.com>\nfeedback-id: spring:42:\n news:example\n\nx\n--b--\n"
    )
    sent = sent_message(original_headers(report))
    assert (sent.list_id, sent.feedback_id) == ("news.example.com", "spring:42: news:example")
    assert (sent_message(None).list_id, sent_message(None).feedback_id) == (None, None)
