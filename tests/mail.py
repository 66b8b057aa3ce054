"""Reports as mail servers write them, made to measure: after the formats' documentation, all names invented."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from textwrap import dedent

BODY = "<html><body>\n" + "\n".join(
    f'<p class="story"><a href="https://example.com/story/{number}">Story number {number}</a>: what happened, to whom, '
    "and what the neighbours made of it when they heard.</p>"
    for number in range(14)
) + "\n</body></html>\n"
"""The newsletter that comes back whole where a server returns more than the headers."""

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Letter:
    """What a report speaks of."""

    number: int
    recipient: str
    reply: str
    at: datetime

    @property
    def domain(self) -> str:
        return self.recipient.rpartition("@")[2]

    @property
    def date(self) -> str:
        return format_datetime(self.at)

    @property
    def status(self) -> str:
        return next((word for word in self.reply.split() if word.count(".") == 2 and word[0] in "245"), "5.0.0")

    @property
    def original(self) -> str:
        """The returned headers of the newsletter that failed."""
        return dedent(f"""\
            Received: from app.example.com (app.example.com [192.0.2.10])
            \tby out.example.com (Postfix) with ESMTPS id 4X{self.number:08d}
            \tfor <{self.recipient}>; {self.date}
            DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=news;
            \tt=1772438400; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;
            \th=Date:From:To:Subject:List-Unsubscribe:From;
            \tb={"QmFzZTY0IGJ1dCBubyBzaWduYXR1cmU" * 5}
            Date: {self.date}
            From: Example News <news@example.com>
            To: {self.recipient}
            Subject: What is new this week, number {self.number}
            Message-ID: <{self.number}.news@example.com>
            List-Unsubscribe: <https://example.com/u/{self.number}>
            List-Unsubscribe-Post: List-Unsubscribe=One-Click
            MIME-Version: 1.0
            Content-Type: text/html; charset=utf-8
            X-Campaign: spring
            """)


def trace(letter: Letter, by: str) -> str:
    """Two hops, as every report has on arrival."""
    return dedent(f"""\
        Return-Path: <>
        Delivered-To: returns@example.com
        Received: from {by} ({by} [198.51.100.7])
        \tby mail.example.com (Postfix) with ESMTPS id 4Y{letter.number:08d}
        \tfor <returns@example.com>; {letter.date}
        Received: by {by} (Postfix)
        \tid 4Z{letter.number:08d}; {letter.date}
        Date: {letter.date}
        """)


def postfix(letter: Letter, action: str = "failed") -> str:
    mx = f"mx1.{letter.domain}"
    kind = "Undelivered Mail Returned to Sender" if action == "failed" else "Delayed Mail (still being retried)"
    boundary = f"4Z{letter.number:08d}.1772438400/out.example.com"
    return trace(letter, "out.example.com") + dedent(f"""\
        From: MAILER-DAEMON@out.example.com (Mail Delivery System)
        Subject: {kind}
        To: returns@example.com
        Auto-Submitted: auto-replied
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type=delivery-status;
        \tboundary="{boundary}"
        Message-Id: <20260302.{letter.number}@out.example.com>

        This is a MIME-encapsulated message.

        --{boundary}
        Content-Description: Notification
        Content-Type: text/plain; charset=us-ascii

        This is the mail system at host out.example.com.

        I'm sorry to have to inform you that your message could not
        be delivered to one or more recipients. It's attached below.

        For further assistance, please send mail to postmaster.

        If you do so, please include this problem report. You can
        delete your own text from the attached returned message.

                           The mail system

        <{letter.recipient}>: host {mx}[203.0.113.5] said: {letter.reply} (in reply to RCPT TO command)

        --{boundary}
        Content-Description: Delivery report
        Content-Type: message/delivery-status

        Reporting-MTA: dns; out.example.com
        X-Postfix-Queue-ID: 4X{letter.number:08d}
        X-Postfix-Sender: rfc822; returns@example.com
        Arrival-Date: {letter.date}

        Final-Recipient: rfc822; {letter.recipient}
        Original-Recipient: rfc822;{letter.recipient}
        Action: {action}
        Status: {letter.status}
        Remote-MTA: dns; {mx}
        Diagnostic-Code: smtp; {letter.reply}

        --{boundary}
        Content-Description: Undelivered Message Headers
        Content-Type: text/rfc822-headers

        {{original}}
        --{boundary}--
        """).replace("{original}", letter.original)


def exim(letter: Letter) -> str:
    mx = f"mx1.{letter.domain}"
    boundary = f"{letter.number:08d}-eximdsn-1804289383"
    return trace(letter, "relay.example.net") + dedent(f"""\
        X-Failed-Recipients: {letter.recipient}
        Auto-Submitted: auto-replied
        From: Mail Delivery System <Mailer-Daemon@relay.example.net>
        To: returns@example.com
        Subject: Mail delivery failed: returning message to sender
        Message-Id: <E1x{letter.number:06d}-0000aB-Cd@relay.example.net>
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type=delivery-status; boundary={boundary}

        --{boundary}
        Content-type: text/plain; charset=us-ascii

        This message was created automatically by mail delivery software.

        A message that you sent could not be delivered to one or more of its
        recipients. This is a permanent error. The following address(es) failed:

          {letter.recipient}
            host {mx} [203.0.113.5]
            SMTP error from remote mail server after RCPT TO:<{letter.recipient}>:
            {letter.reply}

        --{boundary}
        Content-type: message/delivery-status

        Reporting-MTA: dns; relay.example.net

        Action: failed
        Final-Recipient: rfc822;{letter.recipient}
        Status: 5.0.0
        Remote-MTA: dns; {mx}
        Diagnostic-Code: smtp; {letter.reply}

        --{boundary}
        Content-type: message/rfc822

        {{original}}
        --{boundary}--
        """).replace("{original}", f"{letter.original}\n{BODY}")


def exchange(letter: Letter) -> str:
    boundary = f"_000_{letter.number:032x}_"
    return trace(letter, "mail-eu.outlook.example") + dedent(f"""\
        From: Postmaster <postmaster@outlook.example>
        To: returns@example.com
        Subject: Undeliverable: What is new this week, number {letter.number}
        Message-ID: <{letter.number:032x}@outlook.example>
        In-Reply-To: <{letter.number}.news@example.com>
        Auto-Submitted: auto-replied
        X-MS-Exchange-Message-Is-Ndr:
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type=delivery-status;
        \tboundary="{boundary}"

        --{boundary}
        Content-Type: text/plain; charset="utf-8"
        Content-Transfer-Encoding: quoted-printable

        Your message to {letter.recipient} couldn't be delivered.

        Diagnostic information for administrators:

        Generating server: AM0PR01.prod.outlook.example

        {letter.recipient}
        Remote server returned '{letter.reply}'

        --{boundary}
        Content-Type: message/delivery-status

        Reporting-MTA: dns;AM0PR01.prod.outlook.example
        Received-From-MTA: dns;out.example.com
        Arrival-Date: {letter.date}

        Final-Recipient: rfc822;{letter.recipient}
        Action: failed
        Status: {letter.status}
        Diagnostic-Code: smtp;{letter.reply}

        --{boundary}
        Content-Type: message/rfc822

        {{original}}
        --{boundary}--
        """).replace("{original}", f"{letter.original}\n{BODY}")


def complaint(letter: Letter) -> str:
    boundary = f"part_{letter.number:08d}"
    return trace(letter, "fbl.example.net") + dedent(f"""\
        From: <feedback@fbl.example.net>
        To: returns@example.com
        Subject: FW: What is new this week, number {letter.number}
        Message-ID: <{letter.number}.fbl@fbl.example.net>
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type=feedback-report;
        \tboundary="{boundary}"

        --{boundary}
        Content-Type: text/plain; charset="US-ASCII"

        This is an email abuse report for an email message received from IP 192.0.2.10.

        --{boundary}
        Content-Type: message/feedback-report

        Feedback-Type: abuse
        User-Agent: ExampleFBL/1.0
        Version: 1
        Original-Mail-From: <returns@example.com>
        Original-Rcpt-To: <{letter.recipient}>
        Arrival-Date: {letter.date}
        Source-IP: 192.0.2.10

        --{boundary}
        Content-Type: message/rfc822

        {{original}}
        --{boundary}--
        """).replace("{original}", f"{letter.original}\n{BODY}")


def auto_reply(letter: Letter) -> str:
    return trace(letter, f"mx1.{letter.domain}") + dedent(f"""\
        From: {letter.recipient}
        To: returns@example.com
        Subject: Out of office: What is new this week
        Message-ID: <{letter.number}.away@{letter.domain}>
        In-Reply-To: <{letter.number}.news@example.com>
        Auto-Submitted: auto-replied
        Content-Type: text/plain; charset=utf-8

        I am out of the office until Monday and read no mail. If it burns, call the desk.
        """)


def human(letter: Letter) -> str:
    return trace(letter, f"mx1.{letter.domain}") + dedent(f"""\
        From: {letter.recipient}
        To: returns@example.com
        Subject: Re: What is new this week
        Message-ID: <{letter.number}.re@{letter.domain}>
        Content-Type: text/plain; charset=utf-8

        Thank you, I liked the piece on delivery failures. Could you send me last week's letter again?
        """)


REPLIES = (
    "550 5.1.1 <{recipient}>: Recipient address rejected: User unknown in virtual mailbox table",
    "550 5.1.1 The email account that you tried to reach does not exist",
    "552 5.2.2 <{recipient}>: user is over quota",
    "452 4.2.2 The recipient's inbox is out of storage space",
    "554 5.7.1 Service unavailable; Client host [192.0.2.10] blocked using bl.example.net",
    "550 5.7.26 Unauthenticated email from example.com is not accepted due to the domain's DMARC policy",
    "550 5.2.1 The email account that you tried to reach is disabled",
    "451 4.7.1 Greylisted, please try again later",
)
"""Texts as servers print them: dead, full, blocked and disabled mailboxes."""

_WRITERS = (postfix, postfix, postfix, exim, exim, exchange, exchange, complaint, auto_reply, human)


def mailbag(count: int, seed: int = 1, recipients: int | None = None) -> Iterator[tuple[bytes, datetime]]:
    """`count` messages as (content with LF, time of receipt), a minute apart: the mixture of a return-path mailbox.

    `recipients` bounds how many different addresses occur, so that some bounce several times.
    """
    choose = random.Random(seed)
    for number in itertools.islice(itertools.count(1), count):
        who = choose.randrange(recipients or count)
        recipient = f"user{who}@r{who % 97}.example.org"
        reply = choose.choice(REPLIES).format(recipient=recipient)
        letter = Letter(number, recipient, reply, START + timedelta(minutes=number))
        yield choose.choice(_WRITERS)(letter).encode(), letter.at
