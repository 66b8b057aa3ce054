"""Feedback reports, receipts, answers, and the original inside a report."""

from textwrap import dedent

import pytest

from bounce_watcher.model.finding import SentMessage
from bounce_watcher.parsing.auto_reply import auto_submitted, has_auto_reply_mark
from bounce_watcher.parsing.delivery_status import parse_disposition
from bounce_watcher.parsing.feedback_report import MAX_RECIPIENTS, parse_feedback_report
from bounce_watcher.parsing.headers import Headers
from bounce_watcher.parsing.message import parse
from bounce_watcher.parsing.returned import original_headers, sent_message, split_text
from tests.families import for_each
from tests.parsing.samples import ORIGINAL, notice, report


def test_a_feedback_report() -> None:
    found = parse_feedback_report(
        dedent("""\
        Feedback-Type: Abuse
        User-Agent: SomeGenerator/1.0
        Version: 1
        Original-Mail-From: <bounces@example.com>
        Original-Rcpt-To: <user@example.org>
        Original-Rcpt-To: redacted@example.org
        Removal-Recipient: other@example.org
        Received-Date: Mon, 2 Mar 2026 08:00:00 +0000
        Source-IP: 192.0.2.1
        Reported-Domain: example.com
        Authentication-Results: mx.example.org; spf=pass
        """)
    )
    assert found.feedback_type == "abuse"
    assert found.original_rcpt_to == ("user@example.org", "other@example.org")
    assert found.original_mail_from == "bounces@example.com"
    assert found.reported_domain == ("example.com",)
    assert found.source_ip == "192.0.2.1"
    assert found.arrival_date is not None


def test_a_feedback_report_that_says_nothing() -> None:
    assert parse_feedback_report("").feedback_type == "other"
    assert parse_feedback_report("Feedback-Type:\n").feedback_type == "other"


def test_the_recipients_of_a_complaint_are_bounded() -> None:
    text = "".join(f"Original-Rcpt-To: a{n}@example.org\n" for n in range(1_000))
    assert len(parse_feedback_report(text).original_rcpt_to) == MAX_RECIPIENTS


def test_a_receipt() -> None:
    found = parse_disposition(
        dedent("""\
        Reporting-UA: desk.example.org; Mailer 1.0
        Final-Recipient: rfc822;user@example.org
        Original-Message-ID: <march.1@example.com>
        Disposition: manual-action/MDN-sent-manually; displayed/error
        """)
    )
    assert found.final_recipient == "user@example.org"
    assert found.original_message_id == "march.1@example.com"
    assert found.disposition == "displayed"


@for_each(
    "block",
    [
        "X-Autoreply: yes",
        "Precedence: auto_reply",
        "X-Apple-Action: vacation",
        "X-Precedence: auto_reply",
        "X-Sieve-Action: vacation",
        "X-Mailer: vacation 1.2",
        "Auto-Submitted: auto-replied (zimbra; vacation)",
        "X-POST-MessageClass: 9; Autoresponder",
    ],
)
def test_marks_of_an_answering_machine(block: str) -> None:
    assert has_auto_reply_mark(Headers(block.encode()))


@pytest.mark.parametrize(
    "block",
    [
        "X-Auto-Response-Suppress: All",
        "Precedence: bulk",
        "Auto-Submitted: auto-replied",
        "Subject: Undelivered Mail Returned to Sender",
        "",
    ],
)
def test_what_is_no_mark(block: str) -> None:
    assert not has_auto_reply_mark(Headers(block.encode()))


def test_auto_submitted_has_a_keyword_and_a_comment() -> None:
    assert auto_submitted(Headers(b"Auto-Submitted: Auto-Replied (rejected)")) == ("auto-replied", "rejected")
    assert auto_submitted(Headers(b"Auto-Submitted: auto-generated; type=x")) == ("auto-generated", "")
    assert auto_submitted(Headers(b"")) == ("", "")


SENT = SentMessage("march.1@example.com", "news@example.com", "The news of March")


@for_each(
    "content",
    [
        report(),
        report().replace(b"message/rfc822", b"text/rfc822-headers"),
        report().replace(b"message/rfc822", b"message/global"),
        notice("<user@example.org>:\nNo.\n\n--- Below this line is a copy of the message.\n\n" + ORIGINAL),
        notice("Sorry.\n\n   ----- Original message follows -----\n\n" + ORIGINAL),
        notice("Sorry, and no word on what follows.\n\nReturn-Path: <news@example.com>\n" + ORIGINAL),
    ],
    ids=["whole", "headers", "global", "qmail", "sendmail", "bare"],
)
def test_the_original_is_found(content: bytes) -> None:
    assert sent_message(original_headers(parse(content))) == SENT


def test_no_original_tells_nothing() -> None:
    assert original_headers(parse(notice("Sorry."))) is None
    assert sent_message(None) == SentMessage()


def test_a_notice_ends_where_the_original_begins() -> None:
    text = "Sorry.\n\n------ This is a copy of the message, including all the headers. ------\n\n" + ORIGINAL
    assert split_text(text) == ("Sorry.\n\n", ORIGINAL)
    assert split_text("Sorry.") == ("Sorry.", "")
