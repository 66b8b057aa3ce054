"""Notices as people and gateways hand them on: saved, without their machine part, glued, in one sentence."""

import re

from bounce_watcher.classification.classify import classify
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.verdict import Reason
from bounce_watcher.parsing.message import parse
from bounce_watcher.recognition import recognise
from bounce_watcher.recognition.recognizer import Recognition
from tests.families import for_each
from tests.parsing.samples import report

DSN = report(
    "Reporting-MTA: dns; mx.example.net\n\nFinal-Recipient: rfc822; user@example.org\nAction: failed\nStatus: 5.1.1\n"
)
TOLD = "From: {}\nTo: bounces@example.com\nSubject: {}\n{}\n{}\n"


def read(content: bytes) -> Recognition:
    return recognise(parse(content))


def reasons(text: str, author: str = "postmaster@example.net", subject: str = "Undelivered mail") -> dict[str, Reason]:
    head = "Return-Path: <>\nContent-Type: text/plain; charset=utf-8\n"
    reports = [each.report for each in read(TOLD.format(author, subject, head, text).encode()).findings]
    return {str(each.recipient): classify(each, None, load_builtin()).reason for each in reports}


@for_each(
    "above",
    [
        "\n\n\n", "   \n \t\n", " ", "\0\0", "From MAILER-DAEMON Tue Dec  1 10:00:00 2026\n",
        "\n\nFrom MAILER-DAEMON Tue Dec  1 10:00:00 2026\n", ">From MAILER-DAEMON Tue Dec  1 10:00:00 2026\n",
        "---------- Forwarded message ----------\n", "----- Original message -----\n\n", "\ufeff",
    ],
)
def test_what_stands_above_the_header_of_a_copy_hides_nothing(above: str) -> None:
    assert [each.report.recipient for each in read(above.encode() + DSN).findings] == ["user@example.org"]


def test_a_copy_with_a_margin_is_read_without_it() -> None:
    with_margin = re.sub(rb"^(?=.)", b"    ", DSN, flags=re.MULTILINE)
    assert [each.report.recipient for each in read(with_margin).findings] == ["user@example.org"]


def test_a_list_of_fields_in_a_body_is_no_margin() -> None:
    body = b"  Name: Ada\n  Place: here\n"
    assert parse(b"Subject: x\n\n" + body).text.encode() == body


@for_each(
    "text",
    [
        "news@example.comからuser@example.org宛のメールは配信できませんでした。\nユーザが存在しません。",
        "收件人地址user@example.org不存在，邮件无法投递。",
        "您发送给user@example.org的邮件无法投递，收件人邮箱不存在。",
        "news@example.com에서 보낸 메일을 user@example.org에 배달하지 못했습니다. 수신자가 존재하지 않습니다.",
    ],
)
def test_an_address_between_words_without_blanks_is_named_and_the_author_is_not(text: str) -> None:
    assert reasons(text) == {"user@example.org": Reason.INVALID_RECIPIENT}


@for_each(
    ("text", "reason"),
    [
        ("user wasn't found at example.org.", Reason.INVALID_RECIPIENT),
        ("user n'a pas été trouvé sur example.org.", Reason.INVALID_RECIPIENT),
        ("user no se encontró en example.org.", Reason.INVALID_RECIPIENT),
        ("Nie znaleziono user w domenie example.org.", Reason.INVALID_RECIPIENT),
        ("The group user only accepts messages from people in its organization.", Reason.POLICY),
        ("The mailbox of user is full and can't accept messages now.", Reason.MAILBOX_FULL),
    ],
)
def test_the_sentence_for_people_is_enough_where_the_status_part_is_lost(text: str, reason: Reason) -> None:
    said = f"Your message to user@example.org couldn't be delivered.\n\n{text}\n\nMicrosoft 365"
    assert reasons(said, "Microsoft Outlook <postmaster@outlook.example>", "Undeliverable: News") == {
        "user@example.org": reason
    }


@for_each(
    ("author", "subject", "text", "kind"),
    [
        ("Example <noreply@example.net>", "Your message", "user@example.org could not be reached: no such mailbox.",
         Kind.BOUNCE),
        ("Example Ltd <info@example.net>", "Returned mail", "Your mail could not be delivered to user@example.org.",
         Kind.BOUNCE),
        ("Example Ltd <info@example.net>", "Our offer", "Your mail could not be delivered to user@example.org.",
         Kind.OTHER),
        ("Ada <ada@example.net>", "Returned mail", "My mail could not be delivered to user@example.org.", Kind.OTHER),
        ("Bank <noreply@example.net>", "Payment", "Your payment to user@example.org was rejected.", Kind.OTHER),
    ],
)
def test_one_sign_and_plain_first_words_make_a_notice(author: str, subject: str, text: str, kind: Kind) -> None:
    assert read(TOLD.format(author, subject, "", text).encode()).kind is kind


def test_what_a_daemon_wrote_counts_when_it_is_passed_on() -> None:
    text = "Address not found\n\nYour message wasn't delivered to user@example.org: the address couldn't be found."
    told = reasons(text, "Mail Delivery Subsystem <mailer-daemon@example.net>", "Fwd: Delivery Status Notification")
    assert told == {"user@example.org": Reason.INVALID_RECIPIENT}


def test_another_form_of_the_address_is_read_where_the_report_names_it() -> None:
    odd = DSN.replace(b"rfc822; user@example.org", b"rfc822; user@#mx.example.org")
    [found] = read(odd).findings
    assert (found.report.recipient, found.evidence) == ("user@example.org", Evidence.PROSE)
    [another] = read(odd.replace(b"user@#mx.example.org", b"other@#mx.example.org")).findings
    assert another.report.recipient is None


def test_the_last_attempt_decides() -> None:
    text = (
        "user@example.org: first attempt: connection timed out; last attempt: 550 5.1.1 user unknown\n"
        "other@example.org: first attempt: 550 5.1.1 user unknown; last attempt: 452 4.2.2 mailbox full\n"
    )
    assert reasons(f"These could not be delivered:\n\n{text}") == {
        "user@example.org": Reason.INVALID_RECIPIENT, "other@example.org": Reason.MAILBOX_FULL
    }


def test_a_receipt_that_rejects_is_a_refusal() -> None:
    fields = (
        "Reporting-UA: mail.example.org\nFinal-Recipient: rfc822; user@example.org\n"
        "Disposition: automatic-action/MDN-sent-automatically; {}\nFailure: 550 5.1.1 no such mailbox\n"
    )
    outer, inner = "multipart/report; report-type=disposition-notification", "message/disposition-notification"
    refused = report(fields.format("rejected"), status_type=inner, outer=outer)
    [found] = read(refused).findings
    assert (read(refused).kind, found.report.recipient) == (Kind.BOUNCE, "user@example.org")
    assert classify(found.report, None, load_builtin()).reason is Reason.INVALID_RECIPIENT
    assert read(report(fields.format("displayed"), status_type=inner, outer=outer)).kind is Kind.DISPOSITION


@for_each(
    "text",
    [
        "This is only a temporary failure report. Delivery to user@example.org will be tried again.\n\nMailbox busy\n",
        "Warning: could not send for past 4 hours\n\nuser@example.org: connection timed out\n",
    ],
)
def test_a_warning_is_a_delay(text: str) -> None:
    content = TOLD.format("postmaster@example.net", "Mail delivery", "Return-Path: <>\n", text).encode()
    assert {each.report.action for each in read(content).findings} == {Action.DELAYED}


@for_each(
    ("text", "kind"),
    [
        ("I am out of the office until 5 January and will answer when I am back.", Kind.AUTO_REPLY),
        ("Vielen Dank. Ich bin bis zum 5. Januar nicht im Büro.", Kind.AUTO_REPLY),
        ("She no longer works here. Ask other@example.org.", Kind.OTHER),
        ("Thanks, could you change my address?", Kind.OTHER),
    ],
)
def test_a_sentence_of_absence_is_enough_in_an_answer(text: str, kind: Kind) -> None:
    assert read(TOLD.format("Ada <ada@example.org>", "Re: News", "", text).encode()).kind is kind


CHARSET = "Content-Type: text/plain; charset=utf-8\n"
DAEMON = (
    "From: Mail Delivery Subsystem <MAILER-DAEMON@mail.example.net>\nTo: <ada@example.com>\nSubject: Returned mail\n\n"
    "   ----- The following addresses had permanent fatal errors -----\n<user@example.org>\n\n"
    "   ----- Transcript of session follows -----\n... while talking to mx.example.org.:\n"
    ">>> RCPT To:<user@example.org>\n<<< 550 5.1.1 no such user\n550 5.1.1 <user@example.org>... User unknown\n"
)


def forwarded(text: str, subject: str = "Fwd: Returned mail") -> Recognition:
    return read(TOLD.format("Ada <ada@example.com>", subject, CHARSET, text).encode())


@for_each(
    "bar",
    [
        "Begin forwarded message:", "-------- Forwarded Message --------", "-----Original Message-----",
        "Anfang der weitergeleiteten Nachricht:", "---------- Mensaje reenviado ---------",
        "----- 転送メッセージ -----",
    ],
)
@for_each("quote", ["", "> ", ">"])
def test_a_notice_that_is_forwarded_without_a_word_counts_as_prose(bar: str, quote: str) -> None:
    [found] = forwarded(f"\n{bar}\n\n" + re.sub("^", quote, DAEMON, flags=re.MULTILINE)).findings
    assert (found.report.recipient, found.report.action, found.evidence) == (
        "user@example.org", Action.FAILED, Evidence.PROSE
    )
    assert classify(found.report, None, load_builtin()).reason is Reason.INVALID_RECIPIENT


@for_each(
    ("text", "subject"),
    [
        (f"What does this mean?\n\nBegin forwarded message:\n\n{DAEMON}", "Fwd: Returned mail"),
        (f"Begin forwarded message:\n\n{DAEMON}", "Hello"),
        (f"Begin forwarded message:\n\n{DAEMON.replace(DAEMON.partition('@')[0], 'From: Bob <bob')}", "Fwd: Hello"),
        (f"Begin forwarded message:\n\nHe wrote:\n\n{DAEMON}", "Fwd: Returned mail"),
    ],
)
def test_a_forward_with_words_of_its_own_or_of_other_mail_is_no_report(text: str, subject: str) -> None:
    assert forwarded(text, subject).kind is Kind.OTHER


def test_fields_that_somebody_copied_prove_nothing() -> None:
    status = "Final-Recipient: rfc822; user@example.org\nAction: failed\nStatus: 5.1.1\n"
    [found] = forwarded(f"Begin forwarded message:\n\n{DAEMON}\n{status}").findings
    assert found.evidence is Evidence.PROSE


@for_each(
    ("author", "subject", "kind"),
    [
        ("gate.keeper@example.net", "Re: The news of March : non remis (delivery failed)", Kind.BOUNCE),
        ("gate.keeper@example.net", "Re: The news of March (not delivered)", Kind.BOUNCE),
        ("gate.keeper@example.net", "The news of March - Unzustellbar", Kind.BOUNCE),
        ("gate.keeper@example.net", "Re: The news of March", Kind.OTHER),
        ("Ada Keeper <ada@example.net>", "Re: The news of March (not delivered)", Kind.OTHER),
    ],
)
def test_a_gateway_says_the_outcome_behind_the_subject_of_the_mail(author: str, subject: str, kind: Kind) -> None:
    text = "*****\nVotre message n'a pas pu etre delivre a\nuser@example.org\n\n*****\n"
    assert read(TOLD.format(author, subject, "", text).encode()).kind is kind


@for_each("value", ["user@example.org>", "<user@example.org", " user@example.org >"])
def test_half_a_pair_of_brackets_hides_no_recipient_whom_the_report_names_elsewhere(value: str) -> None:
    odd = DSN.replace(b"rfc822; user@example.org", f"rfc822; {value}".encode())
    assert [(each.report.recipient, each.evidence) for each in read(odd).findings] == [
        ("user@example.org", Evidence.PROSE)
    ]
    [half] = read(odd.replace(b"To: user@example.org", b"To: the.user@example.org")).findings
    assert half.report.recipient is None
