"""The fields of a delivery status notification as values (RFC 3464, RFC 3463, RFC 6533)."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from bounce_watcher.model.address import MailAddress, ProseAddress


class Action(StrEnum):
    """RFC 3464 section 2.3.3: what the reporting MTA did about one recipient."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


# The class comes first, and the check of what precedes it second, so the search skips to the digits.
_STATUS = re.compile(r"([245])(?<![\d.].)\.(\d{1,3})\.(\d{1,3})(?![\d]|\.\d)")


@dataclass(frozen=True, slots=True, order=True)
class EnhancedStatus:
    """An enhanced mail system status code, class.subject.detail (RFC 3463 section 2)."""

    class_: int
    subject: int
    detail: int

    @classmethod
    def find(cls, text: str) -> Self | None:
        """Returns the first status code in `text` that is not part of a longer dotted number, or None."""
        match = _STATUS.search(text)
        return cls(int(match[1]), int(match[2]), int(match[3])) if match else None

    @property
    def is_generic(self) -> bool:
        """Checks for x.0.0, which says no more than its class: Exim, Courier and others write nothing else."""
        return self.subject == 0 and self.detail == 0

    def __str__(self) -> str:
        return f"{self.class_}.{self.subject}.{self.detail}"


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """The per-recipient fields of one report (RFC 3464 section 2.3). None = absent in the message.

    Addresses are bare (no type, no angle brackets), domain in lower case, local part as written.
    `diagnostic_code` is without its type, unfolded to one line; `diagnostic_type` is that type ("smtp", "x-unix").
    `remote_mta` is the host name alone. Two values are not fields of the report. `stage` is the command that was
    refused (see `SmtpReply`), if the text for people says so. `unreadable` is the value in the recipient's place if it
    is not a mailbox by RFC 5321; it names no recipient. It is None if the value is a mailbox or the field is absent.
    """

    original_recipient: MailAddress | ProseAddress | None = None
    final_recipient: MailAddress | ProseAddress | None = None
    action: Action | None = None
    status: EnhancedStatus | None = None
    remote_mta: str | None = None
    diagnostic_type: str | None = None
    diagnostic_code: str | None = None
    last_attempt_date: datetime | None = None
    will_retry_until: datetime | None = None
    stage: str | None = None
    unreadable: str | None = None

    @property
    def recipient(self) -> MailAddress | ProseAddress | None:
        """Returns the address that was mailed, if the report states it: Original-Recipient before Final-Recipient."""
        return self.original_recipient or self.final_recipient


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """One message/delivery-status body: the per-message fields (RFC 3464 section 2.2) and all recipients."""

    reporting_mta: str | None = None
    original_envelope_id: str | None = None
    arrival_date: datetime | None = None
    recipients: tuple[RecipientReport, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedbackReport:
    """The fields of a message/feedback-report part (RFC 5965 section 3).

    `feedback_type` is in lower case ("abuse", "fraud", "virus", "not-spam", "opt-out", "other", …).
    """

    feedback_type: str
    original_rcpt_to: tuple[MailAddress, ...] = ()
    original_mail_from: MailAddress | None = None
    reported_domain: tuple[str, ...] = ()
    source_ip: str | None = None
    user_agent: str | None = None
    arrival_date: datetime | None = None
    authentication_results: tuple[str, ...] = ()
