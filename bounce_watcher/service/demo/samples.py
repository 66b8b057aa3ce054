"""The demo's mail: sixty days of a return-path mailbox, in the words of mail servers, and what must follow from it.

Reports are written after the formats' documentation; all names are invented. Texts are written flush left with LF, and
converted to CRLF at the end, as mail is transferred.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial
from textwrap import dedent

from bounce_watcher.attribution.return_path import make_return_path
from bounce_watcher.attribution.settings import AttributionSettings

RETURN_PATH = "returns@bounces.example.com"
STREAM = "news"
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


# ── the mailbox ─────────────────────────────────────────────────────────────────────────────────────────────────────

Writer = Callable[[Letter], bytes]


@dataclass(frozen=True, slots=True)
class DemoReport:
    """One report: how many days ago it came, about whom, and in which words.

    `signed`: whether it goes to the return path that was made for the recipient, as a genuine report does.
    `stolen_from`: it goes to that other recipient's return path instead.
    """

    days_ago: float
    recipient: str
    writer: Writer
    reply: str = ""
    signed: bool = True
    stolen_from: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One message as it is in INBOX."""

    content: bytes
    at: datetime


FULL = "452 4.2.2 The recipient's inbox is out of storage space"
UNKNOWN_USER = "550 5.1.1 <{recipient}>: Recipient address rejected: User unknown in virtual mailbox table"
DISABLED = "550 5.2.1 The email account that you tried to reach is disabled"
SPAM = "554 5.7.1 Message rejected as spam by content filtering"
BLOCKLIST = "554 5.7.1 Service unavailable; Client host [192.0.2.10] blocked using bl.example.net"
DMARC = "550 5.7.26 Unauthenticated email from example.com is not accepted due to domain's DMARC policy"

CASES = (
    # The address is no good: suppressed at once.
    DemoReport(33, "anna@gone.example", postfix, UNKNOWN_USER),
    DemoReport(29, "bela@mail.example", exim, "550 No such user here"),
    DemoReport(26, "carla@google.example", gmail,
               "550-5.1.1 The email account that you tried to reach does not exist. Please try double-checking the "
               "recipient's email address for typos."),
    DemoReport(24, "dario@outlook.example", exchange,
               "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"),
    DemoReport(21, "edda@parish.example", qmail, "Sorry, no mailbox here by that name. (#5.1.1)"),
    DemoReport(18, "falk@old.example", postfix, "551 5.1.6 User has moved; please try <falk@new.example>"),
    # The mailbox is disabled, the domain is gone: a second report on another day must confirm that.
    DemoReport(17, "gerda@mail.example", postfix, DISABLED),
    DemoReport(10, "gerda@mail.example", postfix, DISABLED),
    DemoReport(9, "hugo@mail.example", postfix, DISABLED),
    DemoReport(8, "ines@nowhere.example", postfix,
               "Host or domain name not found. Name service error for name=nowhere.example type=AAAA: Host not found"),
    # Over quota: three reports on three days over at least two weeks are needed.
    DemoReport(20, "jonas@full.example", gmail, FULL),
    DemoReport(11, "jonas@full.example", gmail, FULL),
    DemoReport(2, "jonas@full.example", gmail, FULL),
    DemoReport(6.2, "karla@full.example", exim, "552 5.2.2 user is over quota"),
    DemoReport(5.1, "karla@full.example", exim, "552 5.2.2 user is over quota"),
    DemoReport(4.3, "karla@full.example", exim, "552 5.2.2 user is over quota"),
    # Was full in spring, was suppressed for 30 days, and may be mailed again.
    DemoReport(59, "ludwig@full.example", gmail, FULL),
    DemoReport(52, "ludwig@full.example", gmail, FULL),
    DemoReport(44, "ludwig@full.example", gmail, FULL),
    # The message or its sender was refused: says nothing on the address, however often.
    DemoReport(16, "mira@strict.example", postfix, SPAM),
    DemoReport(9.5, "mira@strict.example", postfix, BLOCKLIST),
    DemoReport(1.5, "mira@strict.example", postfix, DMARC),
    DemoReport(7, "nora@small.example", partial(postfix, stage="end of DATA"),
               "552 5.3.4 Message size exceeds fixed limit"),
    DemoReport(6.5, "otto@relay.example", exim, "550 5.7.1 relaying denied"),
    DemoReport(3.5, "paula@outlook.example", exchange,
               "550 5.7.1 Your message was rejected by the recipient's organization policy"),
    # Not yet, or too late.
    DemoReport(5.5, "quirin@slow.example", partial(postfix, action="delayed"),
               "connect to mx1.slow.example[203.0.113.5]:25: Connection timed out"),
    DemoReport(3, "rosa@slow.example", postfix,
               "450 4.7.1 <rosa@slow.example>: Recipient address rejected: Greylisted, please try again later"),
    # Words that nobody knows: a person should look.
    DemoReport(2.5, "sven@odd.example", postfix, "550 5.0.0 Refused as per code 77-Q of the house rules"),
    # A complaint suppresses; "this is no spam" does not.
    DemoReport(4, "tilda@provider.example", complaint),
    DemoReport(3.8, "urs@provider.example", partial(complaint, feedback_type="not-spam")),
    # No reports on delivery.
    DemoReport(2.2, "vera@work.example", away),
    DemoReport(1.8, "willi@work.example", receipt),
    DemoReport(1.2, "xenia@parish.example", person),
    # Delivered, and said so.
    DemoReport(1.1, "yves@fine.example", partial(postfix, action="relayed"), "250 2.0.0 Ok: queued"),
    # Hostile: made-up reports that would like to see others suppressed, and one that would paint on your terminal.
    DemoReport(0.9, "boss@partner.example", postfix, UNKNOWN_USER, signed=False),
    DemoReport(0.7, "victim@partner.example", postfix, UNKNOWN_USER, stolen_from="anna@gone.example"),
    DemoReport(0.5, "zoe@mail.example", postfix, "550 5.0.0 [bold red]painted[/] \x1b]0;painted\x07\x1b[31mred\x1b[0m"),
    DemoReport(0.3, "", noise, signed=False),
)

SUPPRESSED = {
    "anna@gone.example": "invalid_recipient",
    "bela@mail.example": "invalid_recipient",
    "carla@google.example": "invalid_recipient",
    "dario@outlook.example": "invalid_recipient",
    "edda@parish.example": "invalid_recipient",
    "falk@old.example": "mailbox_moved",
    "gerda@mail.example": "mailbox_disabled",
    "jonas@full.example": "mailbox_full",
    "tilda@provider.example": "complaint",
}
"""Who must end up suppressed, and why. A webhook must arrive for each."""

RELEASED = frozenset({"ludwig@full.example"})
"""Whose suppression has expired. A webhook must arrive for each of these too."""


def samples(attribution: AttributionSettings, now: datetime) -> list[Sample]:
    """Returns all messages in order of arrival. `attribution` signs their return paths."""
    found: list[Sample] = []
    for number, case in enumerate(CASES, start=101):
        at = (now - timedelta(days=case.days_ago)).replace(microsecond=0)
        reply = case.reply.format(recipient=case.recipient) if "{recipient}" in case.reply else case.reply
        owner = case.stolen_from or case.recipient
        to = make_return_path(attribution, owner, STREAM) if case.signed else RETURN_PATH
        found.append(Sample(case.writer(Letter(number, case.recipient, to, at, reply)), at))
    return sorted(found, key=lambda sample: sample.at)
