"""The reports of the model as mail: small templates after the forms that Postfix, Exim, Exchange and Google write.

All names are invented. `{path}` is the envelope sender of the mail that failed, which its reports come back to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum

RETURNS = "returns@bounces.example.com"
"""Where all mail comes back to, and the address that tokens ride on. Complaints come to it without a token of their
own: a feedback loop has one address for all."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server said, or what our own found out (`by_smtp` False). It may hold `{to}`, `{domain}` and `{mx}`."""

    text: str
    status: str
    by_smtp: bool = True

    @property
    def is_permanent(self) -> bool:
        return self.status[0] == "5"


class Kind(StrEnum):
    FAILED = "failed"
    DELAYED = "delayed"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto-reply"


class Writer(StrEnum):
    """Who writes the report of a failure: our own server at the refusal, or the receiving system after it took it."""

    POSTFIX = "postfix"
    EXIM = "exim"
    EXCHANGE = "exchange"
    GOOGLE = "google"


@dataclass(frozen=True, slots=True)
class Letter:
    """One report. `original` is the recipient in Original-Recipient, None where the report leaves the field out."""

    number: int
    mail: int
    at: datetime
    path: str
    recipient: str
    original: str | None
    reply: Reply


_HEAD = """\
Return-Path: <>
Delivered-To: {box}
Received: from {by} ({by} [198.51.100.7])
\tby mail.example.com (Postfix) with ESMTPS id 4Y{number:08d}
\tfor <{path}>; {date}
Date: {date}
"""

_MAILED = """\
Date: {date}
From: Example News <news@example.com>
To: {recipient}
Subject: What is new this week
Message-ID: <{mail}.news@example.com>
List-ID: <news.example.com>
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8
"""

_POSTFIX = _HEAD + """\
From: MAILER-DAEMON@out.example.com (Mail Delivery System)
Subject: {subject}
To: {path}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="4Z{number:08d}/out.example.com"
Message-ID: <{number}@out.example.com>

--4Z{number:08d}/out.example.com
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host out.example.com.

{introduction}

<{recipient}>: {said}

--4Z{number:08d}/out.example.com
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; out.example.com
X-Postfix-Queue-ID: 4X{number:08d}
X-Postfix-Sender: rfc822; {path}
Arrival-Date: {date}

Final-Recipient: rfc822; {recipient}
{original_field}Action: {action}
Status: {status}
{remote}Diagnostic-Code: {diagnostic}

--4Z{number:08d}/out.example.com
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

""" + _MAILED + """\

--4Z{number:08d}/out.example.com--
"""

_EXIM = _HEAD + """\
X-Failed-Recipients: {recipient}
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@{mx}>
To: {path}
Subject: Mail delivery failed: returning message to sender
Message-ID: <E1x{number:06d}-0000aB-Cd@{mx}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=n{number:08d}-eximdsn

--n{number:08d}-eximdsn
Content-type: text/plain; charset=us-ascii

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {recipient}
    host store.{mx} [203.0.113.5]
    SMTP error from remote mail server after RCPT TO:<{recipient}>:
    {text}

--n{number:08d}-eximdsn
Content-type: message/delivery-status

Reporting-MTA: dns; {mx}

Action: failed
{original_field}Final-Recipient: rfc822;{recipient}
Status: {status}
Remote-MTA: dns; store.{mx}
Diagnostic-Code: smtp; {text}

--n{number:08d}-eximdsn
Content-type: message/rfc822

""" + _MAILED + """\

--n{number:08d}-eximdsn--
"""

_EXCHANGE = _HEAD + """\
From: Postmaster <postmaster@{domain}>
To: {path}
Subject: Undeliverable: What is new this week
Message-ID: <{number:032x}@{domain}>
In-Reply-To: <{mail}.news@example.com>
Auto-Submitted: auto-replied
X-MS-Exchange-Message-Is-Ndr:
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="_000_{number:032x}_"

--_000_{number:032x}_
Content-Type: text/plain; charset="utf-8"

Delivery has failed to these recipients or groups:

{recipient}

Diagnostic information for administrators:

Generating server: am0.{mx}

{recipient}
Remote server returned '{text}'

--_000_{number:032x}_
Content-Type: message/delivery-status

Reporting-MTA: dns;am0.{mx}
Received-From-MTA: dns;out.example.com
Arrival-Date: {date}

{original_field}Final-Recipient: rfc822;{recipient}
Action: failed
Status: {status}
Diagnostic-Code: smtp;{text}

--_000_{number:032x}_
Content-Type: message/rfc822

""" + _MAILED + """\

--_000_{number:032x}_--
"""

_GOOGLE = _HEAD + """\
X-Failed-Recipients: {recipient}
From: Mail Delivery Subsystem <mailer-daemon@{domain}>
To: {path}
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
References: <{mail}.news@example.com>
In-Reply-To: <{mail}.news@example.com>
Message-ID: <{number:016x}.mx@{domain}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="{number:022x}"

--{number:022x}
Content-Type: text/plain; charset="UTF-8"

Your message wasn't delivered to {recipient}.

The response from the remote server was:
{text}

--{number:022x}
Content-Type: message/delivery-status

Reporting-MTA: dns; {domain}
Received-From-MTA: dns; news@example.com
Arrival-Date: {date}
X-Original-Message-ID: <{mail}.news@example.com>

{original_field}Final-Recipient: rfc822; {recipient}
Action: failed
Status: {status}
Remote-MTA: dns; {mx}. (203.0.113.5, the server for the domain {domain}.)
Diagnostic-Code: smtp; {text}
Last-Attempt-Date: {date}

--{number:022x}
Content-Type: message/rfc822

""" + _MAILED + """\

--{number:022x}--
"""

_COMPLAINT = _HEAD + """\
From: <feedback@{domain}>
To: {box}
Subject: FW: What is new this week
Message-ID: <{number}.fbl@{domain}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="part_{number:08d}"

--part_{number:08d}
Content-Type: text/plain; charset="US-ASCII"

This is an email abuse report for an email message received from IP 192.0.2.10.

--part_{number:08d}
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: ExampleFBL/1.0
Version: 1
Original-Mail-From: <{path}>
Original-Rcpt-To: <{recipient}>
Arrival-Date: {date}
Source-IP: 192.0.2.10

--part_{number:08d}
Content-Type: message/rfc822

""" + _MAILED + """\

--part_{number:08d}--
"""

_AUTO_REPLY = _HEAD + """\
From: {recipient}
To: {path}
Subject: Out of office: What is new this week
Message-ID: <{number}.away@{domain}>
In-Reply-To: <{mail}.news@example.com>
Auto-Submitted: auto-replied
Content-Type: text/plain; charset=utf-8

I am out of the office until Monday and read no mail. If it burns, call the desk.
"""

_POSTFIX_SAYS = {
    Kind.FAILED: (
        "Undelivered Mail Returned to Sender",
        "I'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients.",
    ),
    Kind.DELAYED: (
        "Delayed Mail (still being retried)",
        "THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE.\n\n"
        "Your message could not be delivered for more than 4 hour(s).\nIt will be retried until it is 5 day(s) old.",
    ),
}


def write(letter: Letter, kind: Kind, writer: Writer) -> bytes:
    """The mail as it lies in the mailbox, with LF."""
    match kind:
        case Kind.FAILED:
            return _WRITERS[writer](letter).encode()
        case Kind.DELAYED:
            return _postfix(letter, kind).encode()
        case Kind.COMPLAINT:
            return _filled(_COMPLAINT, letter, box=RETURNS).encode()
        case Kind.AUTO_REPLY:
            return _filled(_AUTO_REPLY, letter).encode()


def _postfix(letter: Letter, kind: Kind = Kind.FAILED) -> str:
    subject, introduction = _POSTFIX_SAYS[kind]
    text, mx = _text(letter), _mx(letter)
    if letter.reply.by_smtp:
        said = f"host {mx}[203.0.113.5] said: {text} (in reply to RCPT TO command)"
        remote, diagnostic = f"Remote-MTA: dns; {mx}\n", f"smtp; {text}"
    else:
        said, remote, diagnostic = text, "", f"X-Postfix; {text}"
    return _filled(
        _POSTFIX, letter, subject=subject, introduction=introduction, said=said, remote=remote, diagnostic=diagnostic,
        action=kind,
    )


_WRITERS: dict[Writer, Callable[[Letter], str]] = {
    Writer.POSTFIX: _postfix,
    Writer.EXIM: lambda letter: _filled(_EXIM, letter),
    Writer.EXCHANGE: lambda letter: _filled(_EXCHANGE, letter),
    Writer.GOOGLE: lambda letter: _filled(_GOOGLE, letter),
}


def _filled(template: str, letter: Letter, box: str | None = None, **more: str) -> str:
    mx = _mx(letter)
    return template.format(
        box=box or letter.path,
        number=letter.number, mail=letter.mail, date=format_datetime(letter.at), path=letter.path, by=mx, mx=mx,
        domain=_domain(letter), recipient=letter.recipient, status=letter.reply.status,
        text=_text(letter),
        original_field=f"Original-Recipient: rfc822;{letter.original}\n" if letter.original else "", **more,
    )


def _text(letter: Letter) -> str:
    return letter.reply.text.format(to=letter.recipient, domain=_domain(letter), mx=_mx(letter))


def _domain(letter: Letter) -> str:
    return letter.recipient.rpartition("@")[2]


def _mx(letter: Letter) -> str:
    return f"mx1.{_domain(letter)}"
