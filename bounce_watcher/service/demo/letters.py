"""Writes reports as mail servers do, after the formats' documentation. All names are invented.

Texts are written flush left with LF, and converted to CRLF at the end, as mail is transferred.
"""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from textwrap import dedent

OUT, FROM = "out.example.com", "Example News <news@example.com>"


@dataclass(frozen=True, slots=True)
class Letter:
    """What a report is about: the newsletter `number` to `recipient`, and the server's `reply` to it.

    `to` is the return path that the report is sent to; `at` is when it came.
    """

    number: int
    recipient: str
    to: str
    at: datetime
    reply: str = ""

    @property
    def domain(self) -> str:
        return self.recipient.rpartition("@")[2]

    @property
    def mx(self) -> str:
        return f"mx1.{self.domain}"

    @property
    def date(self) -> str:
        return format_datetime(self.at)

    @property
    def sent(self) -> str:
        return format_datetime(self.at - timedelta(minutes=7))

    @property
    def message_id(self) -> str:
        return f"<{self.number}.news@example.com>"

    @property
    def status(self) -> str:
        words = self.reply.replace("-", " ", 1).split()
        return next((word for word in words if word.count(".") == 2 and word[0] in "245"), "5.0.0")


def finished(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("utf-8", "surrogateescape")


def _head(letter: Letter, by: str, sender: str, subject: str) -> str:
    """Returns the header that every report has on arrival, without its end."""
    return dedent(f"""\
        Return-Path: <>
        Delivered-To: {letter.to}
        Received: from {by} ({by} [198.51.100.7])
        \tby mail.example.com with ESMTPS id 4Y{letter.number:08d}
        \tfor <{letter.to}>; {letter.date}
        Date: {letter.date}
        From: {sender}
        To: {letter.to}
        Subject: {subject}
        Message-ID: <{letter.number}.{int(letter.at.timestamp())}@{by}>
        MIME-Version: 1.0
        """)


def _original(letter: Letter) -> str:
    """Returns the header of the failed newsletter, as reports include it."""
    return dedent(f"""\
        Date: {letter.sent}
        From: {FROM}
        To: {letter.recipient}
        Subject: What is new this week, number {letter.number}
        Message-ID: {letter.message_id}
        List-Unsubscribe: <https://example.com/u/{letter.number}>
        """)


def _report(letter: Letter, head: str, words: str, status: str, kind: str = "delivery-status") -> bytes:
    """Returns the three parts of RFC 6522: text for people, fields for machines, and the returned header."""
    boundary = f"b{letter.number:06d}"
    return finished(
        f'{head}Content-Type: multipart/report; report-type={kind}; boundary="{boundary}"\n\n'
        f"--{boundary}\nContent-Type: text/plain; charset=utf-8\n\n{words}\n"
        f"--{boundary}\nContent-Type: message/{kind}\n\n{status}\n"
        f"--{boundary}\nContent-Type: text/rfc822-headers\n\n{_original(letter)}\n--{boundary}--\n"
    )


def postfix(letter: Letter, action: str = "failed", stage: str = "RCPT TO") -> bytes:
    failed = action == "failed"
    subject = "Undelivered Mail Returned to Sender" if failed else "Delayed Mail (still being retried)"
    told = letter.reply if not letter.reply[:3].isdigit() else (
        f"host {letter.mx}[203.0.113.5] said: {letter.reply} (in reply to {stage} command)"
    )
    return _report(
        letter,
        _head(letter, OUT, f"MAILER-DAEMON@{OUT} (Mail Delivery System)", subject) + "Auto-Submitted: auto-replied\n",
        f"This is the mail system at host {OUT}.\n\n<{letter.recipient}>: {told}\n",
        dedent(f"""\
            Reporting-MTA: dns; {OUT}
            X-Postfix-Queue-ID: 4X{letter.number:08d}
            Arrival-Date: {letter.sent}

            Final-Recipient: rfc822; {letter.recipient}
            Original-Recipient: rfc822;{letter.recipient}
            Action: {action}
            Status: {letter.status}
            Remote-MTA: dns; {letter.mx}
            Diagnostic-Code: {"smtp" if letter.reply[:3].isdigit() else "X-Postfix"}; {letter.reply}
            """),
    )


def exim(letter: Letter) -> bytes:
    """Writes status 5.0.0 for every failure: the true reason is in Diagnostic-Code."""
    by = "relay.example.net"
    words = f"""\
This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {letter.recipient}
    host {letter.mx} [203.0.113.5]
    SMTP error from remote mail server after RCPT TO:<{letter.recipient}>:
    {letter.reply}
"""
    head = _head(letter, by, f"Mail Delivery System <Mailer-Daemon@{by}>",
                 "Mail delivery failed: returning message to sender")
    return _report(
        letter,
        f"{head}X-Failed-Recipients: {letter.recipient}\nAuto-Submitted: auto-replied\n",
        words,
        dedent(f"""\
            Reporting-MTA: dns; {by}

            Action: failed
            Final-Recipient: rfc822;{letter.recipient}
            Status: 5.0.0
            Remote-MTA: dns; {letter.mx}
            Diagnostic-Code: smtp; {letter.reply}
            """),
    )


def exchange(letter: Letter) -> bytes:
    by = "AM0PR01.prod.outlook.example"
    head = _head(letter, by, "Postmaster <postmaster@outlook.example>",
                 f"Undeliverable: What is new this week, number {letter.number}")
    return _report(
        letter,
        f"{head}X-MS-Exchange-Message-Is-Ndr:\nAuto-Submitted: auto-replied\n",
        f"Your message to {letter.recipient} couldn't be delivered.\n\nGenerating server: {by}\n\n"
        f"{letter.recipient}\nRemote server returned '{letter.reply}'\n",
        dedent(f"""\
            Reporting-MTA: dns;{by}
            Received-From-MTA: dns;{OUT}
            Arrival-Date: {letter.sent}

            Final-Recipient: rfc822;{letter.recipient}
            Action: failed
            Status: {letter.status}
            Diagnostic-Code: smtp;{letter.reply}
            """),
    )


def gmail(letter: Letter) -> bytes:
    """Writes a mailbox provider's own report, sent after it took the mail: the status part is in base64."""
    by = "mail-sor-f41.google.example"
    status = dedent(f"""\
        Reporting-MTA: dns; googlemail.example
        Arrival-Date: {letter.sent}
        X-Original-Message-ID: {letter.message_id}

        Final-Recipient: rfc822; {letter.recipient}
        Action: failed
        Status: {letter.status}
        Remote-MTA: dns; {letter.mx}. (203.0.113.27, the server for the domain {letter.domain}.)
        Diagnostic-Code: smtp; {letter.reply}
        Last-Attempt-Date: {letter.date}
        """)
    boundary = f"000000000000{letter.number:06d}"
    head = _head(letter, by, "Mail Delivery Subsystem <mailer-daemon@googlemail.example>",
                 "Delivery Status Notification (Failure)")
    return finished(
        f'{head}Auto-Submitted: auto-replied\nContent-Type: multipart/report; boundary="{boundary}"; '
        f"report-type=delivery-status\n\n"
        f"--{boundary}\nContent-Type: text/plain; charset=utf-8\n\n** Address not found **\n\n"
        f"Your message wasn't delivered to {letter.recipient}.\n\nThe response was:\n\n{letter.reply}\n"
        f"--{boundary}\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n"
        f"{base64.encodebytes(status.encode()).decode()}\n"
        f"--{boundary}\nContent-Type: message/rfc822\n\n{_original(letter)}\n--{boundary}--\n"
    )


def qmail(letter: Letter) -> bytes:
    """Writes a report without a status part, in wording that programs have read since 1997 (QSBMF)."""
    head = _head(letter, f"mail.{letter.domain}", f"MAILER-DAEMON@mail.{letter.domain}", "failure notice")
    return finished(
        f"{head}\nHi. This is the qmail-send program at mail.{letter.domain}.\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
        "This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        f"<{letter.recipient}>:\n{letter.reply}\n\n"
        f"--- Below this line is a copy of the message.\n\nReturn-Path: <{letter.to}>\n{_original(letter)}\nHello!\n"
    )


def complaint(letter: Letter, feedback_type: str = "abuse") -> bytes:
    head = _head(letter, "fbl.example.net", "Feedback <feedback@fbl.example.net>", "FW: What is new this week")
    return _report(
        letter,
        head,
        f"This is an email abuse report for an email message received from IP 192.0.2.10 on {letter.sent}.\n",
        dedent(f"""\
            Feedback-Type: {feedback_type}
            User-Agent: ExampleFBL/1.0
            Version: 1
            Original-Mail-From: <{letter.to}>
            Original-Rcpt-To: <{letter.recipient}>
            Arrival-Date: {letter.sent}
            Source-IP: 192.0.2.10
            """),
        "feedback-report",
    )


def receipt(letter: Letter) -> bytes:
    """Writes an MDN (RFC 8098): a mail program says that the mail was shown."""
    return _report(
        letter,
        _head(letter, letter.mx, letter.recipient, "Read: What is new this week"),
        "Your message was displayed. This is no guarantee that it was read.\n",
        dedent(f"""\
            Reporting-UA: {letter.domain}; ExampleMail 3
            Final-Recipient: rfc822;{letter.recipient}
            Original-Message-ID: {letter.message_id}
            Disposition: manual-action/MDN-sent-manually; displayed
            """),
        "disposition-notification",
    )


def away(letter: Letter) -> bytes:
    head = _head(letter, letter.mx, letter.recipient, "Out of office: What is new this week")
    return finished(
        f"{head}Auto-Submitted: auto-replied\nIn-Reply-To: {letter.message_id}\n"
        "Content-Type: text/plain; charset=utf-8\n\nI am away until Monday and read no mail.\n"
    )


def person(letter: Letter) -> bytes:
    head = _head(letter, letter.mx, letter.recipient, "Re: What is new this week")
    return finished(
        f"{head}In-Reply-To: {letter.message_id}\nContent-Type: text/plain; charset=utf-8\n\n"
        "Thank you for the piece on mail servers. May I print it in our parish newsletter?\n"
    )


def noise(letter: Letter) -> bytes:
    """Returns bytes that are no mail, as a broken program may leave them in a mailbox."""
    return bytes(range(256)) * 8 + letter.recipient.encode()
