"""The closed vocabulary of verdicts: bounce types and reasons, each with a sentence."""

from dataclasses import dataclass
from enum import StrEnum

from bounce_watcher.model.fields import EnhancedStatus


class BounceType(StrEnum):
    """Where the cause of a failure lies. Only `hard` and `soft` concern the recipient and may ever count."""

    HARD = "hard"                  # the address itself is invalid
    SOFT = "soft"                  # the recipient's side can't take mail just now
    BLOCK = "block"                # the message or its sender was refused; this says nothing about the address
    UNDETERMINED = "undetermined"  # the words do not say


class Reason(StrEnum):
    """Why a recipient failed. Each value has its `bounce_type` and its meaning, `means`."""

    bounce_type: BounceType
    means: str

    def __new__(cls, value: str, bounce_type: BounceType, means: str) -> "Reason":
        member = str.__new__(cls, value)
        member._value_ = value
        member.bounce_type = bounce_type
        member.means = means
        return member

    INVALID_RECIPIENT = "invalid_recipient", BounceType.HARD, "no such mailbox at this domain"
    INVALID_DOMAIN = "invalid_domain", BounceType.HARD, "the domain does not exist or has no mail exchanger"
    DOMAIN_REFUSES_MAIL = "domain_refuses_mail", BounceType.HARD, "the domain says that it takes no mail at all"
    MAILBOX_MOVED = "mailbox_moved", BounceType.HARD, "the mailbox has moved; the old address takes no mail"
    MAILBOX_DISABLED = "mailbox_disabled", BounceType.HARD, "the mailbox exists but is disabled, suspended or inactive"

    MAILBOX_FULL = "mailbox_full", BounceType.SOFT, "the mailbox is over its quota"
    MAILBOX_UNAVAILABLE = "mailbox_unavailable", BounceType.SOFT, "the mailbox can't be used just now"
    RECIPIENT_FILTERED = "recipient_filtered", BounceType.SOFT, "the recipient's own rule or filter refused the sender"
    MESSAGE_EXPIRED = "message_expired", BounceType.SOFT, "the retry time ran out without an answer that says more"
    NETWORK_ERROR = "network_error", BounceType.SOFT, "no route, no connection or a DNS failure that may pass"
    MAIL_LOOP = "mail_loop", BounceType.SOFT, "too many hops or a forwarding loop at the recipient's side"
    SYSTEM_ERROR = "system_error", BounceType.SOFT, "the receiving system failed or takes nothing just now"
    SYSTEM_FULL = "system_full", BounceType.SOFT, "the receiving system has no disk or resources left"
    GREYLISTED = "greylisted", BounceType.SOFT, "refused on purpose at first contact, come back later"
    RATE_LIMITED = "rate_limited", BounceType.SOFT, "too many messages or connections in a time"

    SPAM = "spam", BounceType.BLOCK, "the content was judged spam or phishing"
    VIRUS = "virus", BounceType.BLOCK, "a virus or other malware was found"
    BLOCKLISTED = "blocklisted", BounceType.BLOCK, "the sending IP, host, domain or a URL is on a blocklist"
    BAD_REPUTATION = "bad_reputation", BounceType.BLOCK, "refused for the low reputation of the sending IP or domain"
    AUTH_FAILURE = "auth_failure", BounceType.BLOCK, "SPF, DKIM, DMARC or ARC did not pass"
    MISSING_PTR = "missing_ptr", BounceType.BLOCK, "the sending IP has no (matching) reverse DNS"
    POLICY = "policy", BounceType.BLOCK, "refused by a policy of the receiving site that fits nothing more exact"
    NOT_RFC_COMPLIANT = "not_rfc_compliant", BounceType.BLOCK, "the message breaks a mail standard"
    CONTENT_REJECTED = "content_rejected", BounceType.BLOCK, "the form or the content was refused, not as spam"
    MESSAGE_TOO_LARGE = "message_too_large", BounceType.BLOCK, "larger than the site or the mailbox takes"
    SENDER_REJECTED = "sender_rejected", BounceType.BLOCK, "the envelope sender or the From address was refused"
    RELAY_DENIED = "relay_denied", BounceType.BLOCK, "the server does not relay for this sender or to this domain"
    TOO_MANY_RECIPIENTS = "too_many_recipients", BounceType.BLOCK, "more recipients than the server takes"
    TLS_FAILURE = "tls_failure", BounceType.BLOCK, "TLS was demanded and could not be had"
    SECURITY = "security", BounceType.BLOCK, "authentication demanded, or a security feature refused"
    PROTOCOL_ERROR = "protocol_error", BounceType.BLOCK, "an SMTP syntax or sequence error"
    ALREADY_SUPPRESSED = "already_suppressed", BounceType.BLOCK, "the relay in between refused it from its own list"

    UNKNOWN = "unknown", BounceType.UNDETERMINED, "a failure whose words tell nothing that a rule knows"


class Confidence(StrEnum):
    """How strong the evidence is on which a verdict rests."""

    SURE = "sure"      # words that many servers use for this alone, and a receiver, status or command that agrees
    LIKELY = "likely"  # such words alone, or weak words with a status that agrees, or an exact status alone
    GUESS = "guess"    # one weak word, words that contradict the status, or a reply code alone


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """The reply that an SMTP client got (RFC 5321 section 4.2), extracted from a diagnostic.

    `text` is the reply on one line, with its code and status once at the start. `stage` is the command that was
    refused, if the report says so ("CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "DOT" for the end of
    the data). `host` is the server that replied, in lower case, if the words around the reply name it.
    """

    text: str
    code: int | None = None
    status: EnhancedStatus | None = None
    stage: str | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one failure means, the rule that says so, and the words on which it rests.

    `status` and `code` are the effective ones: those of the last hop, where the report's own field is generic.
    `said` and `stage` are None if the rule's own reason stands. Otherwise `said` is the reason that the rule reads from
    the words, and `reason` differs from it. `stage` is the stage of the dialogue that made the difference; None if
    something else that the report contains or lacks made it. `confidence` is the weakest until it is weighed.
    """

    reason: Reason
    rule: str
    source: str
    quote: str
    code: int | None = None
    status: EnhancedStatus | None = None
    said: Reason | None = None
    stage: str | None = None
    confidence: Confidence = Confidence.GUESS

    @property
    def bounce_type(self) -> BounceType:
        return self.reason.bounce_type
