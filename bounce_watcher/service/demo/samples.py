"""The demo's mail: sixty days of a return-path mailbox, and what must follow from it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bounce_watcher.attribution.return_path import make_return_path
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.service.demo.letters import (
    Letter,
    away,
    complaint,
    exchange,
    exim,
    gmail,
    noise,
    person,
    postfix,
    qmail,
    receipt,
)

RETURN_PATH = "returns@bounces.example.com"
STREAM = "news"

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
