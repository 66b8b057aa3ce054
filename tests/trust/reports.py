"""Reports on one address, in every form in which an address is acted on, as servers write them."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from typing import NamedTuple

from bounce_watcher.attribution.return_path import make_header_token, make_return_path
from bounce_watcher.attribution.settings import AttributionSettings, DkimKey
from bounce_watcher.parsing.feedback_report import is_redacted
from tests.attribution.signing import KEY_NAME, rsa_key, signed

RETURNS = "returns@bounces.example.com"
SETTINGS = AttributionSettings(RETURNS, (b"k" * 32,), dkim_keys=(DkimKey(KEY_NAME, rsa_key()[1]),))
UNSIGNED = AttributionSettings(RETURNS)
DAY = date(2026, 3, 1)
_HEAD = "From: MAILER-DAEMON@mx.example.net\nReturn-Path: <>\nDate: Mon, 2 Mar 2026 10:00:00 +0000\n"
_REPLY = "550 5.1.1 User unknown"


class Form(NamedTuple):
    """`make` gives the bytes of a report on an address. `must_name`: it has to be understood, whatever the address.

    `redacts`: who sends such reports blacks addresses out ("***@example.org"), and what looks so names nobody.
    """

    make: Callable[[str], bytes]
    must_name: bool = True
    settings: AttributionSettings = UNSIGNED
    redacts: bool = False

    def names(self, address: str) -> bool:
        """Whether a report on it has to be understood."""
        return self.must_name and not (self.redacts and is_redacted(address))


def report(status: str, original: str = "", to: str = "bounces@example.com", text: str = "It failed.") -> bytes:
    returned = f"--b\nContent-Type: text/rfc822-headers\n\n{original}\n" if original else ""
    return (
        f"{_HEAD}To: {to}\nSubject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        f"--b\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n"
        f"{status}Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; {_REPLY}\n\n{returned}--b--\n"
    ).encode()


def notice(text: str, *fields: str) -> bytes:
    more = "".join(f"{field}\n" for field in fields)
    return (
        f"{_HEAD}To: bounces@example.com\nSubject: Undelivered Mail Returned to Sender\n{more}"
        f"Content-Type: text/plain; charset=utf-8\n\n{text}\n"
    ).encode()


def complaint(field: str = "", to: str = "undisclosed-recipients:;") -> bytes:
    return (
        f"{_HEAD}To: fbl@example.com\nSubject: complaint\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nThis is an email abuse report.\n"
        "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\nUser-Agent: x/1\n"
        f"{field}\n--b\nContent-Type: message/rfc822\n\nFrom: news@example.com\nTo: {to}\nSubject: News\n\n"
        "hello\n--b--\n"
    ).encode()


def _embedded(address: str) -> str:
    """RFC 6533 section 3."""
    return re.sub(r"[\\+=]|[^\x21-\x7e ]", lambda match: f"\\x{{{ord(match[0]):02X}}}", address)


def _ses(address: str) -> bytes:
    body = {
        "notificationType": "Bounce",
        "bounce": {"bounceType": "Permanent", "bouncedRecipients": [
            {"emailAddress": address, "status": "5.1.1", "diagnosticCode": f"smtp; {_REPLY}"},
        ]},
        "mail": {"messageId": "1"},
    }
    return notice(json.dumps(body), "x-amz-sns-message-id: 1")


def _original(to: str) -> str:
    return f"From: news@example.com\nTo: {to}\nSubject: News\nMessage-ID: <1@example.com>\n"


@cache
def _signed_to(to: str) -> str:
    mail = f"{_original(to)}X-Recipient: -\nDate: Mon, 2 Mar 2026 09:00:00 +0000\n"
    return signed(mail.encode()).decode().strip() + "\n"


def _token(address: str) -> str:
    return make_return_path(SETTINGS, address, "default", "s", day=DAY)


def _header(address: str) -> str:
    token = make_header_token(SETTINGS, address, "default", day=DAY)
    return f"{_original('undisclosed-recipients:;')}X-BW-Token: {token}\n"


def _verp(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"returns+{local}={domain}@bounces.example.com"


FORMS: Mapping[str, Form] = {
    "Final-Recipient": Form(lambda a: report(f"Final-Recipient: rfc822; {a}\n")),
    "Final-Recipient without a type": Form(lambda a: report(f"Final-Recipient: <{a}>\n")),
    "Original-Recipient": Form(
        lambda a: report(f"Original-Recipient: rfc822;{a}\nFinal-Recipient: rfc822; box@store.example.net\n")
    ),
    "utf-8": Form(lambda a: report(f"Final-Recipient: utf-8; {_embedded(a)}\n")),
    "folded": Form(lambda a: report(f"Final-Recipient: rfc822;\n {a}\n")),
    "with words": Form(lambda a: report(f"Final-Recipient: rfc822; {a}\n", text=f"<{a}>: {_REPLY}")),
    "To of the original": Form(lambda a: report("Final-Recipient: x-notes; CN=X/O=Y\n", _original(f"<{a}>")), False),
    "X-Failed-Recipients": Form(lambda a: notice(
        f"This message was created automatically by mail delivery software.\n\n  {a}\n    {_REPLY}\n",
        f"X-Failed-Recipients: {a}",
    )),
    "feedback": Form(lambda a: complaint(f"Original-Rcpt-To: <{a}>\n"), redacts=True),
    "feedback, To": Form(lambda a: complaint(to=f"Somebody <{a}>"), redacts=True),
    "SES": Form(_ses),
    "qmail": Form(lambda a: notice(
        "Hi. This is the qmail-send program at mx.example.net.\nI'm afraid I wasn't able to deliver your message to "
        f"the following addresses.\n\n<{a}>:\n{_REPLY}\n"
    ), False),
    "prose": Form(
        lambda a: notice(f"Your message could not be delivered to the following address:\n\n  {a}\n\n{_REPLY}\n"), False
    ),
    "dialogue": Form(lambda a: notice(
        f"The following address failed:\n\n>>> RCPT TO:<{a}>\n<<< 550 5.1.1 <{a}>... User unknown\n"
    ), False),
    "diagnostic": Form(lambda a: report(f"Action: failed\nDiagnostic-Code: smtp; 550 5.1.1 <{a}>: unknown\n"), False),
    "a name in To": Form(lambda a: complaint(to=f'"ceo@corp.example" <{a}>'), False),
    "an encoded name in To": Form(lambda a: complaint(to=f"=?utf-8?q?ceo=40corp=2Eexample?= <{a}>"), False),
    "VERP": Form(lambda a: report("Final-Recipient: x-notes; CN=X/O=Y\n", to=_verp(a)), False),
    "token": Form(lambda a: report("Final-Recipient: x-notes; CN=X/O=Y\n", to=_token(a)), False, SETTINGS),
    "token and Original-Recipient": Form(
        lambda a: report(f"Original-Recipient: rfc822;{a}\nFinal-Recipient: rfc822; {a}\n", to=_token(a)),
        settings=SETTINGS,
    ),
    "token in a header": Form(
        lambda a: report(f"Final-Recipient: rfc822; {a}\n", _header(a)), settings=SETTINGS
    ),
    "signed To": Form(
        lambda a: report(f"Final-Recipient: rfc822; {a}\n", _signed_to(f'"ceo@corp.example" <{a}>')), settings=SETTINGS
    ),
    "signed To, nobody named": Form(
        lambda a: report("Final-Recipient: x-notes; CN=X/O=Y\n", _signed_to(f"<{a}>")), False, SETTINGS
    ),
}
