"""Complaints, receipts, answers: told apart from failures, with recipients only where they are events."""

import pytest

from bounce_watcher.model.finding import Kind
from bounce_watcher.parsing.message import parse
from bounce_watcher.recognition import recognise
from bounce_watcher.recognition.recognizer import Recognition
from tests.parsing.samples import ORIGINAL, notice, report

COMPLAINT = "Feedback-Type: {}\nUser-Agent: x/1\nVersion: 1\n{}"


def read(content: bytes) -> Recognition:
    return recognise(parse(content))


def complaint(
    kind: str = "abuse", more: str = "Original-Rcpt-To: <user@example.org>\n", original: str = ORIGINAL
) -> bytes:
    return report(
        COMPLAINT.format(kind, more),
        status_type="message/feedback-report",
        outer="multipart/report; report-type=feedback-report",
        original=original,
    )


def recipients(content: bytes) -> list[str | None]:
    return [finding.report.recipient for finding in read(content).findings]


def test_a_complaint_tells_who_complains() -> None:
    found = read(complaint())
    assert (found.kind, found.feedback_type, found.sent.message_id) == (Kind.COMPLAINT, "abuse", "march.1@example.com")
    assert recipients(complaint()) == ["user@example.org"]


def test_a_complaint_without_recipient_is_about_the_one_addressee() -> None:
    assert recipients(complaint(more="")) == ["user@example.org"]
    many = ORIGINAL.replace("To: user@example.org", "To: a@example.org, b@example.org")
    assert recipients(complaint(more="", original=many)) == []


def test_a_placeholder_is_nobody() -> None:
    hidden = ORIGINAL.replace("To: user@example.org", "To: redacted@example.org")
    assert recipients(complaint(more="Original-Rcpt-To: redacted@example.org\n", original=hidden)) == []


@pytest.mark.parametrize("kind", ["fraud", "virus", "other", "opt-out", "auth-failure", "dmarc", "not-spam"])
def test_each_type_of_feedback_is_told(kind: str) -> None:
    found = read(complaint(kind))
    assert (found.kind, found.feedback_type) == (Kind.COMPLAINT, kind)
    assert recipients(complaint(kind)) == ["user@example.org"]


@pytest.mark.parametrize(("written", "kind"), [("Spam", "abuse"), ("not_spam", "not-spam"), ("Opt-Out;", "opt-out")])
def test_types_as_no_rfc_writes_them(written: str, kind: str) -> None:
    assert read(complaint(written)).feedback_type == kind


def test_a_feedback_part_without_type_is_found() -> None:
    assert recipients(complaint().replace(b"message/feedback-report", b"text/plain")) == ["user@example.org"]


def test_a_placeholder_beside_others_tells_nobody() -> None:
    original = ORIGINAL.replace("To: user@example.org", "To: redacted@example.org, other@example.org")
    assert recipients(complaint(more="", original=original)) == []


def test_where_to_is_hidden_the_delivery_tells() -> None:
    original = ORIGINAL.replace("To: user@example.org", "Delivered-To: user@example.org\nTo: <Undisclosed recipients>")
    assert recipients(complaint(more="", original=original)) == ["user@example.org"]


def test_a_feedback_report_in_a_plain_multipart_is_found_by_its_first_fields() -> None:
    content = complaint().replace(b"message/feedback-report", b"text/plain")
    mixed = content.replace(b"multipart/report; report-type=feedback-report", b"multipart/mixed")
    assert recipients(mixed) == ["user@example.org"]
    assert read(mixed.replace(b"Feedback-Type:", b"He wrote:\n\nFeedback-Type:")).kind is not Kind.COMPLAINT
    assert read(mixed.replace(b"Subject: Undelivered", b"Subject: Fwd: Undelivered")).kind is Kind.OTHER


def desk(text: str, subject: str = "Abuse") -> bytes:
    """Mail of an abuse desk, the original attached."""
    return (
        f"From: abuse@example.net\nSubject: {subject}\nContent-Type: multipart/mixed; boundary=b\n\n"
        f"--b\n\n{text}\n--b\nContent-Type: message/rfc822\n\n{ORIGINAL}\n--b--\n"
    ).encode()


@pytest.mark.parametrize(
    "text", ["This is an email abuse report for a mail from 192.0.2.1.", "Our user reported this message as spam."]
)
def test_an_abuse_desk_writes_complaints_without_a_report(text: str) -> None:
    assert recipients(desk(text)) == ["user@example.org"]
    assert read(desk(text)).feedback_type == "abuse"
    assert read(desk(text, "Fwd: Abuse")).kind is Kind.OTHER


def test_the_word_of_a_filter_is_no_complaint() -> None:
    assert read(desk("Our filter has marked this message as spam.")).kind is Kind.OTHER


def test_the_form_of_microsoft() -> None:
    hidden = ORIGINAL.replace("To: user@example.org", "To: x@example.net")
    original = f"X-HmXmrOriginalRecipient: user@example.org\n{hidden}"
    content = (
        "From: staff@example.net\nSubject: complaint about message from 192.0.2.1\n"
        f"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n{original}\n--b--\n"
    ).encode()
    assert recipients(content) == ["user@example.org"]
    assert read(content.replace(b"message/rfc822", b"text/html")).kind is Kind.OTHER
    renamed = content.replace(b"complaint about message from 192.0.2.1", b"The news of March")
    assert read(renamed).kind is Kind.OTHER
    assert recipients(renamed.replace(b"staff@example.net", b"staff@hotmail.com")) == ["user@example.org"]


def receipt(disposition: str, *, text: str = "Read.\n", submitted: str = "auto-replied") -> bytes:
    return report(
        "Final-Recipient: rfc822; user@example.org\nOriginal-Message-ID: <march.1@example.com>\n"
        f"Disposition: {disposition}\n",
        status_type="message/disposition-notification",
        outer="multipart/report; report-type=disposition-notification",
        headers=f"Auto-Submitted: {submitted}\n",
        text=text,
    )


@pytest.mark.parametrize(
    "disposition", ["manual-action/MDN-sent-manually; displayed", "automatic-action/MDN-sent-automatically; deleted"]
)
def test_a_receipt_is_no_failure(disposition: str) -> None:
    found = read(receipt(disposition))
    assert (found.kind, found.findings) == (Kind.DISPOSITION, ())
    assert found.sent.message_id == "march.1@example.com"


@pytest.mark.parametrize(
    "changes",
    [
        {"submitted": "auto-replied (rejected)"},
        {"text": "Your message to <user@example.org> was automatically rejected:\nNo.\n"},
    ],
)
def test_a_refusal_in_the_dress_of_a_receipt_is_a_failure(changes: dict[str, str]) -> None:
    content = receipt("automatic-action/MDN-sent-automatically; deleted", **changes)
    assert read(content).kind is Kind.BOUNCE
    assert recipients(content) == ["user@example.org"]


def test_what_was_displayed_was_not_refused() -> None:
    content = receipt("manual-action/MDN-sent-manually; displayed", submitted="auto-replied (rejected)")
    assert read(content).kind is Kind.DISPOSITION


def answer(subject: str, headers: str = "") -> bytes:
    return f"From: The User <user@example.org>\nSubject: {subject}\n{headers}\nI am away.\n".encode()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (answer("Out of Office: x"), Kind.AUTO_REPLY),
        (answer("x", "X-Autoreply: yes\n"), Kind.AUTO_REPLY),
        (answer("x", "Auto-Submitted: auto-replied (vacation)\nReturn-Path: <>\n"), Kind.AUTO_REPLY),
        (notice("I am away.\n", subject="Automatic reply: x"), Kind.AUTO_REPLY),
        (answer("x", "Auto-Submitted: auto-generated\n"), Kind.OTHER),
        (answer("x", "Auto-Submitted: no\n"), Kind.OTHER),
        (answer("Please confirm your message"), Kind.CHALLENGE),
        (answer("x", "X-BoxTrapper: yes\n"), Kind.CHALLENGE),
        (answer("unsubscribe"), Kind.UNSUBSCRIBE),
        (answer("Re: Unsubscribe"), Kind.UNSUBSCRIBE),
        (answer("x", "X-Apple-Unsubscribe: true\n"), Kind.UNSUBSCRIBE),
        (answer("How do I unsubscribe?"), Kind.OTHER),
        (answer("Hello"), Kind.OTHER),
        (notice("Something that nobody can read.\n"), Kind.OTHER),
        (b"", Kind.OTHER),
    ],
)
def test_mail_that_is_no_event(content: bytes, kind: Kind) -> None:
    assert read(content) == Recognition(kind)


def test_a_challenge_in_the_form_of_a_report_is_a_challenge() -> None:
    content = report().replace(b"From: Mail Delivery System <MAILER-DAEMON@out.example.com>", b"From: x@boxbe.com")
    assert read(content).kind is Kind.CHALLENGE
