"""What an analysis says: who failed, in whose words, what it means, how far it is proven."""

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
    """Which recognizer said so, from which MIME part ("1", "2.1"; "" = the header), and the words quoted."""

    recognizer: str
    part: str
    quote: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One recognizer's statement on one recipient."""

    report: RecipientReport
    provenance: Provenance
    evidence: Evidence
    reporting_mta: str | None = None


@dataclass(frozen=True, slots=True)
class SentMessage:
    """What the report tells of the mail that was sent. None = not told. Message-ID without angle brackets.

    `mail_from` is its envelope sender, where the report has a field for it. `list_id` is the identifier of its List-ID,
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

    UNCHECKED_TOKEN = "unchecked_token"      # a token of ours in form, and no key to check it with
    FORGED_TOKEN = "forged_token"            # its signature fits none of our keys
    OTHER_RECIPIENT = "other_recipient"      # we signed it for another recipient
    EXPIRED_TOKEN = "expired_token"          # we signed it too long ago
    DMARC = "dmarc"                          # the mailbox's server says that its From is forged (RFC 7489)
    SPF = "spf"                              # … that it does not come from its domain's servers (RFC 7208)


@dataclass(frozen=True, slots=True)
class Doubt:
    """`place` tells where a token was: TOKEN is the return path, SIGNATURE the mail that came back. `day` is its date.

    `domain` is whose From or servers the report is not from ("" where the server names none), `result` the word of the
    Authentication-Results field (RFC 8601).
    """

    kind: DoubtKind
    place: Evidence | None = None
    day: date | None = None
    domain: str | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whose failure it is, as far as it is proven.

    `recipient` is the address that was mailed (a token's before the report's); `stream` and `sending` come from a
    token, else from fields of the mail that came back.
    `doubt` says why the report is forged or mixed up; None where nothing speaks against it.
    """

    recipient: str
    evidence: Evidence
    stream: str | None = None
    sending: str | None = None
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True)
class Pass:
    """A check that the report passed: `method` is dkim, spf or dmarc (RFC 8601), for `domain` ("" = not told)."""

    method: str
    domain: str


@dataclass(frozen=True, slots=True)
class Authenticity:
    """What the mailbox's own server found of the report itself; empty where it told nothing or is not to be believed.

    `passes` says who the report is from; `failure` why it is not from whom it says, None where it may be.
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
    """All that one message says. Each recipient stands once.

    `unreadable` are values of address fields that are no mailboxes by RFC 5321 and whom nothing else names.
    Of what asks for no more mail, `sender` is the mailbox in its From, and of a mail `opt_out` tells whom we mailed.
    `client_ip` is the host outside that our own mail servers took it from, None where they do not tell.
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
