"""Messages made to measure. All names are invented."""

from textwrap import dedent

STATUS = dedent("""\
    Reporting-MTA: dns; out.example.com

    Final-Recipient: rfc822; user@example.org
    Action: failed
    Status: 5.1.1
    Remote-MTA: dns; mx.example.org
    Diagnostic-Code: smtp; 550 5.1.1 User unknown
    """)

ORIGINAL = dedent("""\
    From: News <news@example.com>
    To: user@example.org
    Subject: The news of March
    Message-ID: <march.1@example.com>

    Hello!
    """)


def report(
    status: str = STATUS,
    *,
    text: str = "I could not deliver your mail.\n",
    original: str = ORIGINAL,
    status_type: str = "message/delivery-status",
    encoding: str = "7bit",
    headers: str = "",
    outer: str = "multipart/report; report-type=delivery-status",
) -> bytes:
    """A delivery status notification of three parts."""
    head = dedent("""\
        Return-Path: <>
        From: Mail Delivery System <MAILER-DAEMON@out.example.com>
        To: bounces@example.com
        Subject: Undelivered Mail Returned to Sender
        """)
    parts = (
        f"--BOUND\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
        f"--BOUND\nContent-Type: {status_type}\nContent-Transfer-Encoding: {encoding}\n\n{status}\n"
        f"--BOUND\nContent-Type: message/rfc822\n\n{original}\n"
        "--BOUND--\n"
    )
    return f'{head}{headers}MIME-Version: 1.0\nContent-Type: {outer}; boundary="BOUND"\n\n{parts}'.encode()


def notice(text: str, *, subject: str = "Undelivered Mail Returned to Sender", headers: str = "") -> bytes:
    """A failure notice in prose, by a mail system."""
    return (
        "Return-Path: <>\nFrom: MAILER-DAEMON@mail.example.net\nTo: bounces@example.com\n"
        f"Subject: {subject}\n{headers}\n{dedent(text)}"
    ).encode()
