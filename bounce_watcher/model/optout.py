"""Opt-outs: who asked for no more mail, in which way, and how far that is proven."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bounce_watcher.model.finding import Doubt, Evidence

OPT_OUT_FEEDBACK = frozenset({"opt-out", "opt-out-list"})
"""Types of feedback reports that ask for an end to mail (of one sender, or of one list) instead of complaining."""


class AskedBy(StrEnum):
    """How somebody asked for no more mail."""

    MAIL = "mail"                        # a mail of their own
    FEEDBACK_REPORT = "feedback_report"  # their provider passed it on (RFC 5965)


@dataclass(frozen=True, slots=True)
class OptOut:
    """One request for no more mail, as one message states it. It suppresses nobody.

    `sender` is the mailbox in From, which nothing proves: in a mail, the person who asks; in a feedback report, the
    provider. `recipient` is the address that we mailed, if our return path or the report names it; `evidence` says how
    far that is proven. Both are None if nothing names one. `doubt` says why the message may be forged or mixed up.
    """

    by: AskedBy
    stream: str
    sender: str | None = None
    recipient: str | None = None
    evidence: Evidence | None = None
    doubt: Doubt | None = None
    sending: str | None = None


@dataclass(frozen=True, slots=True)
class KeptOptOut:
    """An opt-out in the ledger. It waits for a person until `done_at`.

    `done_by` is who dealt with it, and `because` their note. `at` is when the message was received (aware).
    """

    id: str
    message_digest: str
    at: datetime
    asked: OptOut
    mailbox: str | None = None
    source: str | None = None
    done_at: datetime | None = None
    done_by: str | None = None
    because: str | None = None
