"""What servers out there answer when they refuse, in the manner of each: the table behind the sink."""

from bounce_watcher.model.verdict import Reason
from tests.servers.sink import Refusal

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
)
