"""Notices in text for people: dialects, flufl, and the signs without which no text is read."""


import pytest

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Finding, Kind
from bounce_watcher.parsing.message import parse
from bounce_watcher.recognition import flufl, recognise
from bounce_watcher.recognition.prose import words_beside
from bounce_watcher.recognition.recognizer import Recognition
from bounce_watcher.recognition.signs import looks_like_failure_notice
from tests.cost import least
from tests.families import for_each
from tests.parsing.samples import ORIGINAL, notice, report

QMAIL = "Hi. This is the qmail-send program.\n\n<user@example.org>:\n550 5.1.1 unknown\n\n"
PROSE = "Your message\n\n  Subject: x\n\nwas not delivered to:\n\n  {}\n\nbecause:\n\n  User not listed\n\n"
"""A form that nobody but flufl knows."""


def read(content: bytes) -> Recognition:
    return recognise(parse(content))


def recipients(content: bytes) -> list[str | None]:
    return [finding.report.recipient for finding in read(content).findings]


def test_prose_is_the_weakest_evidence() -> None:
    for text in (QMAIL, PROSE.format("user@example.org")):
        (finding,) = read(notice(text)).findings
        assert finding.evidence is Evidence.PROSE
        assert finding.report.action is Action.FAILED
        assert finding.report.recipient == "user@example.org"


def test_the_field_of_exim_is_a_report() -> None:
    (finding,) = read(notice("Sorry.\n", headers="X-Failed-Recipients: user@example.org\n")).findings
    assert (finding.provenance.recognizer, finding.evidence) == ("exim", Evidence.REPORT)


@pytest.mark.parametrize(
    "bystander",
    [
        "bounces@example.com",          # the mailbox that the report came to
        "MAILER-DAEMON@mail.example.net",
        "postmaster@anywhere.example",
        "news@example.com",             # who sent the mail
        "march.1@example.com",          # its Message-ID
    ],
)
def test_who_takes_part_in_the_exchange_has_not_failed(bystander: str) -> None:
    original = f"------ This is a copy of the message ------\n\n{ORIGINAL}"
    assert recipients(notice(PROSE.format(bystander) + original)) == [None]  # somebody has, who is not named


def test_addresses_of_the_original_have_not_failed() -> None:
    original = f"--- Below this line is a copy of the message.\n\n{ORIGINAL}\n<reader@example.net>:\nwrote 550 times.\n"
    assert recipients(notice(QMAIL + original)) == ["user@example.org"]


def test_words_in_an_attached_original_are_none_of_the_notice() -> None:
    content = report(outer="multipart/mixed", status="Sorry.", status_type="text/plain",
                     original=ORIGINAL + PROSE.format("reader@example.net"))
    assert recipients(content) == ["user@example.org"]  # the one whom the original was sent to


@pytest.mark.parametrize(
    ("text", "action"),
    [
        (QMAIL, Action.FAILED),
        ("# THIS IS A WARNING ONLY. #\n\n<user@example.org>: 452 4.2.2 full\n", Action.DELAYED),
    ],
)
def test_what_a_text_says_was_done(text: str, action: Action) -> None:
    assert [f.report.action for f in read(notice(text)).findings] == [action]


ORDINARY = "From: The User <user@example.org>\nTo: news@example.com\nSubject: {}\n{}\n{}"


@for_each(
    ("subject", "headers"),
    [
        ("Hello", ""),
        ("Undelivered Mail Returned to Sender", ""),
        ("Fwd: Undelivered Mail Returned to Sender", "Return-Path: <>\n"),
        ("Re: failure notice", "Return-Path: <>\nAuto-Submitted: auto-replied\n"),
        ("failure notice", "List-Id: <news.example.net>\nReturn-Path: <>\n"),
        ("Hello", "Return-Path: <>\nAuto-Submitted: auto-generated\n"),
    ],
)
@for_each("text", [QMAIL, PROSE.format("user@example.net")], ids=["qmail", "flufl"])
def test_ordinary_mail_may_hold_any_words(subject: str, headers: str, text: str) -> None:
    content = ORDINARY.format(subject, headers, text).encode()
    assert not looks_like_failure_notice(parse(content))
    assert read(content).findings == ()


@for_each(
    "content",
    [
        notice("x"),
        notice("x", subject="Nothing special"),
        report(),
        b"From: x@example.org\nX-Failed-Recipients: user@example.org\n\nx",
        b"From: x@example.org\nReturn-Path: <>\nSubject: Mail delivery failed\n\nx",
        b"From: postmaster@example.org\nSubject: Unzustellbar: Neues\n\nx",
        b"From: MAILER-DAEMON@example.org\nSubject: Delivery failure\nList-Id: <x.example.org>\nX-BeenThere: x\n\nx",
    ],
)
def test_what_a_mail_system_wrote_shows(content: bytes) -> None:
    assert looks_like_failure_notice(parse(content))


def test_a_header_that_was_cut_off_is_no_notice() -> None:
    assert read(b"From: MAILER-DAEMON@example.org\nX-Failed-Recipients: user@exam").kind is Kind.OTHER


def test_flufl_may_fall_over_what_it_is_shown() -> None:
    """It raises IndexError without From; the stdlib's parser raises RecursionError on deep nesting."""
    without_from = PROSE.format("user@example.org").encode()
    headers = b"X-Failed-Recipients:\nReturn-Path: <>\nSubject: failure notice\n"
    assert [f.report.recipient for f in found(headers + b"\n" + without_from)] == ["user@example.org"]
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(600))
    assert found(headers + nested + b"\nx\n") == ()
    assert found(headers + b"From: \xff\xfe <\0@>\nContent-Type: text/plain; charset=nonsense\n\n\xff\n") == ()


def found(content: bytes) -> tuple[Finding, ...]:
    recognition = flufl.recognise(parse(content))
    return recognition.findings if recognition else ()


@for_each("unit", ["a", "@", "a@", "<", "<a@b>", "<a@b>:\n", " ", "-\n", "Received: x\n", "550 5.1.1 "])
def test_a_notice_of_one_thing_without_end_is_read_in_time(unit: str) -> None:
    content = notice(unit * (500_000 // len(unit)))
    assert least(lambda _: read(content), 2.0) <= 2.0


@for_each(
    ("text", "words"),
    [
        ("<user@example.org>: one\n two\n\nthree", "one\n two"),
        ("x\n  USER@example.org\n    one\n\n", "one"),
        ("  user@example.org\n    one\n  other@example.org\n    two", "one"),
        ("  user@example.org\n    one <user@example.org>\n    <u@host.example.org>: two", "one <user@example.org>\n"
         "    <u@host.example.org>: two"),
        ("To user@example.org.\n\nSorry.\n\nThe host said:\n550 no", "550 no"),
        ("To user@example.org.\n\nTo other@example.org:\n550 no", ""),
        ("<the-user@example.org>: 550 one\n\n<user@example.org>: 550 two\n\n<user@example.org.example>: 3", "550 two"),
        ("the-user@example.org", ""),
        ("nobody", ""),
    ],
)
def test_words_beside_an_address(text: str, words: str) -> None:
    assert words_beside(text, "user@example.org").strip() == words
