"""Complaints, receipts, answers: told apart from failures, with recipients only where they are events."""

import re

import pytest

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Kind
from bounce_watcher.parsing.message import parse
from bounce_watcher.recognition import recognise
from bounce_watcher.recognition.recognizer import Recognition
from tests.families import for_each
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
    assert recipients(complaint(more="", original=many)) == [None]


def test_a_placeholder_is_nobody() -> None:
    hidden = ORIGINAL.replace("To: user@example.org", "To: redacted@example.org")
    assert recipients(complaint(more="Original-Rcpt-To: redacted@example.org\n", original=hidden)) == [None]


@for_each("kind", ["fraud", "virus", "other", "opt-out", "auth-failure", "dmarc", "not-spam"])
def test_each_type_of_feedback_is_told(kind: str) -> None:
    found = read(complaint(kind))
    assert (found.kind, found.feedback_type) == (Kind.COMPLAINT, kind)
    assert recipients(complaint(kind)) == recipients(complaint(kind, more="")) == ["user@example.org"]


@pytest.mark.parametrize(("written", "kind"), [("Spam", "abuse"), ("not_spam", "not-spam"), ("Opt-Out;", "opt-out")])
def test_types_as_no_rfc_writes_them(written: str, kind: str) -> None:
    assert read(complaint(written)).feedback_type == kind


def test_a_feedback_part_without_type_is_found() -> None:
    assert recipients(complaint().replace(b"message/feedback-report", b"text/plain")) == ["user@example.org"]


def test_a_placeholder_beside_others_tells_nobody() -> None:
    original = ORIGINAL.replace("To: user@example.org", "To: redacted@example.org, other@example.org")
    assert recipients(complaint(more="", original=original)) == [None]


def test_where_to_is_hidden_the_delivery_tells() -> None:
    original = ORIGINAL.replace("To: user@example.org", "Delivered-To: user@example.org\nTo: <Undisclosed recipients>")
    assert recipients(complaint(more="", original=original)) == ["user@example.org"]


def test_a_feedback_report_in_a_plain_multipart_is_found_by_its_first_fields() -> None:
    content = complaint().replace(b"message/feedback-report", b"text/plain")
    mixed = content.replace(b"multipart/report; report-type=feedback-report", b"multipart/mixed")
    assert recipients(mixed) == ["user@example.org"]
    assert read(mixed.replace(b"Feedback-Type:", b"He wrote:\n\nFeedback-Type:")).kind is not Kind.COMPLAINT
    passed_on = mixed.replace(b"Subject: Undelivered", b"Subject: Fwd: Undelivered")
    by_ada = passed_on.replace(b"Mail Delivery System <MAILER-DAEMON@", b"Ada <ada@")
    assert read(by_ada).kind is Kind.OTHER


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


def test_the_id_of_a_session_is_nobody() -> None:
    content = receipt("automatic-action/MDN-sent-automatically; deleted", submitted="auto-replied (rejected)")
    hidden = content.replace(b"rfc822; user@example.org", b"rfc822; cyrus-8812-1")
    assert recipients(hidden) == ["user@example.org"]
    assert read(hidden.replace(b"To: user@example.org", b"To: a@example.org, b@example.org")).kind is Kind.DISPOSITION


def test_a_receipt_without_its_type_is_one() -> None:
    plain = receipt("manual-action/MDN-sent-manually; displayed").replace(
        b"message/disposition-notification", b"text/plain"
    )
    assert read(plain).kind is Kind.DISPOSITION
    refused = receipt("automatic-action/x; deleted", submitted="auto-replied (rejected)")
    assert recipients(refused.replace(b"message/disposition-notification", b"text/plain")) == ["user@example.org"]


def test_what_was_displayed_was_not_refused() -> None:
    content = receipt("manual-action/MDN-sent-manually; displayed", submitted="auto-replied (rejected)")
    assert read(content).kind is Kind.DISPOSITION


def answer(subject: str, headers: str = "") -> bytes:
    return f"From: The User <user@example.org>\nSubject: {subject}\n{headers}\nI am away.\n".encode()


@for_each(
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


@for_each(
    "subject",
    [
        "Automatic reply: x", "Out of Office: x", "[Auto-Reply] x", "Re: [Auto Reply] x",
        "AUTO: Jo is out of the office",
        "Jo Example is out of the office.", "Automatische Antwort: x", "AW: (Automatische Antwort) x",
        "Abwesenheitsnotiz: x", "=?utf-8?Q?R=C3=A9ponse_automatique_:_x?=", "Message d'absence",
        "Respuesta automática: x", "Fuera de la oficina", "Resposta automática: x", "Fora do escritório: x",
        "Risposta automatica: x", "Automatisch antwoord: x", "Afwezig: x", "Automatiskt svar: x", "Frånvaro: x",
        "Automatisk svar: x", "Autosvar: x", "Automaattinen vastaus: x", "Odpowiedź automatyczna: x",
        "[Automatyczna odpowiedź] x", "Automatická odpověď: x", "Automatická odpoveď: x",
        "Automatikus válasz: x", "Răspuns automat: x", "Автоматический ответ: x", "Автоответ: x",
        "Автоматична відповідь: x", "Автоматичен отговор: x", "Αυτόματη απάντηση: x", "Otomatik Yanıt: x",
        "תשובה אוטומטית: x", "رد تلقائي: x", "自動応答: x", "自動返信：x", "自动答复: x", "自動回覆: x",
        "자동 회신: x", "Trả lời tự động: x", "Tự động trả lời: x", "Balasan otomatis: x",
    ],
)  # fmt: skip
def test_subjects_of_answering_machines(subject: str) -> None:
    assert read(answer(subject)).kind is Kind.AUTO_REPLY


@pytest.mark.parametrize(
    "subject",
    [
        "Automation of offices",
        "Who is out of the office?",
        "Re: Out of office hours",
        "The automatic reply",
        "Vacations for all",
    ],
)
def test_subjects_of_people(subject: str) -> None:
    assert read(answer(subject)).kind is Kind.OTHER


ABSENT = "She no longer works here. Ask other@example.org.\n"


@for_each(
    ("headers", "kind"),
    [
        ("Return-Path: <>\n", Kind.AUTO_REPLY),
        ("Auto-Submitted: auto-generated\n", Kind.AUTO_REPLY),
        ("Precedence: junk\n", Kind.AUTO_REPLY),
        ("X-Auto-Response-Suppress: All\n", Kind.AUTO_REPLY),
        ("In-Reply-To: <march.1@example.com>\n", Kind.AUTO_REPLY),
        ("Auto-Submitted: no\n", Kind.OTHER),
        ("List-Id: <talk.example.net>\nPrecedence: bulk\n", Kind.OTHER),
        ("", Kind.OTHER),
    ],
)
def test_words_of_absence_tell_an_answer_beside_a_sign_of_one(headers: str, kind: Kind) -> None:
    content = f"From: The User <user@example.org>\nSubject: Re: x\n{headers}\n{ABSENT}".encode()
    assert read(content).kind is kind


def test_words_of_absence_that_are_quoted_are_another_s() -> None:
    head = "From: The User <user@example.org>\nSubject: Re: x\nIn-Reply-To: <march.1@example.com>\n\n"
    assert read(f"{head}Really?\n\n> {ABSENT}".encode()).kind is Kind.OTHER


def test_a_failure_that_tells_of_somebody_s_leaving_is_a_failure() -> None:
    content = notice(f"<user@example.org>:\n550 5.1.1 {ABSENT}", headers="Auto-Submitted: auto-replied\n")
    assert recipients(content) == ["user@example.org"]


def test_the_subject_of_the_original_makes_no_other_trade_of_a_failure() -> None:
    content = notice("Your message to <user@example.org> was rejected: 550 5.1.1 user unknown\n", subject="{}")
    relay = content.replace(b"MAILER-DAEMON@mail.example.net", b"noreply@mail.example.net")
    assert recipients(relay.replace(b"{}", b"Undeliverable: your ticket 4711")) == ["user@example.org"]
    assert recipients(relay.replace(b"{}", b"Ticket 4711: undeliverable mail")) == []


def test_mail_to_the_owner_of_a_mailbox_is_no_report_unless_it_quotes_a_server() -> None:
    text = "Your pending messages could not be delivered:\n\n  user@example.org{}\n"
    assert read(notice(text.format(""))).kind is Kind.OTHER
    assert recipients(notice(text.format(": 550 5.1.1 User unknown"))) == ["user@example.org"]


@for_each(
    "subject",
    ["UNSUBSCRIBE", "unsubscribe me", "Unsubscribe: a71x", "opt-out 4711", "Abmelden!", "Désinscription",
     "Darse de baja", "Отписаться", "配信停止", "退订"],
)  # fmt: skip
def test_an_opt_out(subject: str) -> None:
    assert read(answer(subject)).kind is Kind.UNSUBSCRIBE


@pytest.mark.parametrize("subject", ["Unsubscribe rates are falling", "Remove the old page", "Opt-out or opt-in?"])
def test_no_opt_out(subject: str) -> None:
    assert read(answer(subject)).kind is Kind.OTHER


def test_a_failure_of_a_mail_that_asked_for_a_confirmation_is_no_challenge() -> None:
    content = report().replace(b"Undelivered Mail Returned to Sender", b"Undeliverable: Please confirm your message")
    assert recipients(content) == ["user@example.org"]


def test_success_in_prose() -> None:
    content = notice(
        "Your mail was delivered to the following recipients:\n\n  user@example.org\n", subject="Delivered: x"
    )
    assert [(f.report.recipient, f.report.action) for f in read(content).findings] == [
        ("user@example.org", Action.DELIVERED)
    ]
    both = content + b"\nIt could not be delivered to:\n\n  other@example.org\n"
    assert read(both).kind is not Kind.DELIVERED


def spam_report(form: str, name: str = "report.txt") -> bytes:
    return (
        "From: reports@example.net\nSubject: Spam\nX-XARF: PLAIN\nContent-Type: multipart/mixed; boundary=b\n\n"
        f'--b\n\nHello.\n--b\nContent-Type: text/plain; name="{name}"\n\n{form}\n'
        f"--b\nContent-Type: message/rfc822\n\n{ORIGINAL}\n--b--\n"
    ).encode()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (spam_report("Report-Type: spam"), ["user@example.org"]),
        (spam_report('{"ReportType": "Spam"}', "xarf.json"), ["user@example.org"]),
        (spam_report('{"type": "spam", "smtp_to": "other@example.org"}', "xarf.json"), ["other@example.org"]),
    ],
)
def test_x_arf_on_spam_is_a_complaint(content: bytes, expected: list[str]) -> None:
    assert read(content).feedback_type == "abuse"
    assert recipients(content) == expected
    assert read(re.sub(rb"(?i)spam", b"phishing", content)).kind is Kind.OTHER


def test_a_challenge_in_the_form_of_a_report_is_a_challenge() -> None:
    content = report().replace(b"From: Mail Delivery System <MAILER-DAEMON@out.example.com>", b"From: x@boxbe.com")
    assert read(content).kind is Kind.CHALLENGE
