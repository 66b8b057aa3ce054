"""The results of an analysis: who failed, in whose words, what it means, and how far it is proven."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from bounce_watcher.model.address import MailAddress
from bounce_watcher.model.fields import RecipientReport
from bounce_watcher.model.verdict import BounceType, Verdict


class Kind(StrEnum):
    """What a message in a return-path mailbox is."""

    BOUNCE = "bounce"            # at least one recipient failed
    DELAY = "delay"              # only delays
    COMPLAINT = "complaint"      # RFC 5965 feedback
    AUTO_REPLY = "auto_reply"    # RFC 3834
    CHALLENGE = "challenge"      # "confirm that you are a person"
    DELIVERED = "delivered"      # a success or relay DSN
    DISPOSITION = "disposition"  # RFC 8098 MDN
    UNSUBSCRIBE = "unsubscribe"  # an opt-out by mail
    OTHER = "other"              # no report at all


EVENT_KINDS = frozenset({Kind.BOUNCE, Kind.DELAY, Kind.COMPLAINT, Kind.DELIVERED})
"""Kinds whose recipients become events; all others carry no recipients."""


class Evidence(StrEnum):
    """How far a report is proven to be about a mail that we sent, strongest first."""

    TOKEN = "token"                  # the report came to a return path that we signed
    SIGNATURE = "signature"          # our DKIM or HMAC header in the returned original
    KNOWN_MESSAGE = "known_message"  # a Message-ID that the platform reported as sent
    VERP = "verp"                    # an unsigned return path names the recipient
    REPORT = "report"                # the address stands in the report's own fields
    PROSE = "prose"                  # the address was found in text for people

    def at_least(self, other: "Evidence") -> bool:
        return _RANK[self] <= _RANK[other]


_RANK = {grade: rank for rank, grade in enumerate(Evidence)}


@dataclass(frozen=True, slots=True)
class Provenance:
    """The recognizer of a statement, the MIME part that it read ("1", "2.1"; "" = the header), and the words quoted."""

    recognizer: str
    part: str
    quote: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One recognizer's statement about one recipient."""

    report: RecipientReport
    provenance: Provenance
    evidence: Evidence
    reporting_mta: str | None = None


@dataclass(frozen=True, slots=True)
class SentMessage:
    """What the report says about the mail that was sent. None = not stated. `message_id` has no angle brackets.

    `mail_from` is the envelope sender, if the report has a field for it. `list_id` is the identifier in its List-ID,
    `feedback_id` its Feedback-ID as written.
    """

    message_id: str | None = None
    sender: str | None = None
    subject: str | None = None
    mail_from: str | None = None
    list_id: str | None = None
    feedback_id: str | None = None


class DoubtKind(StrEnum):
    """Why a report is forged or mixed up."""

    UNCHECKED_TOKEN = "unchecked_token"      # looks like our token, but there is no key to check it with
    FORGED_TOKEN = "forged_token"            # its signature matches none of our keys
    OTHER_RECIPIENT = "other_recipient"      # we signed it for another recipient
    EXPIRED_TOKEN = "expired_token"          # we signed it too long ago
    DMARC = "dmarc"                          # the mailbox's server says that its From is forged (RFC 7489)
    SPF = "spf"                              # … that it does not come from its domain's servers (RFC 7208)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a report is in doubt, in detail.

    `place` says where the token was: TOKEN = the return path, SIGNATURE = the returned mail. `day` is the token's date.
    `domain` is the From domain, or the domain whose servers did not send the report ("" if the server names none).
    `result` is the result word of the Authentication-Results field (RFC 8601).
    """

    kind: DoubtKind
    place: Evidence | None = None
    day: date | None = None
    domain: str | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whose failure a report is, as far as that is proven.

    `recipient` is the address that was mailed; a token's address takes precedence over the report's. `stream` and
    `sending` come from a token, else from fields of the returned mail.
    `doubt` says why the report is forged or mixed up; None if nothing suggests that. `forwarded`: the report is about
    another mailbox, to which the mail for `recipient` went on.
    """

    recipient: str
    evidence: Evidence
    stream: str | None = None
    sending: str | None = None
    doubt: Doubt | None = None
    forwarded: bool = False


@dataclass(frozen=True, slots=True)
class Pass:
    """A check that the report passed: `method` is dkim, spf or dmarc (RFC 8601), for `domain` ("" = not stated)."""

    method: str
    domain: str


@dataclass(frozen=True, slots=True)
class Authenticity:
    """What the mailbox's own server found out about the report. Empty if the server says nothing or can't be trusted.

    `passes` shows who the report is from. `failure` says why it is not from its stated sender; None if it may be.
    """

    passes: tuple[Pass, ...] = ()
    failure: Doubt | None = None


UNTOLD = Authenticity()


@dataclass(frozen=True, slots=True)
class RecipientVerdict:
    """Finding, meaning and attribution of one recipient. `verdict` is None unless it failed or is delayed."""

    finding: Finding
    attribution: Attribution
    verdict: Verdict | None

    @property
    def bounce_type(self) -> BounceType | None:
        return self.verdict.bounce_type if self.verdict else None


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that one message says. Each recipient appears once.

    `unreadable` holds values of address fields that are not mailboxes by RFC 5321, if nothing else names their
    recipient.
    For an opt-out, `sender` is the mailbox in its From. For an opt-out by mail, `opt_out` says whom we mailed.
    `client_ip` is the outside host from which our own mail servers received the message; None if they do not tell.
    """

    kind: Kind
    digest: str
    recipients: tuple[RecipientVerdict, ...] = ()
    sent: SentMessage = SentMessage()
    feedback_type: str | None = None
    authenticity: Authenticity = UNTOLD
    unreadable: tuple[str, ...] = ()
    sender: MailAddress | None = None
    opt_out: Attribution | None = None
    client_ip: str | None = None
