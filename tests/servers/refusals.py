"""What servers out there answer when they refuse, in the manner of each: the table behind the sink.

The verdict that a row demands is the same by every relay that passes the reply on; DEVIATIONS has those that do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bounce_watcher.model.verdict import Reason
from tests.servers.sink import UNNAMED, Refusal

REFUSALS = (
    # No such mailbox: as Postfix, Google, Exim, sendmail, Exchange Online, Dovecot, a verifying relay say it.
    Refusal(
        "r01", "550 5.1.1 <{recipient}>: Recipient address rejected: User unknown in virtual mailbox table", "5.1.1",
        Reason.INVALID_RECIPIENT,
    ),
    Refusal(
        "r02",
        "550-5.1.1 The email account that you tried to reach does not exist. Please try\n"
        "550-5.1.1 double-checking the recipient's email address for typos or\n"
        "550-5.1.1 unnecessary spaces. For more information, go to\n"
        "550 5.1.1  https://support.example.org/mail/?p=NoSuchUser a1-20020a05600c.77 - gsmtp",
        "5.1.1", Reason.INVALID_RECIPIENT,
    ),
    Refusal("r03", "550 No such user here", None, Reason.INVALID_RECIPIENT),
    Refusal("r04", "550 5.1.1 <{recipient}>... User unknown", "5.1.1", Reason.INVALID_RECIPIENT),
    Refusal(
        "r05", "550 5.4.1 Recipient address rejected: Access denied. AS(201806281) [AM1.example.org 08DD0C]", "5.4.1",
        Reason.INVALID_RECIPIENT,
    ),
    Refusal("r06", "550 5.1.1 <{recipient}> User doesn't exist: {recipient}", "5.1.1", Reason.INVALID_RECIPIENT),
    Refusal(
        "r07",
        "550 5.1.1 <{recipient}>: Recipient address rejected: undeliverable address: host "
        "store3.example.org[192.0.2.7] said: 550 5.1.1 <{recipient}> User unknown (in reply to RCPT TO command)",
        "5.1.1", Reason.INVALID_RECIPIENT,
    ),
    Refusal("r08", "501 5.1.3 Bad recipient address syntax", "5.1.3", Reason.INVALID_RECIPIENT),
    Refusal("r41", "550 5.1.1 <{recipient}>: Empfänger unbekannt, no such user", "5.1.1", Reason.INVALID_RECIPIENT),
    # The mailbox or its domain is out of use.
    Refusal(
        "r09",
        "550-5.2.1 The email account that you tried to reach is inactive. For more\n"
        "550 5.2.1 information, go to https://support.example.org/mail/?p=DisabledUser",
        "5.2.1", Reason.MAILBOX_DISABLED,
    ),
    Refusal("r10", "551 5.1.6 User has moved, please try <someone.else@example.net>", "5.1.6", Reason.MAILBOX_MOVED),
    Refusal("r11", "556 5.1.10 Recipient address has null MX", "5.1.10", Reason.DOMAIN_REFUSES_MAIL),
    # The mailbox or its server can't take mail just now.
    Refusal(
        "r12", "552 5.2.2 <{recipient}> Quota exceeded (mailbox for user is full)", "5.2.2", Reason.MAILBOX_FULL, "DOT"
    ),
    Refusal(
        "r13",
        "452-4.2.2 The recipient's inbox is out of storage space. Please direct the\n"
        "452-4.2.2 recipient to\n"
        "452 4.2.2  https://support.example.org/mail/?p=OverQuotaTemp b2-1096.5 - gsmtp",
        "4.2.2", Reason.MAILBOX_FULL,
    ),
    Refusal(
        "r14", "450 4.2.0 <{recipient}>: Recipient address rejected: Greylisted, see "
        "http://postgrey.example.org/help/example.org.html", "4.2.0", Reason.GREYLISTED,
    ),
    Refusal("r15", "452 4.3.1 Insufficient system storage", "4.3.1", Reason.SYSTEM_FULL),
    Refusal("r16", "451 4.3.0 <{recipient}>: Temporary lookup failure", "4.3.0", Reason.SYSTEM_ERROR),
    Refusal(
        "r17", "450-4.2.1 The user you are trying to contact is receiving mail at a rate that\n"
        "450-4.2.1 prevents additional messages from being delivered. Please resend your\n"
        "450 4.2.1 message at a later time.", "4.2.1", Reason.RATE_LIMITED,
    ),
    Refusal("r18", "554 5.4.6 Too many hops", "5.4.6", Reason.MAIL_LOOP, "DOT"),
    Refusal("r19", "451 Temporary local problem - please try later", None, Reason.SYSTEM_ERROR),
    # The message or its sender is refused: never the recipient's fault.
    Refusal(
        "r20", "554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked using bl.example.net; "
        "https://bl.example.net/query/ip/192.0.2.25", "5.7.1", Reason.BLOCKLISTED,
    ),
    Refusal("r21", "550 5.7.1 This message looks like spam and was rejected (score 18.4)", "5.7.1", Reason.SPAM, "DOT"),
    Refusal(
        "r22",
        "550-5.7.26 Your email has been blocked because the sender is unauthenticated.\n"
        "550-5.7.26 The sender must authenticate with either SPF or DKIM.\n"
        "550-5.7.26\n"
        "550-5.7.26  Authentication results:\n"
        "550-5.7.26  DKIM = did not pass\n"
        "550-5.7.26  SPF [example.com] with ip: [192.0.2.25] = did not pass\n"
        "550 5.7.26  For instructions, go to https://support.example.org/mail/answer/81126#auth",
        "5.7.26", Reason.AUTH_FAILURE, "DOT",
    ),
    Refusal(
        "r23", "550 5.7.25 The IP address sending this message does not have a PTR record setup", "5.7.25",
        Reason.MISSING_PTR,
    ),
    Refusal(
        "r24", "554 5.7.1 Your access to this mail system has been rejected due to the sending MTA's poor reputation",
        "5.7.1", Reason.BAD_REPUTATION,
    ),
    Refusal("r25", "552 5.3.4 Message size exceeds fixed limit", "5.3.4", Reason.MESSAGE_TOO_LARGE),
    Refusal("r26", "554 5.7.1 Virus found: Eicar-Test-Signature, message rejected", "5.7.1", Reason.VIRUS, "DOT"),
    Refusal("r27", "550 5.7.1 <{recipient}>... Relaying denied", "5.7.1", Reason.RELAY_DENIED),
    Refusal(
        "r28", "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", "5.7.1", Reason.RELAY_DENIED
    ),
    Refusal(
        "r29",
        "550-Verification failed for <returns@example.com>\n"
        "550-The mail server could not deliver mail to returns@example.com. The account or domain may not exist.\n"
        "550 Sender verify failed",
        None, Reason.SENDER_REJECTED,
    ),
    Refusal(
        "r30", "550 5.1.8 <returns@example.com>: Sender address rejected: Domain not found", "5.1.8",
        Reason.SENDER_REJECTED, "MAIL",
    ),
    Refusal("r31", "553 5.1.0 returns@example.com: user unknown", "5.1.0", Reason.SENDER_REJECTED, "MAIL"),
    Refusal(
        "r32", "450 4.1.8 <returns@example.com>: Sender address rejected: Domain not found", "4.1.8",
        Reason.SENDER_REJECTED, "MAIL",
    ),
    Refusal("r33", "530 5.7.0 Must issue a STARTTLS command first", "5.7.0", Reason.TLS_FAILURE, "MAIL"),
    Refusal(
        "r34", "552 5.7.0 This message was blocked because its content presents a potential security issue: "
        "attachment type not allowed", "5.7.0", Reason.CONTENT_REJECTED, "DOT",
    ),
    Refusal(
        "r35", "550 5.7.1 Message refused by local policy; ref=GLq7; see <https://mx.example.org/why?a=b;c=d>", "5.7.1",
        Reason.POLICY, "DOT",
    ),
    Refusal("r36", "452 4.5.3 Too many recipients", "4.5.3", Reason.TOO_MANY_RECIPIENTS),
    Refusal("r37", "451 4.7.1 Greylisting in action, please come back in 00:05:00", "4.7.1", Reason.GREYLISTED, "DOT"),
    # Words that tell nothing.
    Refusal("r38", "554 Transaction failed", None, Reason.UNKNOWN),
    Refusal("r39", "550 5.0.0 Zebra 17 at the gate, not today", "5.0.0", Reason.UNKNOWN, "DOT"),
    Refusal("r40", "550 Administrative prohibition", None, Reason.POLICY),
    # Before anybody is named: said of the client, never of the recipient.
    Refusal(
        "r42", "554 5.7.1 mx.example.org: your address 192.0.2.25 is listed in bl.example.net, see "
        "https://bl.example.net/192.0.2.25", "5.7.1", Reason.BLOCKLISTED, "CONNECT",
    ),
    Refusal(
        "r43", "421 4.7.0 mx.example.org Too many connections from your address, try again later", "4.7.0",
        Reason.RATE_LIMITED, "CONNECT",
    ),
    Refusal(
        "r44",
        "554-mx.example.org (mx017) ESMTP Service not available\n"
        "554-No SMTP service\n"
        "554-IP address is block listed.\n"
        "554 For explanation visit https://postmaster.example.org/block?ip=192.0.2.25",
        None, Reason.BLOCKLISTED, "CONNECT",
    ),
    Refusal("r45", "521 5.3.2 mx.example.org does not accept mail", "5.3.2", Reason.DOMAIN_REFUSES_MAIL, "CONNECT"),
    Refusal(
        "r46", "550 5.7.1 <out.example.com>: Helo command rejected: Access denied", "5.7.1", Reason.POLICY, "EHLO"
    ),
    Refusal("r47", "454 4.7.0 TLS not available due to local problem", "4.7.0", Reason.TLS_FAILURE, "STARTTLS"),
    # MAIL: the words are on the sender, whatever they would mean of a recipient.
    Refusal(
        "r48", "550 5.1.1 <returns@example.com>: User unknown in local recipient table", "5.1.1",
        Reason.SENDER_REJECTED, "MAIL",
    ),
    Refusal("r49", "550 No such user here", None, Reason.SENDER_REJECTED, "MAIL"),
    Refusal("r50", "530 5.7.1 Authentication required", "5.7.1", Reason.SECURITY, "MAIL"),
    Refusal(
        "r51", "550 5.7.606 Access denied, banned sending IP [192.0.2.25]. To request removal from this list please "
        "visit https://sender.example.org/ and follow the directions.", "5.7.606", Reason.BLOCKLISTED, "MAIL",
    ),
    Refusal(
        "r52", "451 4.7.650 The mail server [192.0.2.25] has been temporarily rate limited due to IP reputation. For "
        "e-mail delivery information, see https://postmaster.example.org (S775)", "4.7.650", Reason.BAD_REPUTATION,
        "MAIL",
    ),
    Refusal(
        "r53", "421 4.7.0 [TSS04] Messages from 192.0.2.25 temporarily deferred due to unexpected volume or user "
        "complaints - 4.16.55.1; see https://postmaster.example.org/error-codes", "4.7.0", Reason.RATE_LIMITED, "MAIL",
    ),
    Refusal(
        "r54", "554 5.7.0 Blocked - see https://ipcheck.example.org/?ip=192.0.2.25", "5.7.0", Reason.BLOCKLISTED, "MAIL"
    ),
    # RCPT: as Exchange Online, Yahoo, iCloud, Mimecast, Proofpoint, Yandex, Courier, Orange and others say it.
    Refusal(
        "r55", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {recipient} not found by SMTP address lookup",
        "5.1.10", Reason.INVALID_RECIPIENT,
    ),
    Refusal(
        "r56", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; Delivery restriction "
        "check failed because the sender was not authenticated when sending to this group", "5.7.133", Reason.POLICY,
    ),
    Refusal("r57", "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", "4.3.2", Reason.RATE_LIMITED),
    Refusal("r58", "552 1 Requested mail action aborted, mailbox not found", None, Reason.INVALID_RECIPIENT),
    Refusal(
        "r59", "554 30 Sorry, your message to {recipient} cannot be delivered. This mailbox is disabled (554.30).",
        None, Reason.MAILBOX_DISABLED,
    ),
    Refusal("r60", "550 5.1.6 recipient no longer on server: {recipient}", "5.1.6", Reason.MAILBOX_MOVED),
    Refusal("r61", "552 5.2.2 <{recipient}>: user is over quota", "5.2.2", Reason.MAILBOX_FULL),
    Refusal(
        "r62", "550 Invalid Recipient - https://community.example.org/docs/DOC-1369#550 [aBcDeFgHiJkL.uk1]", None,
        Reason.INVALID_RECIPIENT,
    ),
    Refusal(
        "r63", "451 Internal resources are temporarily unavailable - https://community.example.org/docs/DOC-1369#451 "
        "[aBcDeFgHiJkL.uk2]", None, Reason.GREYLISTED,
    ),
    Refusal(
        "r64", "550 5.7.1 User email address is marked as invalid. ({recipient})", "5.7.1", Reason.INVALID_RECIPIENT
    ),
    Refusal("r65", "550 5.7.1 No such user!", "5.7.1", Reason.INVALID_RECIPIENT),
    Refusal("r66", "552 5.1.1 <{recipient}> Recipient overquota. 417", "5.1.1", Reason.MAILBOX_FULL),
    Refusal(
        "r67", "550 5.1.2 <{recipient}>: Recipient address rejected: Domain not found", "5.1.2", Reason.INVALID_DOMAIN
    ),
    Refusal("r68", "450 4.2.1 <{recipient}>: Mailbox is busy, try again later", "4.2.1", Reason.MAILBOX_UNAVAILABLE),
    Refusal("r69", "550 5.1.1", "5.1.1", Reason.INVALID_RECIPIENT),
    Refusal("r70", "550 5.1.1 <{recipient}>: Пользователь не найден", "5.1.1", Reason.INVALID_RECIPIENT),
    Refusal("r71", "550 5.1.1 Empfänger unbekannt", "5.1.1", Reason.INVALID_RECIPIENT, charset="latin-1"),
    Refusal("r72", "552 5.2.2 <{recipient}> 收件人邮箱已满", "5.2.2", Reason.MAILBOX_FULL),
    Refusal("r85", "550 Пользователь не найден", None, Reason.INVALID_RECIPIENT),
    Refusal("r86", "552 收件人邮箱已满", None, Reason.MAILBOX_FULL),
    Refusal(
        "r73",
        "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating\n"
        "421-4.7.28 from your IP address [192.0.2.25]. To protect our users from spam,\n"
        "421-4.7.28 mail has been temporarily rate limited.\n"
        "421 4.7.28  https://support.example.org/mail/?p=UnsolicitedRateLimitError c3-5066.9 - gsmtp",
        "4.7.28", Reason.RATE_LIMITED,
    ),
    Refusal("r74", "451 4.4.3 Temporary failure in name resolution", "4.4.3", Reason.NETWORK_ERROR),
    # DATA, before and behind the message.
    Refusal(
        "r75", "503 5.5.0 <DATA>: Data command rejected: Improper use of SMTP command pipelining", "5.5.0",
        Reason.PROTOCOL_ERROR, "DATA",
    ),
    Refusal("r76", "452 4.3.1 Insufficient system resources (UsedVersionBuckets)", "4.3.1", Reason.SYSTEM_FULL, "DATA"),
    Refusal("r77", "554 5.7.1 [HM08] Message rejected due to local policy.", "5.7.1", Reason.POLICY, "DATA"),
    Refusal(
        "r78", "550 5.7.515 Access denied, sending domain example.com doesn't meet the required authentication level. "
        "Spf= Fail , Dkim= Fail , DMARC= Fail", "5.7.515", Reason.AUTH_FAILURE, "DOT",
    ),
    Refusal(
        "r79", "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException; Failed to process message",
        "5.2.2", Reason.MAILBOX_FULL, "DOT",
    ),
    Refusal(
        "r80",
        "550-5.7.1 [192.0.2.25      12] Our system has detected that this message is\n"
        "550-5.7.1 likely unsolicited mail. To reduce the amount of spam sent, this message\n"
        "550-5.7.1 has been blocked. For more information, go to\n"
        "550 5.7.1  https://support.example.org/mail/?p=UnsolicitedMessageError d4-7788.1 - gsmtp",
        "5.7.1", Reason.SPAM, "DOT",
    ),
    Refusal(
        "r81", "554 Email rejected due to security policies - https://community.example.org/docs/DOC-1369#554 "
        "[mNoPqRsTuVwX.uk3]", None, Reason.SPAM, "DOT",
    ),
    Refusal(
        "r82", "550-Requested action not taken: header is not RFC 5322 compliant\n550 Duplicate header \"From\"", None,
        Reason.NOT_RFC_COMPLIANT, "DOT",
    ),
    Refusal(
        "r83", "554 5.7.1 The message was refused by the recipient's own filter rule", "5.7.1",
        Reason.RECIPIENT_FILTERED, "DOT",
    ),
    Refusal("r84", "421 4.4.2 mx.example.org Error: timeout exceeded", "4.4.2", Reason.NETWORK_ERROR, "DOT"),
)


@dataclass(frozen=True, slots=True)
class Deviation:
    """A relay that does not pass a reply on, and why: what its reports come to instead.

    `failed` is the verdict of the last report, None where there is none; `delayed` that of a notice before it, None
    where it passes the reply on, or where there is no such notice.
    """

    why: str
    failed: Reason | None = None
    delayed: Reason | None = None


AT_ALL: Mapping[str, Deviation] = {
    "opensmtpd": Deviation(
        'it ends with "Envelope expired"; the reply stands in the notice of the delay only', Reason.MESSAGE_EXPIRED
    ),
    "dma": Deviation(
        'it says no more than "Could not deliver for the last … seconds. Giving up."', Reason.MESSAGE_EXPIRED
    ),
}
"""By relay: what becomes of all refusals for the time being."""

_NO_NAME = Deviation(
    'it says "Network error on destination MXs", then "Envelope expired"', Reason.MESSAGE_EXPIRED, Reason.NETWORK_ERROR
)
_WITHOUT_TLS = Deviation("it goes on without TLS")
_NO_NEWS = Deviation("its Status is 4.4.7: trouble in the network until the time ran out", Reason.MESSAGE_EXPIRED)
_SAME_HOST = Deviation("its report would go to the same smarthost, which lets nobody in")

DEVIATIONS: Mapping[tuple[str, str], Deviation] = {
    **{("opensmtpd", refusal.id): _NO_NAME for refusal in REFUSALS if refusal.stage in UNNAMED},
    **{("dma", refusal.id): _SAME_HOST for refusal in REFUSALS if refusal.stage in UNNAMED},
    ("exim", "r47"): Deviation(
        'it says no word on TLS, and "retry timeout exceeded" at last', Reason.MESSAGE_EXPIRED, Reason.UNKNOWN
    ),
    ("sendmail", "r47"): _WITHOUT_TLS,
    ("qmail", "r47"): _WITHOUT_TLS,
    ("sendmail", "r74"): _NO_NEWS,
    ("sendmail", "r84"): _NO_NEWS,
    ("opensmtpd", "r49"): Deviation(
        "it does not tell that MAIL FROM was answered, nor do the words", Reason.INVALID_RECIPIENT
    ),
}
"""By relay and refusal."""


def deviation(relay: str, refusal: Refusal) -> Deviation | None:
    passing = None if refusal.is_final else AT_ALL.get(relay)
    return DEVIATIONS.get((relay, refusal.id), passing)
