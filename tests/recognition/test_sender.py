"""What a server answered to MAIL FROM is about the sender, also where the report does not tell the command."""


from bounce_watcher.parsing.message import parse
from bounce_watcher.recognition import recognise
from tests.families import for_each

REPORT = """\
From: Mailer Daemon <MAILER-DAEMON@out.example.com>
To: returns@example.com
Subject: Delivery status notification: failed
Content-Type: multipart/mixed; boundary=b

--b

    Hi!

    This is the MAILER-DAEMON, please DO NOT REPLY to this email.

    An error has occurred while attempting to deliver a message for
    the following list of recipients:

user@example.org: {reply}

    Below is a copy of the original message:

--b
Content-Type: {type}

Reporting-MTA: dns; out.example.com

Final-Recipient: rfc822; user@example.org
Action: failed
Status: 5.0.0

--b
Content-Type: text/rfc822-headers

From: News <news@example.com>
To: user@example.org

--b--
"""


@for_each("type_", ["message/delivery-status", "application/x-lost"])
@for_each(("reply", "stage"), [
    ("550 5.1.1 <returns@example.com>: User unknown in local recipient table", "MAIL"),
    ("553 5.1.0 news@example.com: user unknown", "MAIL"),
    ("550 5.1.1 <user@example.org>: User unknown in local recipient table", None),
    ("550 5.1.1 <user@example.org>: User unknown to returns@example.com", None),
    ("550 5.1.1 <other@example.org>: User unknown in local recipient table", None),
    ("550 No such user here", None),
])
def test_a_reply_that_names_who_sent_the_mail_answers_mail_from(type_: str, reply: str, stage: str | None) -> None:
    (finding,) = recognise(parse(REPORT.format(reply=reply, type=type_).encode())).findings
    assert finding.report.stage == stage
    assert finding.report.diagnostic_code == reply
