"""Notices as people and gateways hand them on: saved, without their machine part, glued, in one sentence."""

import re
from base64 import b64encode
from itertools import product

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

DSN_STATUS = (
    "Reporting-MTA: dns; mx.example.net\n\nFinal-Recipient: rfc822; user@example.org\nAction: failed\nStatus: 5.1.1\n"
)
DSN = report(DSN_STATUS)
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
        ("Thanks. Ada has left the company. Ask other@example.org.", Kind.AUTO_REPLY),
        ("Die Adresse wird nicht mehr verwendet.", Kind.AUTO_REPLY),
        ("She no longer works here. Ask other@example.org.", Kind.OTHER),
        ("Thanks, could you change my address?", Kind.OTHER),
    ],
)
def test_a_sentence_of_absence_is_enough_in_an_answer(text: str, kind: Kind) -> None:
    assert read(TOLD.format("Ada <ada@example.org>", "Re: News", "", text).encode()).kind is kind


@for_each(
    "author",
    [
        "Microsoft Outlook", "Microsoft Exchange", "Systemadministrator", "Administrateur système",
        "Amministratore di sistema", "Администратор системы", "システム管理者", "系统管理员",
    ],
)
def test_a_copy_shows_only_the_name_of_the_system(author: str) -> None:
    text = "This could not be delivered to the following recipients:\n\nuser@example.org\nThe mailbox is full."
    assert reasons(text, author, "Undeliverable: News") == {"user@example.org": Reason.MAILBOX_FULL}


LISTED = "Your mail could not be delivered to:\n\nuser@example.org\n    550 5.1.1 User unknown\n"


@for_each(("header", "found"), [
    ("Subject: Mail delivery failed\n\n", True),
    ("Subject: Hello\n\n", True),
    ("", True),
    ("Subject: Mail delivery failed\nFrom: Ada <ada@example.net>\n\n", False),
    ("From Ada\nReturn-Path ada@example.net\nSubject Mail delivery failed\n\n", False),
])
def test_a_copy_without_an_author_is_read_but_no_damaged_mail(header: str, found: bool) -> None:
    assert bool(read(f"{header}{LISTED}".encode()).findings) is found


@for_each(
    ("text", "recipients"),
    [
        ("The mail you sent to <user@example.org> had a virus and was not delivered.", ["user@example.org"]),
        ("This mail was blocked.\n\n  From: bounces@example.com\n  To: user@example.org\n", ["user@example.org"]),
        ("A mail to bounces@example.com was blocked. It came from the address other@example.org.", []),
        ("A mail could not be delivered. The list is at lists@example.org.", []),
    ],
)
def test_a_filter_tells_the_sender_of_the_mail(text: str, recipients: list[str]) -> None:
    content = TOLD.format("MailMarshal <filter@example.net>", "A mail was stopped", "", text).encode()
    assert [each.report.recipient for each in read(content).findings] == recipients


def test_a_role_that_helps_may_be_who_has_failed() -> None:
    assert reasons("Votre message n'est pas parvenu à contact@example.org, car l'adresse est introuvable.") == {
        "contact@example.org": Reason.INVALID_RECIPIENT
    }


def test_the_reason_in_the_next_paragraph_ends_where_help_is_offered() -> None:
    text = (
        "Your message to user@example.org couldn't be delivered.\n\n"
        "user's mailbox is full and can't accept messages now. Or contact the recipient, whose account may be disabled."
    )
    assert reasons(text) == {"user@example.org": Reason.MAILBOX_FULL}


@for_each(
    ("subject", "text"),
    [
        ("Warning: delivery problem (will retry)", "No answer from example.org."),
        ("Delivery problem", "It has not been delivered yet."),
        ("Delivery problem", "Attempts to deliver the message will continue for 3 more days."),
    ],
)
def test_a_try_that_is_announced_is_a_delay(subject: str, text: str) -> None:
    content = TOLD.format("postmaster@example.net", subject, "", f"Not delivered to:\n\nuser@example.org\n{text}\n")
    assert read(content.encode()).kind is Kind.DELAY


def test_a_mark_of_an_answer_that_says_no_is_none() -> None:
    assert read(TOLD.format("ada@example.org", "News", "X-Autoreply: yes", "Hello").encode()).kind is Kind.AUTO_REPLY
    assert read(TOLD.format("ada@example.org", "News", "X-Autoreply: No", "Hello").encode()).kind is Kind.OTHER


def test_a_challenge_may_stand_in_the_subject() -> None:
    subject = "Please verify that you are a real person: News"
    assert read(TOLD.format("ada@example.org", subject, "", "Click once.").encode()).kind is Kind.CHALLENGE


def test_whether_sendmail_gave_up_is_no_reason() -> None:
    text = (
        "   ----- The following addresses had delivery problems -----\n<user@example.org>  (unrecoverable error)\n\n"
        "   ----- Transcript of session follows -----\n<user@example.org>... Deferred: Connection refused by mx.\n"
    )
    assert reasons(text) == {"user@example.org": Reason.NETWORK_ERROR}


@for_each(
    ("subject", "head", "kind"),
    [
        ("Daily mail statistics", "", Kind.OTHER),
        ("Daily mail statistics", "Return-Path: <>\n", Kind.BOUNCE),
        ("Undeliverable: mail statistics", "", Kind.BOUNCE),
    ],
)
def test_a_daemon_that_counts_accuses_nobody(subject: str, head: str, kind: Kind) -> None:
    text = "Mails that were not delivered:\n\nuser@example.org: 550 user unknown\n"
    assert read(TOLD.format("MAILER-DAEMON <mta@example.net>", subject, head, text).encode()).kind is kind


@for_each(
    ("text", "recipients"),
    [
        ("We tried to send a mail to user@example.org, but it was rejected.", []),
        ("The mail to user@example.org was rejected.", ["user@example.org"]),
    ],
)
def test_a_service_that_misses_a_customer_reports_no_mail_of_ours(text: str, recipients: list[str]) -> None:
    content = TOLD.format("no-reply@example.net", "About your account", "", text).encode()
    assert [each.report.recipient for each in read(content).findings] == recipients


def test_groupwise_names_a_user_without_a_domain_in_its_language() -> None:
    text = "Die Nachricht konnte folgenden Empfängern nicht zugestellt werden:\n\tuser (Mailbox unbekannt)\n"
    assert reasons(text, "Mailer-Daemon@example.org") == {"user@example.org": Reason.INVALID_RECIPIENT}


def test_a_name_with_its_address_in_brackets_heads_the_sentence_about_it() -> None:
    sentence = "The email address you entered couldn't be found. Please check it and send the message again."
    text = (
        f"Delivery has failed to these recipients or groups:\n\nAda (user@example.org)\n{sentence}\n\n"
        f"Bo Example (other@example.org)<mailto:other@example.org>\n{sentence}\n\nIt Desk (it@example.net)\nPhone 7\n"
    )
    assert reasons(text) == dict.fromkeys(("user@example.org", "other@example.org"), Reason.INVALID_RECIPIENT)


def test_success_that_never_came_is_a_failure() -> None:
    text = "Your message to <user@example.org> was in the queue for 5 days without success. We will not try any longer."
    assert reasons(text, subject="Mail failure")


def test_the_report_on_a_campaign_is_no_bounce() -> None:
    text = "These could not be reached:\n\nuser@example.org\nother@example.org\n"
    content = TOLD.format("Bounces <bounces@example.net>", "Bounced addresses of your campaign", "", text).encode()
    assert read(content).kind is Kind.OTHER


@for_each(
    ("author", "text", "kind"),
    [
        ("Admin <admin@example.com>", "Mail to info@example.com is rejected. It could not be delivered.", Kind.OTHER),
        ("Admin <admin@example.com>", "Your mail to info@example.com could not be delivered.", Kind.BOUNCE),
        ("Admin <admin@example.net>", "Mail to info@example.net could not be delivered.", Kind.BOUNCE),
        ("Admin <postmaster@example.com>", "Mail to info@example.com could not be delivered.", Kind.BOUNCE),
    ],
)
def test_what_an_administrator_tells_the_house_is_no_bounce(author: str, text: str, kind: Kind) -> None:
    assert read(TOLD.format(author, "Mail delivery failed", "", text).encode()).kind is kind


@for_each(("author", "text"), product(
    ["Mail System <noreply@example.com>", "admin@example.com", "Gateway <gate@mx.example.net>"],
    [
        "The message could not be delivered to user@example.org: mailbox unknown.",
        "We could not deliver the mail to user@example.org. The mailbox is full.",
        "Our mail server could not deliver this mail to user@example.org: host not found.",
        "Unser Mailserver konnte die Nachricht an user@example.org nicht zustellen.",
    ],
))
def test_the_server_of_the_house_reports_on_strangers(author: str, text: str) -> None:
    content = TOLD.format(author, "Mail delivery failed", "", text).encode()
    assert [each.report.recipient for each in read(content).findings] == ["user@example.org"]


@for_each(
    "text",
    [
        "Ваше сообщение для user@example.org отклонено.",
        "Die Nachricht an user@example.org kam zurück: Empfänger unbekannt.",
        "Ihre Nachricht an user@example.org wurde blockiert.",
        "收件人不存在：user@example.org",
    ],
)
def test_more_words_of_refusal_are_known(text: str) -> None:
    assert list(reasons(text, "MAILER-DAEMON@example.net", "Mail")) == ["user@example.org"]


@for_each("subject", ["[Bug 7] Mail delivery failed", "[Request 4711] Mail delivery failed", "[MAIL] Undeliverable"])
def test_the_number_of_a_bug_or_ticket_shows_who_writes(subject: str) -> None:
    content = TOLD.format("Desk <no-reply@example.net>", subject, "", LISTED).encode()
    assert (read(content).kind is Kind.BOUNCE) is (subject == "[MAIL] Undeliverable")
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
        "----- 転送メッセージ -----", "________________________________",
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
    ("bar", "sender", "subject", "date", "to"),
    [
        ("-------- Original-Nachricht --------", "Von", "Betreff", "Datum", "An"),
        ("-----Ursprüngliche Nachricht-----", "Von", "Betreff", "Gesendet", "An"),
        ("-----Message d'origine-----", "De ", "Objet ", "Envoyé ", "À "),
        ("-----Mensaje original-----", "De", "Asunto", "Enviado el", "Para"),
        ("-----Messaggio originale-----", "Da", "Oggetto", "Inviato", "A"),
        ("-----Oorspronkelijk bericht-----", "*Van", "*Onderwerp", "*Verzonden", "*Aan"),
        ("-------- Пересылаемое сообщение --------", "От кого", "Тема", "Дата", "Кому"),
        ("-----原始邮件-----", "发件人", "主题", "发送时间", "收件人"),
        ("-----元のメッセージ-----", "差出人", "件名", "送信日時", "宛先"),
        ("_" * 32, "Od", "Temat", "Wysłano", "Do"),
    ],
)
def test_the_copied_fields_may_be_named_in_the_users_language(
    bar: str, sender: str, subject: str, date: str, to: str
) -> None:
    names = {"From": sender, "To": to, "Subject": subject}
    copied = re.sub(r"^(From|To|Subject)", lambda found: names[found[1]], DAEMON, count=3, flags=re.MULTILINE)
    [found] = forwarded(f"{bar}\n{date}: 3. Mai 2024 10:02\n{copied}", "WG: Returned mail").findings
    assert (found.report.recipient, found.evidence) == ("user@example.org", Evidence.PROSE)


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


MAY_NOT_POST = "You are not allowed to post to this mailing list, and your message has been automatically rejected."
NOT_AUTHORIZED = "You are not authorized to send mail to the NEWS-L list from your bounces@example.com account."


@for_each(
    ("author", "subject", "more", "text", "recipient"),
    [
        ("news-bounces@lists.example.org", "Request to mailing list News rejected", "", MAY_NOT_POST,
         "news@lists.example.org"),
        ("news-bounces@example.org", "Request to mailing list News rejected", "X-BeenThere: news@lists.example.org\n",
         "Your message has been rejected, probably because you are not\nsubscribed to the mailing list and the list's\n"
         "policy is to prohibit non-members from posting to it.", "news@lists.example.org"),
        ('"LISTSERV Server (16.5)" <LISTSERV@LISTS.EXAMPLE.ORG>', "Rejected posting to NEWS-L@LISTS.EXAMPLE.ORG", "",
         NOT_AUTHORIZED, "NEWS-L@lists.example.org"),
        ("news-bounces@lists.example.org", "Your message to News awaits moderator approval", "",
         "Your mail to 'News' is being held until the list moderator can review it for approval.", None),
        ("Bob <bob@example.org>", "Rejected posting to NEWS-L@LISTS.EXAMPLE.ORG", "", NOT_AUTHORIZED, None),
        ("Bob <bob@example.org>", "Hello", "X-BeenThere: news@lists.example.org\n", MAY_NOT_POST, None),
    ],
)
def test_a_posting_that_a_list_refuses_has_failed_by_its_policy(
    author: str, subject: str, more: str, text: str, recipient: str | None
) -> None:
    found = read(TOLD.format(author, subject, more, text).encode()).findings
    assert [str(each.report.recipient) for each in found] == ([recipient] if recipient else [])
    assert {classify(each.report, None, load_builtin()).reason for each in found} <= {Reason.POLICY}


@for_each(
    ("author", "subject", "text", "reason"),
    [
        ("Memo Service <mmdf@relay.example.net>", "Failed mail  (msg.aa01234)",
         "    Your message could not be delivered to\n'user@example.org' for the following\n"
         "reason:  ' Unknown user name in \"user@example.org\"'\n", Reason.INVALID_RECIPIENT),
        ("MailMarshal <mailmarshal@example.org>", "Unacceptable language",
         "MailMarshal has\nstopped the following email for the following reason:\n\n"
         "   It believes it may contain unacceptable language.\n\n   From:    bounces@example.com\n"
         "   To:      user@example.org\n   Subject: Joke\n", Reason.CONTENT_REJECTED),
        ("Content-filter <postmaster@mx.example.org>", "BANNED CONTENTS",
         "Our content checker found\n    banned name: .exe\n\nin email presumably from you <bounces@example.com>\n"
         "to the following recipient:\n-> user@example.org\n\nOur internal reference code is 12-07.\n",
         Reason.CONTENT_REJECTED),
        ("Administrator <postmaster@mx.example.org>", "Your message has been blocked",
         "MAILsweeper has blocked a message you sent to user@example.org because\nit contains an attachment of a type "
         "(setup.exe) that is not permitted.\n\nMessage details:\n   Subject: Tender\n   Scenario: Block\n",
         Reason.CONTENT_REJECTED),
        ("Mail Security <postmaster@mx.example.org>", "Undeliverable: virus found",
         "Recipient of the message: user@example.org\nSubject of the message: hello\n\n"
         "Virus W32.Novarg.A@mm was found in the attachment. It was not delivered to the recipient.\n", Reason.VIRUS),
        ("posta-certificata@pec.example.net", "AVVISO DI MANCATA CONSEGNA: fattura",
         "Il giorno 14/02/2017 nel messaggio \"fattura\" proveniente da \"bounces@example.com\"\n"
         "e destinato all'utente \"user@example.org\"\nè stato rilevato un errore 5.1.1 - indirizzo non valido.\n\n"
         "Identificativo messaggio: opec283.20170214103955.08.1.62@pec.example.net\n", Reason.INVALID_RECIPIENT),
        ("Microsoft Outlook <postmaster@example.net>", "Unzustellbar: Termin",
         "Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Gruppen:\n\nuser@example.org\n"
         "Die Adresse wurde nicht gefunden. Versuchen Sie, die Nachricht erneut zu senden. Wenn das Problem weiterhin "
         "besteht, wenden Sie sich an den Helpdesk.\n\nGenerierender Server: ex.example.net\n\nuser@example.org\n"
         "#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n", Reason.INVALID_RECIPIENT),
    ],
)
def test_notices_of_gateways_tell_that_it_has_failed_and_why(
    author: str, subject: str, text: str, reason: Reason
) -> None:
    [found] = read(TOLD.format(author, subject, CHARSET, text).encode()).findings
    assert (found.report.recipient, found.report.action) == ("user@example.org", Action.FAILED)
    assert classify(found.report, None, load_builtin()).reason is reason


def test_below_a_copied_to_field_stand_no_words_on_the_failure() -> None:
    status = DSN_STATUS.replace("5.1.1", "5.4.4")
    text = (
        "This is about a message with these fields:\n\n  To: user@example.org\n  Subject: mailbox full\n\n"
        "It cannot be delivered to:\n\n  Recipient address: user@example.org\n"
        "  Reason: Illegal host/domain name found\n"
    )
    [found] = read(report(status, text=text)).findings
    assert found.report.diagnostic_code == "Reason: Illegal host/domain name found"


def test_the_command_is_taken_from_the_conversation_below_also_without_a_status_part() -> None:
    text = (
        "   ----- The following addresses had permanent fatal errors -----\n<user@example.org>\n"
        "    (reason: 550 Unknown user user@example.org)\n\n   ----- Transcript of session follows -----\n"
        "... while talking to mx.example.org.:\n>>> DATA\n<<< 550 Unknown user user@example.org\n"
        "554 5.0.0 Service unavailable\n"
    )
    [found] = read(TOLD.format("MAILER-DAEMON@mail.example.net", "Returned mail", "", text).encode()).findings
    assert found.report.stage == "DATA"
    assert classify(found.report, None, load_builtin()).reason is Reason.RECIPIENT_FILTERED


@for_each("author", ["<>", ""])
def test_a_notice_without_a_sender_is_the_mail_systems(author: str) -> None:
    text = "The following addresses had delivery problems\n\n<user@example.org>   (user@example.org... No such user)\n"
    assert reasons(text, author, "Delivery Status") == {"user@example.org": Reason.INVALID_RECIPIENT}


@for_each(("end", "recipients"), [("\n", ["user@example.org"]), ("", [])])
def test_a_last_line_counts_if_the_mail_was_not_cut_there(end: str, recipients: list[str]) -> None:
    told = "Return-Path: <>\nFrom: MAILER-DAEMON@example.net\nSubject: Delivery Status Notification (Failure)\n"
    text = "Content-Transfer-Encoding: base64\n\n" + b64encode(
        b"An error occurred while trying to deliver the mail to the following recipients:\nuser@example.org"
    ).decode()
    found = read((told + text + end).encode()).findings
    assert [str(each.report.recipient) for each in found] == recipients


@for_each("name", ["KİME", "ſent", "ΠΡΟΣ", "Kıme"])
def test_letters_that_have_no_one_counterpart_in_small_break_no_copied_header(name: str) -> None:
    assert forwarded(f"Begin forwarded message:\n\n{DAEMON.replace('To:', f'{name}: x')}").kind is Kind.BOUNCE


@for_each(("author", "kind"), [("<postmaster@outlook.example>", Kind.BOUNCE), ("Bob <bob@example.net>", Kind.OTHER)])
def test_a_forward_loses_the_return_path_so_that_one_sign_is_enough(author: str, kind: Kind) -> None:
    copied = (
        f"From: {author}\nSubject: Kohaletoimetamatu: Proov\nTo: <ada@example.com>\n\n"
        "Kohaletoimetamine nendele adressaatidele või rühmadele nurjus:\n\nuser@example.org\n"
    )
    assert forwarded(f"---------- Forwarded message ---------\n{copied}", "Fwd: Proov").kind is kind
