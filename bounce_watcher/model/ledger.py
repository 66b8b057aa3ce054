"""What the ledger keeps: facts (events), their totals (records), and what follows from them (suppressions, notices)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Doubt, Evidence, Kind
from bounce_watcher.model.grounds import Alarm, Excluded, Grounds, OlderVerdict, Subject
from bounce_watcher.model.optout import OptOut
from bounce_watcher.model.verdict import BounceType, Confidence, Reason

COMPLAINT_REASON = "complaint"
"""The reason of a suppression that rests on a feedback report. All others carry a `Reason`'s value, or none."""

ABUSE = "abuse"  # the one feedback type that is a complaint against the sender (RFC 5965 section 7.3)
DEFAULT_STREAM = "default"


class EventType(StrEnum):
    """The types by which reports are counted. The sender's own failures are kept apart from those of addresses."""

    HARD = "hard"
    SOFT = "soft"
    BLOCK = "block"
    UNDETERMINED = "undetermined"
    COMPLAINT = "complaint"


@dataclass(frozen=True, slots=True)
class BounceEvent:
    """One recipient of one report, as stored. An event is a fact: later decisions never change it.

    `id` is a digest of message and recipient, so the same mail read again gives the same event.
    `at` is when the report was received (aware). `exclusion` says why the event does not count against the recipient;
    None if it counts. `doubt` says why the report is forged or mixed up. `formerly` holds verdicts under older rules
    that `reclassify` has corrected, oldest first. `client_ip` is the host that handed the report to our mail server, as
    that server saw it; None if its Received fields do not tell. `confidence` is that of the verdict; None without one.
    `forwarded`: the report is about another mailbox, `final_recipient`, to which the mail for `recipient` went on.
    """

    id: str
    message_digest: str
    at: datetime
    kind: Kind
    recipient: str
    stream: str
    action: Action | None = None
    final_recipient: str | None = None
    bounce_type: BounceType | None = None
    reason: Reason | None = None
    status: str | None = None
    code: int | None = None
    diagnostic: str | None = None
    remote_mta: str | None = None
    reporting_mta: str | None = None
    rule: str | None = None
    recognizer: str | None = None
    quote: str | None = None
    evidence: Evidence = Evidence.PROSE
    doubt: Doubt | None = None
    feedback_type: str | None = None
    sent_message_id: str | None = None
    sending: str | None = None
    mailbox: str | None = None
    source: str | None = None
    exclusion: Excluded | None = None
    formerly: tuple[OlderVerdict, ...] = ()
    client_ip: str | None = None
    confidence: Confidence | None = None
    forwarded: bool = False

    @property
    def type(self) -> EventType | None:
        """Returns the type; None for delays, receipts and what the rules took back: neither failures nor complaints."""
        if self.kind is Kind.COMPLAINT:
            return EventType.COMPLAINT if self.feedback_type == ABUSE else None
        if self.action is not Action.FAILED:
            return None
        return EventType(self.bounce_type) if self.bounce_type else EventType.UNDETERMINED


class Misread(StrEnum):
    """Groups in which people look through messages that were not recognised, or not surely."""

    FAILURE = "failure"  # a recipient failed, and the words do not say why
    WEAK = "weak"        # a recipient was called dead by a guess (`Confidence.GUESS`)
    NOTICE = "notice"    # it looks like a mail system's notice, but names no recipient
    ADDRESS = "address"  # the recipient it names is not a valid mailbox (RFC 5321)
    LETTER = "letter"    # it does not even look like a report
    OPT_OUT = "opt_out"  # understood, but a person has to act on it: see `model.optout`

    @classmethod
    def of(cls, event: BounceEvent) -> "Misread | None":
        """Returns why people look at an event; None if its words are clear enough, or do not matter."""
        if event.type is EventType.UNDETERMINED:
            return cls.FAILURE
        is_guess = event.type is EventType.HARD and event.confidence is Confidence.GUESS
        return cls.WEAK if is_guess else None


FAILED_RECIPIENTS = frozenset({Misread.FAILURE, Misread.WEAK})
"""The groups that hold events. A rule can be drafted for these only."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A message that should have been understood and was not.

    `wording` is its words, with everything masked that varies. No recipient of it is known. Exception: with
    `Misread.ADDRESS`, some of its other recipients may have been read.
    """

    kind: Misread
    wording: str


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """One message as the ledger stores it, with the events that it makes (none for an auto-reply and the like).

    `packed` is the raw message under `model.message.pack`; None if it is not to be kept. `size` is in bytes, unpacked.
    `unread` is set if a person should look at the message because it, or a recipient in it, was not understood.
    `language` is the language of the text that was not understood: an ISO 639 code, or None if unknown. `opt_outs` are
    its requests for no more mail.
    """

    digest: str
    kind: Kind
    received_at: datetime
    source: str
    mailbox: str | None
    size: int
    packed: bytes | None
    events: tuple[BounceEvent, ...] = ()
    unread: Unread | None = None
    language: str | None = None
    opt_outs: tuple[OptOut, ...] = ()

    @property
    def packed_size(self) -> int | None:
        return None if self.packed is None else len(self.packed)


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """What one committed page added. A duplicate message or event adds nothing.

    `named` holds the digests of messages that name no recipient but whose recipient the ledger knows, duplicates
    included. `kinds` counts the messages, `verdicts` the events by type and reason: see `verdict_of`.
    """

    messages: int = 0
    events: int = 0
    suppressed: int = 0
    released: int = 0
    notices: int = 0
    named: frozenset[str] = frozenset()
    kinds: Mapping[Kind, int] = field(default_factory=dict)
    verdicts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    opt_outs: int = 0


def verdict_of(event: BounceEvent) -> tuple[str, str]:
    """Returns type and reason of an event, for counts: a bounce's type, else the event's kind; "" without a reason."""
    kind = event.bounce_type if event.kind is Kind.BOUNCE and event.bounce_type else event.kind
    return kind.value, event.reason.value if event.reason else ""


class State(StrEnum):
    """The state of one recipient in one stream."""

    ACTIVE = "active"          # nothing counts against it
    WATCHING = "watching"      # something counts, but not enough
    PENDING = "pending"        # enough, but held back
    SUPPRESSED = "suppressed"
    RELEASED = "released"      # suppression ended; what counted before counts no more


class Scope(StrEnum):
    """How far a suppression reaches."""

    STREAM = "stream"  # the stream in which it arose
    GLOBAL = "global"  # all streams of the recipient


class SuppressionSource(StrEnum):
    POLICY = "policy"
    MANUAL = "manual"
    IMPORT = "import"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Suppression:
    """A recipient that must not be mailed. `until` None = for good. `state` is PENDING or SUPPRESSED.

    `reason` is a `Reason`'s value or COMPLAINT_REASON; None if the suppression comes from a person or platform, not a
    report.
    """

    recipient: str
    stream: str
    state: State
    reason: str | None
    since: datetime
    grounds: Grounds
    source: SuppressionSource
    bounce_type: BounceType | None = None
    until: datetime | None = None
    status: str | None = None
    diagnostic: str | None = None
    events: tuple[str, ...] = ()
    scope: Scope = Scope.STREAM


@dataclass(frozen=True, slots=True)
class RecipientRecord:
    """What is known about one address in one stream. `sequence` is the last one used in a notice.

    `counts` are events by bounce type, plus "complaint", "delay" and "delivered".
    `released_at`: nothing at or before this time counts any more.
    `expiry_level`: how many suppressions have expired since a person last released the recipient. `expired_reason`: the
    reason of the suppression that expired at `released_at`; None if something else ended it.
    `delivered_at`: when the platform last delivered. `delivered_since`: when it first delivered after the last bounce.
    `answered_until`: no bounce at or before this time counts any more. See `policy.deliveries`.
    `protected`: the name of the protection that covers the recipient: see `Protection`.
    """

    recipient: str
    stream: str
    state: State = State.ACTIVE
    sequence: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    grounds: Grounds | None = None
    first_event_at: datetime | None = None
    last_event_at: datetime | None = None
    released_at: datetime | None = None
    suppression: Suppression | None = None
    expiry_level: int = 0
    expired_reason: str | None = None
    delivered_at: datetime | None = None
    delivered_since: datetime | None = None
    answered_until: datetime | None = None
    protected: str | None = None


@dataclass(frozen=True, slots=True)
class Protection:
    """An address or domain that a person has protected: no rule suppresses it.

    `name` is an address, or "@" and a domain. `actor` is the person.
    """

    name: str
    at: datetime
    actor: str
    because: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something by hand: a token's name, a proxy's user, or the shell. `at` is when (aware), `note` is what
    they typed."""

    name: str
    at: datetime
    note: str | None = None


class ChangedBy(StrEnum):
    """What changed the state of a recipient."""

    REPORT = "report"      # an event, under the policy
    CLOCK = "clock"        # a suppression ran out
    PERSON = "person"
    PLATFORM = "platform"  # it reported a delivery, or suppressed by itself
    GUARD = "guard"        # the outage guard
    UNDO = "undo"          # an incident was undone
    RULES = "rules"        # other rules read the same mail differently


@dataclass(frozen=True, slots=True)
class StateChange:
    """One change of a recipient's state in a stream: the state afterwards, and why.

    `reason` and `until` belong to the suppression in force at that time, if any. Two changes may (rarely) have the same
    `at`; `number` gives the order in which they were written.
    """

    recipient: str
    stream: str
    number: int
    at: datetime
    state: State
    grounds: Grounds | None
    by: ChangedBy
    reason: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CountedBounce:
    """An earlier event that counted, with the fields that the policy needs. `sent_message_id` None = unknown."""

    event_id: str
    at: datetime
    reason: Reason | None
    sent_message_id: str | None = None
    confidence: Confidence | None = None
    forwarded: bool = False

    @classmethod
    def of(cls, event: BounceEvent) -> "CountedBounce":
        return cls(event.id, event.at, event.reason, event.sent_message_id, event.confidence, event.forwarded)


@dataclass(frozen=True, slots=True)
class History:
    """What `decide` knows about a recipient: its record, and what counted since its last release, oldest first."""

    record: RecipientRecord
    counted: tuple[CountedBounce, ...] = ()


class Step(StrEnum):
    """What a decision does."""

    NOTE = "note"          # record only
    WATCH = "watch"        # counts, but not enough yet
    PEND = "pend"          # enough, but held back
    SUPPRESS = "suppress"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from one event. `grounds` holds the arithmetic, or why the event changes nothing.

    `exclusion` says why the event does not count; None if it counts. `is_duplicate` is set if the event is excluded
    only because something that already counted covers it. `until` is when a suppression ends; None = for good. `events`
    are the ids on which a suppression rests.
    """

    step: Step
    grounds: Grounds
    exclusion: Excluded | None = None
    is_duplicate: bool = False
    until: datetime | None = None
    events: tuple[str, ...] = ()
    scope: Scope = Scope.STREAM


class NoticeType(StrEnum):
    """Types of webhooks (contract)."""

    SUPPRESSED = "recipient.suppressed"
    RELEASED = "recipient.released"
    BOUNCE = "bounce.recorded"
    COMPLAINT = "complaint.recorded"
    ALERT_RAISED = "alert.raised"
    ALERT_CLEARED = "alert.cleared"
    TEST = "endpoint.test"


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that a platform may want to know, before it is written for one target.

    `sequence` grows per recipient and stream; 0 if there is no recipient. `data` holds the rest, JSON-ready.
    """

    type: NoticeType
    at: datetime
    recipient: str | None = None
    stream: str | None = None
    sequence: int = 0
    data: Mapping[str, object] = field(default_factory=dict)


class OutboxState(StrEnum):
    DUE = "due"                # not yet acknowledged: to be sent at `next_attempt_at`
    DELIVERED = "delivered"
    DEAD = "dead"              # retries ran out, or the receiver will never accept it
    SUPERSEDED = "superseded"  # a newer state of the recipient replaces it
    DISCARDED = "discarded"    # by a person


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One webhook for one target. `id` is the webhook-id, the same on each try. `body` is the JSON text as sent.

    `attempts` counts the tries made. `last_answer` is the outcome of the last try, in one line.
    """

    id: str
    target: str
    type: NoticeType
    recipient: str | None
    stream: str | None
    sequence: int
    body: str
    created_at: datetime
    next_attempt_at: datetime
    state: OutboxState = OutboxState.DUE
    attempts: int = 0
    last_answer: str | None = None


Announce = Callable[[Occurrence], Sequence[OutboxItem]]
"""Makes the items that report an occurrence to the targets. Pure: it may be called again for the same occurrence."""


class Disposition(StrEnum):
    """The result of one try to deliver an outbox item."""

    DELIVERED = "delivered"
    RETRY = "retry"
    DEAD = "dead"
    GONE = "gone"    # 410: the endpoint wants no more; the item stays due, the endpoint is disabled
    AGAIN = "again"  # refused in a batch: it stays due with fewer others; this counts as no try


@dataclass(frozen=True, slots=True)
class Attempt:
    """The outcome of one try. `next_attempt_at` is set for RETRY only. `answer` is one line without secrets.

    `leave_alone` is set if the target failed as a whole: the pause that it asked for, or 0 if it asked for none.
    `took` is how long the call waited for the target, with all other items in the same call. Two attempts that differ
    only in `took` are equal. A test is not kept: for it, `status` is the last HTTP status and `failure` is why nothing
    was sent.
    """

    disposition: Disposition
    answer: str
    next_attempt_at: datetime | None = None
    leave_alone: timedelta | None = None
    took: timedelta | None = field(default=None, compare=False)
    status: int | None = field(default=None, compare=False)
    failure: BounceWatcherError | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Tried:
    """A try that the ledger keeps. `number` counts from 1, and goes on when a person sends a delivery again.

    `took` is that of the attempt. `next_at` is when the next try was due at that time; None if there was to be none.
    """

    number: int
    at: datetime
    took: timedelta | None
    disposition: Disposition
    answer: str
    next_at: datetime | None = None


class AlertKind(StrEnum):
    """What an alert is about."""

    OUTAGE = "outage"      # implausibly many hard bounces of one provider or wording: they are held
    BLOCKS = "blocks"      # one provider refuses our mail because of us
    FORGED = "forged"      # reports that are in doubt: forged or mixed up
    ENDPOINT = "endpoint"  # a webhook's receiver wants no more calls
    MAILBOX = "mailbox"    # a mailbox can't be read, or its mail can't be filed
    QUIET = "quiet"        # a mailbox has received no mail for longer than is usual there
    TARGET = "target"      # a webhook, platform or notifier accepts nothing, or something was given up
    FLOOD = "flood"        # more suppressions than usual would rest on unproven reports: the rest are held


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person should know about, from `since` to `ends_at`.

    `ends_at` moves on while the alert lasts; None while no end is in sight. When `cleared`, the alert is over, and its
    end is announced. `subject` is what it is about. `count` is the highest number within the window, `alarm_from` the
    number that raises the alert, `usual` the number they were compared with. For a quiet mailbox, these are hours
    without mail. `quote` is one reply without addresses.
    `held` counts the recipients whose suppression an outage or a flood held back; `released` and `confirmed` count what
    became of them.
    """

    id: str
    kind: AlertKind
    subject: Subject
    since: datetime
    raised_at: datetime
    ends_at: datetime | None
    cleared: bool
    count: int
    alarm_from: int
    usual: float
    grounds: Alarm
    quote: str | None = None
    held: int = 0
    released: int = 0
    confirmed: int = 0

    @property
    def still_held(self) -> int:
        return self.held - self.released - self.confirmed
