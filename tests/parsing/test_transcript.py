"""Which command each `<<<` answers, as a notice shows the conversation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.parsing.smtp_reply import read_reply
from bounce_watcher.parsing.transcript import (
    MAX_LINE,
    RefusalLine,
    answer_on,
    answer_told,
    last_refusal,
    read_transcript,
)
from tests.families import for_each

HOST = "... while talking to mx.example.org.:\n"
UNKNOWN = "550 5.0.0 <ada@example.org>... User unknown"
REMARK = "550 5.1.1 <ada@example.org>... User unknown"


def stages(text: str) -> list[str | None]:
    return [answer.stage for answer in read_transcript(text)]


def words(text: str) -> list[tuple[str, str | None]]:
    return [(answer.text, answer.stage) for answer in read_transcript(text)]


def test_an_answer_belongs_to_the_command_above_it() -> None:
    text = f"{HOST}>>> MAIL From:<b@example.com> SIZE=9\n<<< 552 too big\n>>> RCPT To:<ada@example.org>\n<<< 550 no\n"
    assert words(text) == [("552 too big", "MAIL"), ("550 no", "RCPT")]


@for_each(
    ("below", "stage"),
    [
        ("554 5.0.0 Service unavailable", "DATA"),
        (f"{REMARK}\n<<< 503 5.0.0 Need RCPT (recipient)", "RCPT"),
        (REMARK, "RCPT"),
        ("<<< 503 5.5.1 RCPT first. x9", "RCPT"),
        ("<<< 503 RCPT first (#5.5.1)", "RCPT"),
        ("<<< 503 Error: need RCPT command", "RCPT"),
        ("<<< 503 Valid RCPT command must precede DATA", "RCPT"),
        (
            "<<< 503-All RCPT commands were rejected with this error:\n<<< 503-no\n<<< 503 No RCPT",
            "RCPT",
        ),
        ("<<< 554 5.5.1 Error: no valid recipients", "RCPT"),
        ("<<< 503 No recipients specified", "RCPT"),
        ("<<< 503 Bad sequence of commands", "RCPT"),
    ],
)
def test_what_follows_tells_whether_data_was_pipelined(below: str, stage: str) -> None:
    assert words(f"{HOST}>>> DATA\n<<< {UNKNOWN}\n{below}\n") == [(UNKNOWN, stage)]


def test_each_server_is_a_conversation_of_its_own() -> None:
    busy = f"{HOST}<<< 450 busy\n"
    assert stages(f"{busy}{HOST}>>> DATA\n<<< 554 no\n{busy}>>> DATA\n<<< 550 no\n<<< 503 Need RCPT\n") == [
        "CONNECT",
        "DATA",
        "CONNECT",
        "RCPT",
    ]


def test_an_answer_of_several_lines_is_one() -> None:
    text = ">>> DATA\n<<< 550-5.7.1 one\n<<< 550-5.7.1 two\n<<< 550 5.7.1 three\n554 5.0.0 Service unavailable"
    assert read_transcript(text) == (RefusalLine("550-5.7.1 one 550-5.7.1 two 550 5.7.1 three", "DATA"),)


def test_mdaemon_stamps_its_lines_and_shows_what_went_well() -> None:
    text = (
        "Tue 2009-03-03 10:11:12: --> RCPT To:<ada@example.org>\n"
        "Tue 2009-03-03 10:11:12: <-- 250 ok\n"
        "Tue 2009-03-03 10:11:13: --> .\n"
        "Tue 2009-03-03 10:11:14: <-- 554 no\n"
    )
    assert read_transcript(text) == (RefusalLine("554 no", "DOT"),)


def test_words_between_arrows_that_are_no_command_tell_no_stage() -> None:
    assert stages(">>> ada@example.org <ada@example.org>\n\n<<< 550 no\n") == [None]


@pytest.mark.parametrize("text", ["", "550 no", "> 550 no", "<<< 250 ok", "<<< Message is too large."])
def test_no_refusal_is_shown(text: str) -> None:
    assert read_transcript(text) == ()


def test_the_answer_that_a_report_repeats() -> None:
    first, last = RefusalLine("550-5.7.1 spam 550 5.7.1 it is", "DATA"), RefusalLine("550 no", "RCPT")
    assert answer_told((first, last), "550-5.7.1  Spam") is first
    assert answer_told((first, last), "550 no") is last
    assert answer_told((first, last), "550 something else") is None
    assert answer_told((first, last), "552 no") is None
    assert answer_told((first, last), "") is None
    assert answer_told((last,), "550 in other words") is last


def test_an_answer_is_on_the_address_of_its_command_or_of_what_was_made_of_it() -> None:
    answers = read_transcript(
        "While talking to mx.example.org:\n"
        ">>> MAIL From:<news@example.com>\n"
        "<<< 501 you are an open relay\n"
        "554 <ada@example.org>... Remote protocol error\n"
        "421 example.org (smtp)... Deferred\n"
        "550 <bob@example.net>... Host unknown\n"
        "While talking to mx.example.edu:\n"
        ">>> RCPT To:<Eve@example.edu>\n"
        "<<< 450 not yet\n"
        "<<< 550 not at all\n"
    )
    ada, eve = answer_on(answers, "Ada@example.org"), answer_on(answers, "eve@example.edu")
    assert ada is not None
    assert eve is not None
    assert (ada.text, ada.stage) == ("501 you are an open relay", "MAIL")
    assert (eve.text, eve.stage) == ("550 not at all", "RCPT")
    assert answer_on(answers, "bob@example.net") is None


def test_a_conversation_on_one_line() -> None:
    line = f">>> DATA <<< 553 Sender refused {REMARK} <<< 503 RCPT first (#5.5.1)"
    refusal = last_refusal(line)
    assert refusal is not None
    assert (refusal.text, refusal.stage) == ("553 Sender refused", "RCPT")
    assert (read_reply(line).text, read_reply(line).stage, read_reply(line).status) == (
        "553 Sender refused",
        "RCPT",
        None,
    )
    assert last_refusal(">>> DATA <<< 503 Need RCPT") is None
    assert last_refusal("Sent <<< DATA Received >>> 550 no") is None


@given(
    st.lists(
        st.sampled_from([">>> DATA", "<<< 550-a", "<<< 550 b", "<<< 503 Need RCPT", REMARK, HOST, "x" * 2 * MAX_LINE])
    )
)
def test_total(lines: list[str]) -> None:
    answers = read_transcript("\n".join(lines))
    assert all(len(answer.text) <= MAX_LINE and answer.stage in {None, "CONNECT", "DATA", "RCPT"} for answer in answers)
